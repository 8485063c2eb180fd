// The router: who runs what, and when.
//
// A pure state machine. It takes submitted pipelines, gives each to a pipeliner, keeps what is ready, and hands it to
// brokers as their credit allows. It counts what has ended and what is durable; a pipeline is over when every job of it
// is both. The clock comes with schedule(), the only function that needs it; nothing is decided by wall-clock time.
//
// Credit: a broker always gets work for its slots; ahead of them it is given as many jobs as it is likely to finish
// within kHorizon, by the measured mean run time of such jobs. A wrong guess is mended by Recall when another broker
// idles.
//
// When the end of the launch is known, nothing starts that would not end before it (router_walltime.cpp).
//
// An attempt that failed comes back after a pause that doubles with each of its job's, and first looks for another
// broker (router_retries.cpp).
//
// A rank that is lost takes with it what was assigned there and what was not durable there. Pipelines that had to do
// with it are withdrawn from all brokers, rebuilt from what is durable and what runs elsewhere, and go on
// (router_recovery.cpp).
//
// Bounds: at most active_pipelines per pipeliner are started at once (the rest wait as ids); the ready queue holds at
// most the jobs of active pipelines, as runs; a plan is known to the roles while pipelines of it are not over, and then
// until idle_plans or idle_plan_jobs of RouterOptions push it out.
#pragma once

#include "core/assigned_jobs.hpp"
#include "core/host_ledger.hpp"
#include "core/ready_queue.hpp"
#include "core/run_times.hpp"
#include "core/waiting_jobs.hpp"
#include "core/work_ahead.hpp"
#include "protocol/messages.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock {

struct BrokerDescription {
    std::uint32_t rank = 0;
    std::uint32_t host = 0;  // index of HostLedger
    std::uint32_t slots = 1;
};

struct RouterOptions {
    std::vector<std::uint32_t> pipeliners;         // ranks
    std::optional<std::uint32_t> spare_pipeliner;  // rank that is one when all of these are lost
    std::vector<BrokerDescription> brokers;
    HostLedger hosts;
    bool fail_fast = false;
    Nanoseconds ends_at = 0;                // what runs then is ended; on the clock of schedule(), 0 = no end is known
    Nanoseconds retry_delay = 500'000'000;  // before a job's second attempt; doubles with each further one
    std::uint32_t crash_limit = kCrashLimit;  // so many ranks in a row may be lost under a job
    bool marks_streams = true;                // streams may go on from a position
    // Plans without a pipeline are kept for the next one of them, the latest used: so many, and of so many jobs
    // together.
    std::uint32_t idle_plans = 64;
    std::uint64_t idle_plan_jobs = 100'000;
    static constexpr std::uint32_t kActivePipelines = 4096;
    std::uint32_t active_pipelines = kActivePipelines;  // at each pipeliner; further ones wait
};

// What the router tells its driver beside messages: for records, reports and the driver function.
class RouterEvents {
public:
    virtual ~RouterEvents() = default;
    // The first job of it goes to a broker.
    virtual void started(PipelineId pipeline) = 0;
    // Jobs that ran, as told by a broker.
    virtual void ran(PipelineId pipeline, const msg::Ended& ended, std::uint32_t broker) = 0;
    // An attempt failed, and the job is tried again.
    virtual void attempt_failed(PipelineId, const msg::AttemptFailed&, std::uint32_t /*broker*/) {}
    // Jobs that never will: the driver stores a record of each (they count as records of rank 0).
    virtual void skipped(PipelineId pipeline, const JobRun& jobs, JobIndex cause) = 0;
    // A job counted as succeeded whose values could not be stored: it has failed after all.
    virtual void refused(PipelineId pipeline, const msg::Refused& refused, std::uint32_t broker) = 0;
    // All jobs have ended and are durable.
    virtual void pipeline_over(PipelineId pipeline) = 0;
    // No pipeline of it is left: the number, and the address as its name, are free for another plan.
    virtual void plan_forgotten(PlanId id, const Plan& plan) = 0;
    virtual void store_failed(std::uint32_t broker, const std::string& error) = 0;
    // What a worker of a stage has done so far.
    virtual void counted(PipelineId, JobIndex, const StageCounts&) {}
    // Find out what is durable of it, now, and call Router::rebuilt(). `held`: where outputs are, by rank.
    virtual void recover(PipelineId, std::uint32_t /*epoch*/, const std::vector<HeldOutputs>& /*held*/) {}
    // A rank was lost: this is how far the pipeline is. What was told before of its jobs no longer counts.
    virtual void rebuilt(PipelineId, const std::shared_ptr<const JobHistory>&) {}
    // The driver stores a record of each of these attempts (they count as records of rank 0): they were lost with that
    // rank. `final`: the jobs have failed.
    virtual void lost(PipelineId, const std::vector<AssignedJobs::Run>&, std::uint32_t /*rank*/, bool /*final*/) {}
    // All that came of the first items of a stream is durable: it could go on from there.
    virtual void reached(PipelineId, const std::shared_ptr<const StreamPosition>&) {}
    // Whether a stream may start again.
    virtual bool may_restart(PipelineId) { return true; }
    // Too little is left of the launch; the run drains.
    virtual void cannot_go_on(const std::string& /*reason*/) {}
};

struct RouterCounts {
    std::uint64_t jobs = 0, succeeded = 0, failed = 0, skipped = 0, assigned = 0, durable = 0;
    std::uint64_t kept = 0;  // of those ended: in earlier launches
    std::uint64_t pipelines = 0, pipelines_over = 0;
    std::uint64_t retried = 0;    // attempts that failed and were not the last of their jobs
    std::uint64_t cut_short = 0;  // attempts that were ended, and have not failed
    std::uint64_t ignored = 0;    // messages that made no sense
    std::uint64_t ended() const { return succeeded + failed + skipped; }
};

class Router {
public:
    static constexpr Nanoseconds kHorizon = 20'000'000;
    static constexpr std::uint32_t kMaxAheadPerSlot = 16384;
    static constexpr Nanoseconds kLongJob = 250'000'000;  // jobs longer than this never queue behind another
    static constexpr Nanoseconds kLongestRetryDelay = 30'000'000'000;  // unless the first one is longer
    static constexpr double kLikely = 1.5;  // a job ends within so many times the mean of such jobs
    // When only jobs are left that do not fit: so long nothing else has come, if nothing more will be submitted, or may
    // be.
    static constexpr Nanoseconds kNothingElse = 1'000'000'000;
    static constexpr Nanoseconds kNothingSubmitted = 10'000'000'000;

    Router(RouterOptions options, RouterEvents& events);

    // Submissions. Ids are given in order from 1. `close` = nothing more will be submitted.
    PipelineId submit(PlanId plan_id, const std::shared_ptr<const Plan>& plan, PipelineInfo info,
                      std::int64_t submitted_ns, Outbox& out, std::shared_ptr<const JobHistory> history = nullptr,
                      std::shared_ptr<const StreamPosition> from = nullptr);
    void close(Outbox& out);
    // The driver function wants no more of a stream. Nothing when it is over.
    void close_stream(PipelineId id, Outbox& out);
    // Starts nothing more; what has not started is taken back; ends when nothing runs.
    void drain(Outbox& out);
    // Drains, and ends what runs.
    void end_now(Outbox& out);

    void on(const msg::Ready& m, std::uint32_t from, Outbox& out);
    void on(const msg::Skipped& m, std::uint32_t from, Outbox& out);
    void on(const msg::Ended& m, std::uint32_t from, Outbox& out);
    void on(const msg::AttemptFailed& m, std::uint32_t from, Outbox& out);
    void on(const msg::Returned& m, std::uint32_t from, Outbox& out);
    void on(const msg::Durable& m, std::uint32_t from, Outbox& out);
    void on(const msg::Refused& m, std::uint32_t from, Outbox& out);
    void on(const msg::StoreFailed& m, std::uint32_t from, Outbox& out);
    void on(const msg::StreamReady& m, std::uint32_t from, Outbox& out);
    void on(const msg::StageProgress& m, std::uint32_t from, Outbox& out);
    void on(const msg::StreamReached& m, std::uint32_t from, Outbox& out);
    void on(const msg::FindStored&, std::uint32_t, Outbox&) {}  // its driver's: it knows of no files
    void on(const msg::StoredLost& m, std::uint32_t from, Outbox& out);
    void on(const msg::Withdrawn& m, std::uint32_t from, Outbox& out);
    void on(const msg::Restarted& m, std::uint32_t from, Outbox& out);
    void on(const msg::Alive&, std::uint32_t, Outbox&) {}  // its driver's
    void on(const msg::Bye& m, std::uint32_t from, Outbox& out);

    // A rank is lost: nothing it says must reach the router any more.
    void lose(std::uint32_t rank, Outbox& out);
    // Answer to RouterEvents::recover().
    void rebuilt(PipelineId id, std::uint32_t epoch, const JobHistory& durable, Outbox& out);
    // Before that: the stream does not go on from its last position. False when it would not anyway.
    bool forget_position(PipelineId id);
    bool recovering() const { return recovering_ != 0; }

    // Records of rank 0 itself (skipped jobs) up to this one are durable.
    void own_records_durable(std::uint64_t record, Outbox& out);

    // Hands out work; the driver calls it once after each batch of messages, and at next_due(). `now`: on a clock that
    // does not jump.
    void schedule(Nanoseconds now, Outbox& out);
    // When something happens by time alone; nothing when it does not.
    std::optional<Nanoseconds> next_due() const;

    bool over() const { return stopping_ && byes_ == brokers_.size(); }
    bool stopping() const { return stopping_; }
    bool draining() const { return draining_; }
    bool out_of_time() const { return out_of_time_; }  // it drains for that
    bool closed() const { return closed_; }
    const RouterCounts& counts() const { return counts_; }
    // What could run and does not, by what it needs; at most kMostWaitingKinds, and no more of those that failed are
    // counted.
    std::vector<WaitingJobs> waiting() const;
    std::uint64_t unfinished_pipelines() const { return pipelines_.size(); }
    std::size_t known_plans() const { return plans_.size(); }

private:
    static constexpr std::uint32_t kOwn = 0xffffffff;       // the "rank" of records the router writes itself
    static constexpr std::uint32_t kNoBroker = 0xfffffffe;  // asks a queue without preferring anything
    static constexpr std::uint32_t kBlockTemplates = 256;   // templates sent at once

    struct PlanState {
        std::shared_ptr<const Plan> plan;
        std::set<std::uint32_t> pipeliners_told;
        RunTimes times;
        std::uint64_t pipelines = 0;  // of it, not over
        std::vector<bool> followers;  // which templates are; empty when no end is known
    };
    struct Pipeline {
        PlanState* plan = nullptr;
        PipelineInfo info;
        std::int64_t submitted_ns = 0;
        std::uint32_t pipeliner = 0;
        std::uint32_t left = 0;                     // jobs that have not ended
        std::shared_ptr<const JobHistory> history;  // null: nothing of it was done in an earlier launch
        bool failed = false;
        bool begun = false;      // given to a pipeliner
        bool told = false;       // RouterEvents::started()
        bool all_ended = false;  // and everybody told to forget it
        std::uint32_t succeeded = 0, failures = 0, skipped = 0;
        std::uint32_t epoch = 0;  // how often it was rebuilt
        struct Recovery {
            std::uint32_t rank = 0;           // that was lost last
            std::set<std::uint32_t> awaited;  // brokers that have not said Withdrawn
            std::vector<JobRun> running;
            std::vector<HeldOutputs> held;
            std::vector<std::pair<std::uint32_t, AssignedJobs::Run>> lost;  // with a rank
        };
        std::unique_ptr<Recovery> recovery;          // null but from the loss of a rank until it goes on
        std::map<std::uint32_t, PastAttempts> past;  // of jobs that are to become ready again
        struct Stream {
            std::uint32_t ready = 0;  // jobs
            bool placed = false, stopped = false;
            bool closed = false;                         // by the driver function, perhaps before it was placed
            bool goes_on = false;                        // stopped by a failure: what is behind it does what it has
            std::set<std::uint32_t> unready;             // brokers that have not said StreamReady
            std::unique_ptr<StreamPositions> marks;      // null: it cannot go on from a position
            std::shared_ptr<const StreamPosition> from;  // the last one; null = its beginning
        };
        std::unique_ptr<Stream> stream;                      // null for a pipeline of jobs
        std::vector<std::uint32_t> brokers;                  // told of it
        std::map<std::uint32_t, std::uint64_t> last_record;  // per rank (kOwn: skipped ones): of its ended jobs
    };
    struct Broker {
        BrokerDescription what;
        std::uint32_t simple = 0;    // one-CPU jobs there
        std::uint32_t reserved = 0;  // reserved jobs there
        WorkAhead ahead;             // the simple ones
        AssignedJobs assigned;       // all of them
        // Attempts that have ended there and are not durable yet, by the number of the last record of each run.
        std::deque<std::pair<std::uint64_t, AssignedJobs::Run>> not_durable;
        std::uint64_t durable = 0;
        bool has_credit_entry = false;
        bool recalled = false;           // asked to return jobs, no answer yet
        bool nothing_to_return = false;  // the last answer was empty, and no job has ended there since
        bool gone = false;               // said Bye, or is lost
        bool lost = false;
        std::map<PlanId, std::vector<bool>> blocks;  // sent
    };
    Broker* broker(std::uint32_t rank);
    Pipeline* pipeline(PipelineId id);
    void start_pipelines(Outbox& out);
    void push_ready(const ReadyRun& run, const Pipeline& p);
    bool free_what_ended(Broker& b, Pipeline& p, const msg::Ended& m);
    bool may_hold(const Broker& b, const Pipeline& p, const JobRun& jobs, TemplateIndex t) const;
    void free_room(Broker& b, Pipeline& p, TemplateIndex t, std::uint32_t count);
    void ended_here(PipelineId id, Pipeline& p, std::uint32_t writer, std::uint64_t record, std::uint32_t count,
                    Outbox& out);
    void all_ended(PipelineId id, Pipeline& p, Outbox& out);
    std::uint32_t least_busy_pipeliner() const;
    void tell_plan(Pipeline& p, Outbox& out);
    bool assign(Broker& to, const ReadyRun& run, bool reserved, Outbox& out);
    void introduce(Broker& to, Pipeline& p, const ReadyRun& run, Outbox& out);
    void forget_savings();
    bool saved_for_others(std::uint32_t host, const Resources& wanted) const;
    void save_up(const Resources& wanted);
    void save(std::uint32_t host, const Resources& wanted, HostLedger::Fit is_short);
    bool place_reserved(const Resources& wanted, ReadyQueue& queue, Outbox& out);
    void fill_free_slots(ReadyQueue& queue, Outbox& out);
    void assign_simple(Broker& b, ReadyQueue& queue, std::uint32_t room, Outbox& out);
    void place_simple(ReadyQueue& queue, Outbox& out);
    std::uint32_t credit(const Broker& b, const ReadyRun& run);
    std::optional<std::uint32_t> host_for(const Resources& wanted, std::uint32_t holder);
    std::uint32_t running_simple(std::uint32_t host) const;
    double mean_ns(const ReadyRun& run);  // negative while unknown
    static void add_ahead(Broker& b, Pipeline& p, TemplateIndex t, std::uint32_t jobs, double unknown_ns = 0);
    static void remove_ahead(Broker& b, Pipeline& p, TemplateIndex t, std::uint32_t jobs);
    void give_credit_entry(Broker& b);
    void recall_if_unbalanced(Outbox& out);
    void place_streams(Outbox& out);
    bool place_stream(PipelineId id, Pipeline& p, Outbox& out);
    bool are_free(std::uint64_t cpus) const;
    std::optional<std::vector<std::uint32_t>> reserve_for_stream(PipelineId id, const Plan& plan);
    std::optional<std::vector<std::uint32_t>> reserve_for_stream(const Plan& plan,
                                                                 const std::vector<std::uint32_t>& hosts);
    std::optional<std::uint32_t> broker_for_stage(const Resources& wanted, const std::vector<std::uint32_t>& given,
                                                  std::uint32_t host) const;
    const std::optional<std::vector<std::uint32_t>>& hosts_wanted(PipelineId id, const Plan& plan);
    void save_up_for_stream(PipelineId id, const Plan& plan);
    void stop_stream(PipelineId id, Pipeline& p, msg::StopStream why, Outbox& out);
    bool nothing_running() const;
    void finish_when_durable(PipelineId id, Pipeline& p, Outbox& out);
    void left_by_a_pipeline(PlanId id, Outbox& out);
    void forget_plan(PlanId id, Outbox& out);
    void records_durable(std::uint32_t writer, std::uint64_t record, Outbox& out);
    void stop_if_done(Outbox& out);
    std::uint64_t durable_of(std::uint32_t rank) const;

    WaitingJobs::For what_is_short(const Resources& wanted) const;  // router_waiting.cpp

    // router_recovery.cpp
    static void note_not_durable(Broker& b, std::uint64_t last_record, const AssignedJobs::Run& run);
    std::vector<AssignedJobs::Run> take_lost(Broker& b);
    bool is_touched_by(const Pipeline& p, std::uint32_t rank) const;
    void begin_recovery(PipelineId id, Pipeline& p, std::uint32_t lost, Outbox& out);
    void drop_ready(PipelineId id, Pipeline& p);
    void remember(Pipeline& p, const ReadyRun& run);
    void free_but(Broker& b, PipelineId id, Pipeline& p, const std::vector<JobRun>& running);
    void ask_if_withdrawn(PipelineId id, Pipeline& p);
    struct LostWith {  // a rank: attempts that another follows, and those that were the last ones
        std::vector<AssignedJobs::Run> again, for_good;
    };
    void write_lost(PipelineId id, Pipeline& p, JobHistory& history);
    static std::vector<JobHistory::Kept> give_up(PipelineId id, const Plan& plan, JobHistory& history,
                                                 const std::map<std::uint32_t, std::uint32_t>& attempts,
                                                 LostWith& lost);
    static void note_unheard_followers(const Plan& plan, const AssignedJobs::Run& run,
                                       std::map<std::uint32_t, std::uint32_t>& attempts);
    bool has_last_chance(const PastAttempts& past) const;
    bool has_one_with_a_last_chance(const Broker& b) const;
    void end_recovery(PipelineId id, Pipeline& p, Outbox& out);
    void push_remembered(ReadyRun run, Pipeline& p);
    bool stuck();

    // router_walltime.cpp
    Nanoseconds time_left() const { return options_.ends_at - now_; }
    double likely_ns(PlanState& plan, TemplateIndex t);
    bool fits(const ReadyRun& run);
    const ReadyRun* next_that_fits(ReadyQueue& queue, std::uint32_t broker);
    void postpone(const ReadyRun& run);
    void look_again_at_postponed();
    void drop_postponed(PipelineId id, Pipeline& p);
    void watch_time(Outbox& out);
    void drain_when_nothing_fits(Outbox& out);
    void note_followers(PlanState& plan);
    void note_follower_time(PlanState& plan, TemplateIndex t);
    bool something_is_left() const;
    std::optional<Nanoseconds> next_look_at_time() const;

    // router_retries.cpp
    struct Level;
    Nanoseconds retry_delay(const ReadyRun& run) const;
    void begin_pauses();
    void end_pauses();
    void look_elsewhere(const ReadyRun& run, Level& level);
    void place_elsewhere(Level& level, Outbox& out);
    bool may_take_one_more(const Broker& b, const ReadyRun& run);
    bool may_reserve(std::uint32_t host, const Resources& wanted) const;
    Broker* another_broker(const ReadyRun& run, const Resources& wanted, bool even_there = false);
    bool has_other(std::uint32_t broker) const { return brokers_.size() > 1 && broker_index_.contains(broker); }

    RouterOptions options_;
    RouterEvents& events_;
    RouterCounts counts_;
    std::vector<Broker> brokers_;
    std::unordered_map<std::uint32_t, std::uint32_t> broker_index_;  // rank -> index
    std::vector<std::vector<std::uint32_t>> brokers_of_host_;
    // What a large job waits for and others may not take meanwhile: of each host, and of the whole run.
    struct Saving {
        bool cpus = false, memory = false;
    };
    std::vector<Saving> saving_;
    std::set<std::string> saved_names_;
    std::vector<std::pair<std::uint32_t, Resources>> set_aside_;  // on a host: for a stream that waits for more
    std::deque<std::uint32_t> credit_;                            // brokers that may have room
    std::map<PlanId, PlanState> plans_;
    std::deque<PlanId> idle_plans_;                       // those without a pipeline, the latest used last
    std::uint64_t idle_jobs_ = 0;                         // of them
    std::map<std::uint32_t, std::uint32_t> active_;       // pipelines started, per pipeliner
    std::deque<PipelineId> waiting_;                      // submitted, not started
    std::unordered_map<PipelineId, Pipeline> pipelines_;  // all that are not over, waiting ones too
    std::map<std::uint32_t, std::multimap<std::uint64_t, PipelineId>> waiting_durable_;  // by rank and record
    // By priority, highest first: one queue of one-CPU jobs, and one for each other shape.
    struct Level {
        ReadyQueue simple;
        std::map<Resources, ReadyQueue> reserved;
        // Jobs to be tried again that look for another broker than the last one, by the time at which they take any.
        std::multimap<Nanoseconds, ReadyRun> elsewhere;
        bool empty() const { return simple.empty() && reserved.empty() && elsewhere.empty(); }
    };
    std::map<std::int32_t, Level, std::greater<>> levels_;
    std::vector<ReadyRun> failed_;                  // since the last schedule(); single jobs, with the next attempt
    std::multimap<Nanoseconds, ReadyRun> pausing_;  // by the time at which they are ready
    Nanoseconds now_ = 0;                           // of the last schedule()
    std::deque<PipelineId> streams_;                // all of whose jobs are ready, and that are not placed
    HostLedger held_by_streams_;                    // nothing but that
    std::optional<std::vector<std::uint32_t>> hosts_wanted_;  // by the first of those that wait, for each of its jobs
    std::optional<PipelineId> wanted_by_;                     // none: to be found out
    std::uint64_t ready_simple_ = 0;
    std::uint64_t own_records_ = 0, own_durable_ = 0;
    std::uint32_t next_pipeline_ = 1;
    std::uint32_t next_host_ = 0;
    std::uint32_t total_slots_ = 0;
    std::size_t byes_ = 0;
    std::uint64_t recovering_ = 0;  // pipelines
    bool any_lost_ = false;
    bool closed_ = false, draining_ = false, stopping_ = false;
    // Jobs that would not end in time, by plan and template.
    struct Postponed {
        std::vector<ReadyRun> runs;
        std::uint64_t jobs = 0;
        double likely_ns = 0;
        Nanoseconds left = 0;  // when the first of them could have started
    };
    std::map<std::pair<PlanId, TemplateIndex>, Postponed> postponed_;
    double longest_follower_ns_ = 0;
    std::optional<Nanoseconds> nothing_else_since_;
    Nanoseconds looked_again_ = 0;
    bool followers_told_ = false, ending_ = false, out_of_time_ = false;
};

}  // namespace penstock
