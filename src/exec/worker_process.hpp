// A worker process as its lane sees it: jobs in, results out, what it prints, and how it ended.
//
// Threads: the lane's own, but for kill() and revoke(), which the lane locks against reap(). Bounds: the channel's, and
// one attached (large) document ahead of the running job.
#pragma once

#include "exec/attachment.hpp"
#include "exec/channel.hpp"
#include "exec/job_description.hpp"
#include "exec/materialize.hpp"
#include "exec/zygote.hpp"

#include <sys/types.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock {

struct WorkerResult {
    std::uint64_t sequence = 0;
    std::int64_t started = 0;
    std::int64_t finished = 0;
    EndReason reason = EndReason::succeeded;
    std::string error;
    std::string text;  // printed by the job and not yet read with read_text()
    double cpu_s = 0;
    std::uint64_t peak_memory_bytes = 0;
    Document outputs;
};

// How a process ended, as its parent learns it.
struct ProcessEnd {
    int exit_code = 0;
    int signal = 0;        // 0 = it called exit
    bool unknown = false;  // somebody else waited for it
    std::uint64_t peak_memory_bytes = 0;
};

// The worker process has ended, or closed its socket, while it was given a large document.
class WorkerGone : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// A job on its way into the ring: encoded, but not to be seen by the worker process until submit().
struct StagedJob {
    std::atomic<JobState>* state = nullptr;  // lives as long as the WorkerProcess
    std::uint64_t sequence = 0;
    bool attached = false;
};

class WorkerProcess {
public:
    static constexpr std::size_t kMaxAhead =
        256;  // jobs given to it whose results were not taken; the caller's to keep

    // Throws std::system_error. `bell`: the lane's eventfd.
    WorkerProcess(WorkerSource& source, int bell, const std::filesystem::path& scratch_root);
    // Kills and waits when it was not reaped.
    ~WorkerProcess();

    // Whether any job would fit into the ring now. Throws ChannelDamage.
    bool has_room() const;
    // Encodes a job, and first the description of its template when this process does not know it yet. Only when
    // has_room(). Throws ValueError (a value that cannot be sent), WorkerGone, std::system_error (no memory or
    // descriptor for it).
    StagedJob stage(const Ticket& ticket, const std::shared_ptr<const TemplateInfo>& info, const Materialized& job);
    void submit();  // everything staged

    bool has_result() const { return !results_.empty(); }
    // Throws ChannelDamage.
    std::optional<WorkerResult> take_result();

    // What was printed, up to `text.size()` bytes, with the sequence number of the job that did. 0 bytes = no more.
    struct Printed {
        std::uint64_t sequence = 0;
        std::size_t bytes = 0;
    };
    Printed read_text(std::span<char> text);

    // The lane is about to sleep on its bell, or does not any more.
    void set_lane_asleep(bool asleep);
    void tell_to_stop();
    void kill();  // the process and its group; it ends soon
    // Waits for the process, which has ended or was killed.
    ProcessEnd reap();

    std::int64_t current_started() const;  // of the claimed job, on the steady clock
    std::uint64_t current() const {
        return memory_.control().current.load();
    }  // its sequence number, or the last one's
    double progress() const { return memory_.control().progress.load(std::memory_order_relaxed); }
    int end_descriptor() const { return pidfd_.get(); }  // readable when it has ended
    int text_descriptor() const { return text_.get(); }  // readable when it printed
    pid_t pid() const { return pid_; }

private:
    void wake();
    std::uint32_t number_of(const std::shared_ptr<const TemplateInfo>& info, const Document& parameters);
    void define(const std::shared_ptr<const TemplateInfo>& info, const Document& parameters);
    void send(const Attachment& attachment, std::uint64_t sequence);
    Attachment encode_job(const Materialized& job, bool own_parameters, JobBody& body);

    ChannelMemory memory_;
    RingWriter jobs_;
    RingReader results_;
    FileDescriptor socket_;
    FileDescriptor text_;
    FileDescriptor pidfd_;
    pid_t pid_ = 0;
    LiveGroups::Place group_;
    std::uint64_t sequence_ = 0;
    std::vector<std::shared_ptr<const TemplateInfo>> definitions_;  // by number
    std::unordered_map<const TemplateInfo*, std::uint32_t> numbers_;
    const TemplateInfo* last_ = nullptr;
    std::uint32_t last_number_ = 0;
    std::vector<std::byte> encoded_;
};

// True when the job had not been claimed: it is not run, and yields no result.
bool revoke(std::atomic<JobState>& state);

}  // namespace penstock
