// The jobs of streams at one broker: moves items between them and those of other brokers, and keeps their lanes at
// work.
//
// The router places all jobs of a stream at once (PlaceStream) and assigns each like a job that needs room made for it:
// it has a lane of its own until its end. When all that is placed here has been assigned, StreamReady; when all brokers
// have said so, sources begin (OpenStream), so that no item comes before the job it is for.
//
// Thread: the pump's.
#pragma once

#include "run/item_spool.hpp"
#include "run/stage_job.hpp"

#include "protocol/messages.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock {

// What it asks of its broker.
class StreamHost {
public:
    virtual ~StreamHost() = default;
    virtual void run(std::uint32_t lane, Ticket ticket) = 0;
    virtual void cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) = 0;
    // Items `first` and on of a stage whose results are kept. `attempt`: of the stream, in this launch.
    virtual void store(const std::shared_ptr<const PipelineContext>& pipeline, const JobTemplate& stage,
                       std::uint32_t attempt, std::uint64_t first, StreamItems items) = 0;
    virtual bool may_store() const = 0;
    // How often store() was called, and for how many of these calls, the first ones, the items are durable.
    virtual std::uint64_t stored() const = 0;
    virtual std::uint64_t durable() const = 0;
};

class StreamNode {
public:
    static constexpr std::uint64_t kKept = 16 << 20;  // bytes in memory, of each buffer

    // `spill_folder`: what buffers have beyond that is in files there.
    StreamNode(std::uint32_t rank, StreamHost& host, std::filesystem::path spill_folder, Clock clock = steady_now)
        : rank_(rank), host_(host), spill_folder_(std::move(spill_folder)), clock_(std::move(clock)) {}

    void on(const msg::PlaceStream& m, std::uint32_t from, Outbox& out);
    void on(const msg::OpenStream& m, std::uint32_t from, Outbox& out);
    void on(const msg::StopStream& m, std::uint32_t from, Outbox& out);
    void on(const msg::StreamItems& m, std::uint32_t from, Outbox& out);
    void on(const msg::StreamEnd& m, std::uint32_t from, Outbox& out);
    void on(const msg::StreamTaken& m, std::uint32_t from, Outbox& out);

    // All of its jobs here end as soon as they can.
    void abandon(PipelineId id, Outbox& out);

    // The broker starts a job of a stream.
    void start(std::uint32_t lane, JobStart job);
    // True when it was the outcome of some items, not of a job.
    bool take(Outcome& outcome);
    // Goes on with whatever can go on; outcomes of jobs that have ended are appended. Once a turn. True when something
    // happened.
    bool work(Outbox& out, std::vector<Outcome>& ended);
    void forget(PipelineId pipeline) { streams_.erase(pipeline); }

    // It was stopped because the run ends, and has not failed.
    bool ended_with_the_run(PipelineId id) const {
        const auto at = streams_.find(id);
        return at != streams_.end() && at->second.run_ends;
    }

    bool run_ends() const {
        return std::any_of(streams_.begin(), streams_.end(), [](const auto& s) { return s.second.run_ends; });
    }

    std::size_t streams() const { return streams_.size(); }
    std::uint64_t ignored() const { return ignored_; }

private:
    struct Entry {  // a job of it, here
        std::unique_ptr<StageJob> job;
        Nanoseconds started = 0;
        std::uint64_t stored = 0;  // a stage of results: items so far
        bool stores = false;       // it has told that it does: a stream without items is a result too
        bool cancelled = false;    // what its lane has is not wanted any more
        bool broke = false;        // before it was told to stop
        bool ended = false;
        std::unique_ptr<ItemSpool> kept;  // of a buffer
        bool waits = false;               // in waiting_
        bool stalled = false;             // until there is room to store
        std::uint64_t told = 0;           // to the router: items in and out
        struct Mark {
            std::uint64_t mark = 0;
            std::uint64_t items = 0;  // stored before it
            std::uint64_t calls = 0;  // of store(): it is told when these are durable
        };
        std::deque<Mark> marks;
    };
    struct Stream {
        PipelineId id;
        std::vector<std::uint32_t> ranks;
        std::uint32_t epoch = 0;                     // of the pipeline
        bool marks = false;                          // its source puts marks
        std::shared_ptr<const StreamPosition> from;  // null: at its beginning

        std::uint32_t attempt() const { return epoch + 1; }
        std::uint32_t expected = 0;  // jobs here
        std::unordered_map<JobIndex, Entry> jobs;
        bool open = false;
        std::string stopped;  // why; "" = it is not
        bool stop_told = false;
        bool closed = false;  // by the driver function: what there is counts as a success
        bool run_ends = false;
    };

    Stream* stream(PipelineId id);
    template <class Message>
    bool of_now(const Message& m);
    Entry* entry(PipelineId id, JobIndex job);  // null when it has ended
    bool has_ended(PipelineId id, JobIndex job);
    void look_at(PipelineId id, JobIndex job, Entry& e);
    void look_at_all(Stream& s);
    void advance(Stream& s, Entry& e, Outbox& out, std::vector<Outcome>& ended);
    void send(Stream& s, StageJob& job, Outbox& out);
    void give_back(Stream& s, StageJob& job, Outbox& out);
    static void give_back(Stream& s, JobIndex job, const StreamInput::Work::Of& of, Nanoseconds each, Outbox& out);
    void put_in_order(Stream& s, StageJob& job, Outbox& out);
    void pass_some_on(Stream& s, StageJob& job, Outbox& out);
    void keep(Stream& s, Entry& e, Outbox& out);
    bool store(Stream& s, Entry& e, Outbox& out);
    void keep_lane_busy(Stream& s, Entry& e, Outbox& out);
    void end(Stream& s, Entry& e, Outbox& out, std::vector<Outcome>& ended);
    void tell_progress(Outbox& out);
    void put_marks();
    void tell_marks(const Stream& s, StageJob& job, Outbox& out);
    void tell_durable_marks(Outbox& out);
    static void tell_counts(const Stream& s, Entry& e, StageCounts counts, Outbox& out);
    static std::uint32_t rank_of(const Stream& s, JobIndex job);
    static bool goes_on(const Plan& plan, TemplateIndex stage, TemplateIndex failed);
    static bool behind(const Plan& plan, TemplateIndex stage, TemplateIndex failed);

    static constexpr std::uint64_t kStreamTicket = std::uint64_t{1} << 63;  // broker's own tickets never have this bit

    std::uint32_t rank_;
    StreamHost& host_;
    const std::filesystem::path spill_folder_;
    const Clock clock_;
    std::unordered_map<PipelineId, Stream> streams_;
    std::unordered_map<std::uint64_t, std::pair<PipelineId, JobIndex>> tickets_;  // at lanes
    std::vector<std::pair<PipelineId, JobIndex>> waiting_;                        // jobs to be looked at
    std::uint64_t next_ticket_ = kStreamTicket;
    std::uint64_t ignored_ = 0;  // messages that made no sense, or came after the end
    Nanoseconds next_overdue_ = 0;
    bool timeouts_ = false;
    bool wakes_ = false;  // some worker has asked to be woken
    Nanoseconds next_progress_ = 0;
    Nanoseconds next_marks_ = 0;
    std::uint64_t marks_waiting_ = 0;  // for items to be durable, in all streams
};

}  // namespace penstock
