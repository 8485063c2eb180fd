// What jobs print, kept whole: `penstock log RUN JOB` reads it.
//
// One file per broker process, made when the first job says something, so that a million short logs are two files and
// not a million. `<host>.<pid>.<n>.log` is text for people too: each piece of a job's output stands after one line of
// JSON that says whose it is ({"pipeline":, "pipeline-instance":, "job":, "instance":, "attempt":, "bytes":}), and ends
// with a line break of its own. Pieces of several attempts may alternate; those of one attempt are in order.
// `<host>.<pid>.<n>.index` has an IndexEntry for each piece; it may end earlier than the log does (it is written in
// larger steps), and readers then walk through the rest of the log itself.
//
// Bounds: kMaxJobLogBytes of one attempt; what comes after is counted and not kept.
#pragma once

#include <penstock/value.hpp>

#include "exec/spawn_descriptor.hpp"

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

inline constexpr std::uint64_t kMaxJobLogBytes = 64ull * 1024 * 1024;

// Whose output it is.
struct JobLogKey {
    std::string pipeline;
    std::string pipeline_instance;  // "" unless submitted by --for-each
    std::string job;
    std::string instance;  // ForEach::label, "" for a job without for-each
    std::uint32_t attempt = 1;
    friend bool operator==(const JobLogKey&, const JobLogKey&) = default;
};

// The file of one broker process. Threads: any. Errors: a log that cannot be written (disk full) costs the log and not
// the job: problem() then says what went wrong first.
class JobLog {
public:
    // An empty directory path = nothing is kept.
    explicit JobLog(std::filesystem::path directory);
    ~JobLog();
    JobLog(const JobLog&) = delete;
    JobLog& operator=(const JobLog&) = delete;

    // One write; the text is in the file (not synced) when this returns.
    void append(const JobLogKey& key, std::string_view text);

    std::string problem() const;

private:
    bool open();
    void fail(const std::string& what);
    void write_index();

    const std::filesystem::path directory_;
    mutable std::mutex mutex_;
    FileDescriptor log_;
    FileDescriptor index_;
    std::string index_path_;
    std::vector<std::byte> index_buffer_;
    std::uint64_t end_ = 0;  // of the log
    std::string problem_;
};

// Gathers the output of one running attempt: the beginning and the end of it in memory for OutcomeDetails::log, all of
// it in the JobLog. Threads: one at a time.
class AttemptLog {
public:
    // `kept_bytes`: LaneOptions::log_bytes. `file` must outlive this object.
    AttemptLog(JobLog& file, JobLogKey key, std::uint64_t kept_bytes);

    // Text goes to the file by itself: the first at once, then when there is much, or the last time was a second ago.
    void add(std::string_view text);
    void flush();  // now

    // The rest goes to the file. Returns what OutcomeDetails::log is to hold: all of it, or its beginning, a line
    // that says how much was left out (and why the file has not got it either), and its end. Invalid bytes of UTF-8 are
    // replaced.
    std::string finish();

private:
    void keep(std::string_view text);

    JobLog& file_;
    JobLogKey key_;
    std::uint64_t half_;
    std::string first_;  // the first half_ bytes
    std::string last_;   // what came after, cut to its last half_ bytes from time to time
    std::uint64_t total_ = 0;
    std::string pending_;  // not yet in the file
    std::int64_t flushed_at_ = 0;
};

struct JobLogText {
    std::uint32_t attempt = 1;
    std::string text;
};

// The output of all attempts of one job in a run's log directory, by attempt. Empty when it printed nothing. Files that
// are being written, or were cut by a crash, are read as far as they are whole.
std::vector<JobLogText> read_job_log(const std::filesystem::path& directory, std::string_view pipeline,
                                     std::string_view pipeline_instance, std::string_view job,
                                     std::string_view instance);

// The same of all workers of a stage that printed something, by their numbers.
inline constexpr std::uint32_t kMaxStageWorkers = 100'000;
struct WorkerLogText {
    std::string instance;  // worker=K
    std::vector<JobLogText> attempts;
};
std::vector<WorkerLogText> read_stage_log(const std::filesystem::path& directory, std::string_view pipeline,
                                          std::string_view pipeline_instance, std::string_view stage);

}  // namespace penstock
