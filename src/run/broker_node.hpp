// A broker with all it needs to run jobs for real: lanes, the writer, the outputs it keeps.
//
// Thread: the pump's. Lanes and writer have threads of their own and wake the pump.
#pragma once

#include "core/broker.hpp"
#include "exec/lanes.hpp"
#include "report/durations.hpp"
#include "run/clock.hpp"
#include "run/ending_jobs.hpp"
#include "run/stream_node.hpp"
#include "run/told_to_end.hpp"
#include "run/value_cache.hpp"
#include "run/value_exchange.hpp"
#include "store/record_writer.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace penstock {

struct BrokerNodeOptions {
    std::uint32_t rank = 0;
    std::uint32_t slots = 1;
    std::uint32_t crash_limit = kCrashLimit;
    bool user_store = false;  // values go to a store of the program's own
    std::filesystem::path run_directory;
    std::uint64_t cache_bytes = 1ull << 30;  // outputs kept in memory; beyond it they are spilled
    RouterCalendar calendar;
    std::function<void()> wake;                           // of the pump, by other threads; may be null
    const std::atomic<Nanoseconds>* signal_at = nullptr;  // see ToldToEnd
};

class BrokerNode final : private BrokerHost, private StreamHost {
public:
    BrokerNode(BrokerNodeOptions options, std::unique_ptr<Lanes> lanes, std::unique_ptr<RecordWriter> writer);
    ~BrokerNode();

    void on(const BrokerMessage& message, std::uint32_t from, Outbox& out);
    // What lanes and writer have for us. True when there was anything.
    bool work(Outbox& out);
    // Once after each batch of events.
    void settle(Outbox& out) { broker_.settle(out); }

    bool finished() const { return finished_; }
    const Broker& broker() const { return broker_; }

private:
    void start(std::uint32_t lane, std::vector<JobStart> jobs) override;
    std::vector<std::uint64_t> take_back(std::uint32_t lane) override;
    bool may_start() const override;
    void fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner) override;
    void forget_inputs(std::uint64_t ticket) override;
    void end_attempt(std::uint32_t lane, std::uint64_t ticket) override;
    void release(const JobRun& jobs) override;
    std::vector<JobRun> held(PipelineId pipeline) override;
    void abandon_stream(PipelineId pipeline) override;
    void forget(PipelineId pipeline) override;
    void forget(PlanId plan) override;
    void flush() override;
    void stop() override;

    // StreamHost
    void run(std::uint32_t lane, Ticket ticket) override;
    void cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) override;
    void store(const std::shared_ptr<const PipelineContext>& pipeline, const JobTemplate& stage, std::uint32_t attempt,
               std::uint64_t first, StreamItems items) override;
    bool may_store() const override { return may_start(); }
    std::uint64_t stored() const override { return items_stored_; }
    std::uint64_t durable() const override { return writer_->durable_items(); }

    JobRecord record_of(Outcome& outcome, const JobEnd& end);
    static std::shared_ptr<const Document> what_others_read(const JobRecord& record);
    void count(const JobTemplate& job, const Outcome& outcome, bool final_attempt);
    void say_why_not_again(JobRecord& record) const;
    void take_arrived();
    bool take_stored(Outbox& out);
    bool take_outcomes(Outbox& out);
    void take_outcome(Outcome& outcome, std::shared_ptr<const Document> saved, std::vector<JobRecord>& records,
                      Outbox& out);
    bool saves_first(Outcome& outcome);
    bool take_saved(std::vector<JobRecord>& records, Outbox& out);
    bool take_durable(Outbox& out);
    void begin_goodbye();
    void say_goodbye(Outbox& out);

    struct WorkerFigures {
        std::uint64_t succeeded = 0, failed = 0, total_ns = 0;
        Durations durations;
    };

    BrokerNodeOptions options_;
    std::unique_ptr<Lanes> lanes_;
    std::unique_ptr<RecordWriter> writer_;
    ValueCache cache_;
    ValueExchange exchange_;
    StoredReader stored_;
    StreamNode streams_;
    ToldToEnd told_to_end_;
    EndingJobs ending_;
    Broker broker_;
    Outbox* out_ = nullptr;  // of the call being served: BrokerHost functions send through it
    std::vector<Outcome> outcomes_;
    struct Saving {
        Outcome outcome;
        std::shared_ptr<const Document> outputs;
    };
    std::unordered_map<std::uint64_t, Saving> saving_;  // by ticket; no more than there are lanes' jobs
    std::uint64_t durable_told_ = 0;
    std::uint64_t items_stored_ = 0;          // records of streams
    std::deque<JobRun> not_durable_;          // the job of each record from durable_told_ + 1 on
    std::set<std::uint64_t> without_inputs_;  // tickets that fail because what they read is lost
    bool store_failed_ = false;
    bool stopping_ = false, finished_ = false;
    std::thread goodbye_;  // ends lanes and writer, which may take longer than others wait for a sign of life
    std::atomic<bool> all_written_{false};
    std::map<std::string, WorkerFigures> figures_;
    const JobTemplate* last_job_ =
        nullptr;  // figures of the worker type of the job before, which is most often the same
    WorkerFigures* last_figures_ = nullptr;
};

}  // namespace penstock
