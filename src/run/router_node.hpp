// The router with what surrounds it at rank 0: submissions, records of its own, and what people are told.
//
// Threads: everything but the Feed functions belongs to the pump. The feed is a bounded queue: submit() blocks while
// kMaxWaiting submissions wait to be taken.
#pragma once

#include "core/router.hpp"
#include "report/durations.hpp"
#include "report/observer.hpp"
#include "run/clock.hpp"
#include "run/position_keeper.hpp"
#include "run/recovery.hpp"
#include "run/run.hpp"
#include "run/stream_desk.hpp"
#include "run/stream_watch.hpp"
#include "run/waker.hpp"
#include "store/record_writer.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace penstock {

class RouterNode final : public Feed, private RouterEvents {
public:
    static constexpr std::size_t kMaxWaiting = 4096;

    struct Options {
        std::vector<std::string> host_of_rank;
        bool launcher_ends_all = false;  // when a rank dies, as far as is known
        Recovery::Options recovery;      // its `wake` is set here
        std::string ends_by;             // who says when the launch ends
        std::uint32_t incarnation = 1;   // of the run
    };
    RouterNode(RouterOptions router, Options options, std::unique_ptr<RecordWriter> writer, RunObserver& observer,
               Waker& waker);

    // Feed: any thread.
    PipelineId submit(Submission submission) override;
    void close() override;
    bool stopping() const override;

    // The pump.
    void on(const RouterMessage& message, std::uint32_t from, Outbox& out);
    // True when it is not for the broker of this rank, but for the driver function.
    bool take(const BrokerMessage& message, std::uint32_t from, Outbox& out) { return desk_.take(message, from, out); }
    bool work(Outbox& out);
    void settle(Outbox& out) {
        router_.schedule(steady_now(), out);
        note_time();
    }
    // When settle() has something to do by time alone.
    std::optional<Nanoseconds> next_due() const { return router_.next_due(); }
    // So many signals to stop have come: the first one drains, the second one ends what runs.
    void interrupt(int signals, Outbox& out);
    // Nothing of that rank may come to on() any more.
    void lose(std::uint32_t rank, const std::string& how, Outbox& out);
    bool finished() const { return router_.over(); }
    // Ends the writer and tells the observer; call once, when finished.
    RunSummary summary();
    const Router& router() const { return router_; }

private:
    struct Known {
        std::shared_ptr<const PipelineContext> context;
        std::int64_t submitted_ns = 0;
        std::int64_t started_ns = 0;
        std::uint64_t succeeded = 0, failed = 0, skipped = 0;
        std::unique_ptr<StreamWatch> stream;              // null for a pipeline of jobs
        std::uint64_t reached = 0;                        // items of its source of which all is durable
        std::uint64_t began_at = 0;                       // likewise, when it was last started
        std::uint32_t epoch = 0;                          // how often it was rebuilt
        bool broke = false;                               // a job of it failed, and not because the run ends
        std::optional<std::uint64_t> identity;            // stream_identity(), of one that may go on from a position
        std::shared_ptr<const Resumption> resumption;     // null: nothing of it was done in an earlier launch
        std::shared_ptr<const JobHistory> at_start;       // of the resumption it was submitted with
        std::map<std::string, std::uint64_t> skipped_of;  // by worker type
    };
    struct ToRecover {
        std::uint64_t own_records = 0;  // have to be durable first
        Recovery::Question question;
    };
    struct Waiting {
        PipelineId id;
        Submission submission;
    };

    void started(PipelineId pipeline) override;
    void ran(PipelineId pipeline, const msg::Ended& ended, std::uint32_t broker) override;
    void attempt_failed(PipelineId pipeline, const msg::AttemptFailed& failed, std::uint32_t broker) override;
    void skipped(PipelineId pipeline, const JobRun& jobs, JobIndex cause) override;
    void refused(PipelineId pipeline, const msg::Refused& refused, std::uint32_t broker) override;
    void pipeline_over(PipelineId pipeline) override;
    void plan_forgotten(PlanId, const Plan& plan) override { plan_ids_.erase(&plan); }
    void store_failed(std::uint32_t broker, const std::string& error) override;
    void counted(PipelineId pipeline, JobIndex job, const StageCounts& counts) override;
    void recover(PipelineId pipeline, std::uint32_t epoch, const std::vector<HeldOutputs>& held) override;
    void rebuilt(PipelineId pipeline, const std::shared_ptr<const JobHistory>& history) override;
    void reached(PipelineId pipeline, const std::shared_ptr<const StreamPosition>& position) override;
    void tell_where_it_begins(const PipelineContext& pipeline, const Resumption& resumption);
    void begin_again(PipelineId pipeline, Known& known, std::uint64_t identity);
    void lost(PipelineId pipeline, const std::vector<AssignedJobs::Run>& attempts, std::uint32_t rank,
              bool final) override;
    bool may_restart(PipelineId pipeline) override;
    void cannot_go_on(const std::string& reason) override;
    bool recover_further(Outbox& out);
    std::string name_of(std::uint32_t rank) const;
    static std::string pipeline_name(const PipelineContext& pipeline);

    bool take_submissions(Outbox& out);
    void submit_now(Waiting waiting, Outbox& out);
    void answer(const msg::FindStored& question, std::uint32_t from, Outbox& out);
    bool take_durable(Outbox& out);
    void note_failure(const PipelineContext& pipeline, JobIndex job, const std::string& error);
    void note_goodbye(const msg::Bye& bye);
    void stage_job_ended(Known& known, const msg::Ended& ended);
    void record_pipeline(const Known& known, JobStatus status);
    void record_extents(const Known& known);
    void add_to_summary(const StreamWatch& stream);
    Progress progress() const;
    void tell_progress();
    void tell_what_waits();
    void note_time();

    const std::uint64_t slots_;  // of all brokers
    const Options options_;
    RunObserver& observer_;
    Waker& waker_;
    std::unique_ptr<RecordWriter> writer_;
    Router router_;
    StreamDesk desk_;
    std::unordered_map<PipelineId, Known> pipelines_;
    std::map<const Plan*, PlanId> plan_ids_;  // the router keeps each of them, so that its address stays its name
    std::uint32_t next_plan_ = 1;

    mutable std::mutex mutex_;  // guards the next five
    std::condition_variable room_;
    std::deque<Waiting> waiting_;
    std::uint32_t next_id_ = 1;
    bool feed_closed_ = false;
    bool refusing_ = false;  // the run ends early

    bool closed_told_ = false;
    Nanoseconds first_submit_ = 0, first_start_ = 0, last_durable_ = 0;
    Nanoseconds last_progress_ = 0;
    std::uint64_t last_told_ = 0;
    Nanoseconds last_waiting_ = 0;
    std::uint64_t last_waiting_told_ = 0;
    std::uint64_t own_durable_ = 0, own_records_ = 0;
    Recovery recovery_;
    PositionKeeper positions_;
    std::uint32_t beginnings_told_ = 0;
    std::vector<ToRecover> to_recover_;
    std::vector<std::uint32_t> lost_ranks_;
    std::string fatal_;
    std::vector<RunSummary::LostFile> lost_files_;
    bool interrupted_ = false;
    bool out_of_time_told_ = false;
    std::vector<WaitingJobs> not_started_;  // for that
    struct Figures {
        std::uint64_t succeeded = 0, failed = 0, skipped = 0, total_ns = 0;
        Durations durations;
    };
    std::map<std::string, Figures> figures_;
    struct Streams {
        RouterCounts jobs;  // of them, which are no jobs to people
        std::uint64_t ended = 0, failed = 0;
        std::uint64_t that_go_on = 0;  // with the next launch, of those that were cut short
        std::uint64_t items = 0;       // that their sources have made
        std::vector<StageSummary> stages;
    };
    Streams streams_;
    std::map<std::pair<std::string, std::string>, FailureKind> failures_;  // by worker and text without digits
};

}  // namespace penstock
