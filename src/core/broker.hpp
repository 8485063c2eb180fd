// The broker: keeps its lanes busy.
//
// A pure state machine. It queues what the router assigns, has inputs fetched, hands jobs to lanes a few ahead when
// they are short, and tells router and pipeliner what has ended, as runs. Values are none of its business: its host
// (the driver) fetches, keeps and frees them.
//
// Bounds: the router's credit limits what is queued; a lane holds at most kMaxInLane jobs and, ahead of the running
// one, no more than are likely to take kLaneHorizon.
#pragma once

#include "core/run_times.hpp"
#include "exec/task.hpp"
#include "protocol/messages.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace penstock {

// One job for a lane. The host adds its fetched inputs.
struct JobStart {
    std::uint64_t ticket = 0;
    std::shared_ptr<const PipelineContext> pipeline;
    TemplateIndex job;
    std::uint32_t instance = 0;
    std::uint32_t attempt = 1;
};

// A job that has ended, as its record needs it.
struct JobEnd {
    std::shared_ptr<const PipelineContext> pipeline;
    TemplateIndex job;
    std::uint32_t instance = 0;
    std::uint32_t attempt = 1;
    std::int64_t submitted_ns = 0;
    bool follow = false;                         // call Broker::follow() once the outputs are kept
    NextAttempt next = NextAttempt::no_retries;  // of a failure: whether the job is tried again
};

// How a lane was done with a job.
struct AttemptEnd {
    bool succeeded = true;
    Nanoseconds busy = 0;
    bool crashed = false;  // it ended its worker process
    std::string_view error = {};
    bool told_to_end = false;  // it has not failed: somebody ended it, and the job runs again
};

// What a broker asks of its driver.
class BrokerHost {
public:
    virtual ~BrokerHost() = default;
    virtual void start(std::uint32_t lane, std::vector<JobStart> jobs) = 0;
    // The tickets of this lane that nobody has started; they will not run.
    virtual std::vector<std::uint64_t> take_back(std::uint32_t lane) = 0;
    // False while the writer has more than it can hold: start nothing.
    virtual bool may_start() const = 0;
    // Get the outputs this job reads; Broker::inputs_arrived follows. `located`: all of them are at rank `holder`.
    virtual void fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner) = 0;
    virtual void forget_inputs(std::uint64_t ticket) = 0;
    // End this attempt; the job runs again in another launch.
    virtual void end_attempt(std::uint32_t /*lane*/, std::uint64_t /*ticket*/) {}
    virtual void release(const JobRun& jobs) = 0;
    // Jobs of the pipeline whose outputs are kept here, in order.
    virtual std::vector<JobRun> held(PipelineId pipeline) = 0;
    // All jobs of this stream here are to end as soon as they can.
    virtual void abandon_stream(PipelineId pipeline) = 0;
    virtual void forget(PipelineId pipeline) = 0;
    virtual void forget(PlanId plan) = 0;
    virtual void flush() = 0;
    virtual void stop() = 0;
};

class Broker {
public:
    static constexpr std::uint32_t kMaxInLane = 8192;
    static constexpr Nanoseconds kLaneHorizon = 10'000'000;
    static constexpr Nanoseconds kLongJob = 250'000'000;

    // A job whose last `crash_limit` attempts all crashed is not tried again.
    Broker(std::uint32_t rank, std::uint32_t slots, BrokerHost& host, std::uint32_t crash_limit = kCrashLimit);

    void on(const msg::PlanBlock& m, std::uint32_t from, Outbox& out);
    void on(const msg::IntroducePipeline& m, std::uint32_t from, Outbox& out);
    void on(const msg::Assign& m, std::uint32_t from, Outbox& out);
    void on(const msg::Recall& m, std::uint32_t from, Outbox& out);
    void on(const msg::Release& m, std::uint32_t from, Outbox& out);
    void on(const msg::Withdraw& m, std::uint32_t from, Outbox& out);
    void on(const msg::Continue& m, std::uint32_t from, Outbox& out);
    void on(const msg::Alive&, std::uint32_t, Outbox&) {}  // these three are its driver's
    void on(const msg::RankLost&, std::uint32_t, Outbox&) {}
    void on(const msg::Leave&, std::uint32_t, Outbox&) {}
    void on(const msg::ForgetPipeline& m, std::uint32_t from, Outbox& out);
    void on(const msg::ForgetPlan& m, std::uint32_t from, Outbox& out);
    void on(const msg::Flush& m, std::uint32_t from, Outbox& out);
    void on(const msg::Stop& m, std::uint32_t from, Outbox& out);

    void inputs_arrived(std::uint64_t ticket);

    // A lane is done with a ticket. Returns what the job was; its record is the next one of this broker.
    JobEnd ended(std::uint64_t ticket, const AttemptEnd& how, Outbox& out);
    // What a ticket in a lane is about.
    std::optional<JobStart> job_of(std::uint64_t ticket);
    // The values of a record could not be stored after all.
    void refused(msg::Refused refused, Outbox& out);
    // Records up to this one are durable.
    void durable(std::uint64_t record) { durable_ = record; }
    // Goes on with the follower of a job that has just ended here: no message, no router, no other rank.
    void follow(const JobEnd& end);
    // Sends what ended() gathered, and gives lanes more to do. Called once after each batch of events.
    void settle(Outbox& out);

    std::uint64_t records() const { return records_; }
    std::uint64_t running() const { return in_lanes_; }
    std::uint64_t queued() const { return queued_jobs_; }
    std::size_t tickets_in_use() const { return tickets_.size() - free_tickets_.size(); }
    std::uint64_t ignored() const { return ignored_; }
    std::size_t known_plans() const { return plans_.size(); }
    // Rank that pipelines' messages about jobs go to; for the driver's own questions.
    std::uint32_t pipeliner_of(PipelineId pipeline) const;
    std::shared_ptr<const PipelineContext> context_of(PipelineId pipeline) const;

private:
    struct KnownPlan {
        std::shared_ptr<const Plan> plan;
        RunTimes times;
        std::uint32_t pipelines = 0;  // of it, not forgotten
    };
    struct Pipeline {
        std::shared_ptr<const PipelineContext> context;
        KnownPlan* plan = nullptr;
        std::uint32_t pipeliner = 0;
        std::int64_t submitted_ns = 0;
        bool follows = true;               // this broker may go on with followers by itself
        std::uint64_t in_hand = 0;         // jobs queued, waiting or running
        std::uint32_t epoch = 0;           // how often it was withdrawn
        bool withheld = false;             // until Continue: nothing is told of it
        bool abandoned = false;            // a stream: until all of its jobs here have ended
        std::vector<RouterMessage> later;  // what was to be told meanwhile; no more than jobs ran at its Withdraw
    };
    struct Withdrawal {
        msg::Withdrawn answer;
        std::uint64_t records = 0;  // have to be durable first
    };
    struct Queued {
        Pipeline* pipeline = nullptr;
        msg::Assign what;          // jobs not yet ticketed
        std::uint64_t ticket = 0;  // a single job whose inputs have arrived; else 0
    };
    struct Ticketed {
        Pipeline* pipeline = nullptr;
        std::uint32_t job_template = 0;
        std::uint32_t job = 0;
        std::uint32_t attempt = 1;
        std::uint32_t holder = 0;
        std::uint32_t lane = kNoLane;  // kNoLane: waits for inputs or a lane
        std::uint32_t generation = 0;  // a ticket's upper half, so that an old ticket is recognised
        PastAttempts past;
        float likely_ns = 0;  // in its lane it counts as it was guessed when it came there
        bool located = true, reserved = false, used = false;
        bool waits_for_inputs = false;
        bool first_in_line = false;  // a follower: goes before what else is queued
        bool told_to_end = false;
    };
    struct Lane {
        std::uint32_t in_hand = 0;
        double likely_ns = 0;
        bool reserved = false;
    };
    static constexpr std::uint32_t kNoLane = 0xffffffff;
    static constexpr std::uint32_t kEverything = 0xffffffff;  // a Recall of so many: the run drains

    std::uint64_t make_ticket(Pipeline& p, const msg::Assign& what, std::uint32_t job);
    Ticketed* find(std::uint64_t ticket);
    void drop(std::uint64_t ticket);
    JobStart start_of(std::uint64_t ticket, const Ticketed& t) const;
    void to_lane(std::uint32_t lane, std::uint64_t ticket, std::vector<JobStart>& starts);
    void start_reserved(std::uint64_t ticket);
    std::uint32_t room(const Lane& lane, Queued& next) const;
    void fetch(std::uint64_t ticket);
    void fill_lanes();
    void hand_out();
    bool fill_lane(std::uint32_t lane);
    bool unqueue_for_idle_lane();
    void answer_recall(Outbox& out);
    static void add_returned(msg::Returned& answer, const msg::Assign& what);
    std::uint32_t unqueue(std::uint32_t lane);
    msg::Assign assign_of(const Ticketed& t) const;
    bool next_one_for(std::uint32_t lane);
    void attempt_failed(const Ticketed& t, const PastAttempts& past, const AttemptEnd& how, Outbox& out);
    void send_ended(Outbox& out);
    void end_what_runs();

    // broker_recovery.cpp
    void take_back_all();
    void drop_queued(const Pipeline& p);
    void drop_waiting(const Pipeline& p);
    std::vector<JobRun> running_of(const Pipeline& p) const;
    void answer_withdrawals(Outbox& out);
    void tell(Pipeline& p, RouterMessage m, Outbox& out);
    static void send(const Pipeline& p, RouterMessage m, Outbox& out);

    std::uint32_t rank_;
    std::uint32_t slots_;
    BrokerHost& host_;
    std::uint32_t crash_limit_;
    std::unordered_map<PlanId, KnownPlan> plans_;         // pointers into it stay valid until forgotten
    std::unordered_map<PipelineId, Pipeline> pipelines_;  // pointers into it stay valid until forgotten
    std::deque<Queued> queue_;
    std::uint64_t queued_jobs_ = 0;
    std::vector<Lane> lanes_;  // the first slots_ are for one-CPU jobs, further ones for reserved jobs
    std::uint64_t in_lanes_ = 0;
    std::vector<Ticketed> tickets_;
    std::vector<std::uint32_t> free_tickets_;
    std::uint64_t records_ = 0;
    std::uint64_t durable_ = 0;
    std::vector<Withdrawal> withdrawals_;  // not answered
    std::uint64_t ignored_ = 0;
    std::uint64_t waiting_for_inputs_ = 0;
    std::uint32_t owed_ = 0;  // asked for by a Recall and not yet answered
    bool draining_ = false;
    bool ending_ = false;  // what runs is to be ended
    bool no_followers_ = false;
    msg::Ended pending_{{{}, {}, 0}, true, 1, 0, 0, false, {}};  // what ended and was not sent yet: one run
    std::uint32_t pending_template_ = 0;
};

}  // namespace penstock
