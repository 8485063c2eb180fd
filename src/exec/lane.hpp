// One lane: a queue of tickets and the one thing that runs them, in order, whatever their kind.
//
// The lane's thread (made with the first job that needs it) runs inline jobs itself and feeds a worker process ahead of
// what that runs; external jobs go to the ExternalRunner, and the one after another is started from the runner's own
// thread. Files: lane.cpp is what the pump and the runner call, lane_thread.cpp the thread with its inline jobs,
// lane_process.cpp the side of worker processes, lane_limits.cpp what the watch calls.
#pragma once

#include "exec/attempt.hpp"
#include "exec/external_runner.hpp"
#include "exec/job_log.hpp"
#include "exec/lanes.hpp"
#include "exec/notices.hpp"
#include "exec/outcome_queue.hpp"
#include "exec/resource_meter.hpp"
#include "exec/spin_wait.hpp"
#include "exec/worker_process.hpp"
#include "exec/zygote.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace penstock {

// What the lanes of one broker share. Lives as long as the last thread that needs it.
struct LaneWorld {
    LaneWorld(const WorkerTypes& worker_types, std::unique_ptr<Zygote> zygote, LaneOptions lane_options);

    void note();   // there is something to drain; the pump sees it when it looks, or somebody else wakes it
    void wake();   // note(), and the pump, unless it was woken already and has not drained since
    void close();  // nobody is woken from now on

    const WorkerTypes types;
    const LaneOptions options;
    JobLog log;
    WorkerSource workers;
    std::atomic<ExternalRunner*> runner{nullptr};
    std::atomic<bool> noted{false};  // since the last drain
    std::atomic<bool> woken{false};  // since the last drain

private:
    std::mutex wake_mutex_;
    bool closed_ = false;
};

// A user's store could not say what a job needs.
class StoreFailure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct LaneJob {
    Ticket ticket;
    std::shared_ptr<const TemplateInfo> info;
};

// Why a job that was stopped did not end by itself, for people.
std::string stop_text(EndReason reason);
std::string damage_text(const std::exception& error);
std::unique_ptr<OutcomeDetails> make_details(EndReason reason, std::string error);

class Lane : public std::enable_shared_from_this<Lane> {
public:
    Lane(std::shared_ptr<LaneWorld> world, std::uint32_t number);

    // The pump's.
    void run(std::vector<LaneJob> jobs);
    void take_back(std::vector<Ticket>& tickets);
    // An outcome when the ticket had not been started: then it never is.
    std::optional<Outcome> cancel(std::uint64_t ticket, EndReason reason);
    bool drain(std::vector<Outcome>& out) { return outcomes_.drain(out); }
    double progress() const;
    // The watch's: ends what runs beyond its limits, and returns when to look again.
    Nanoseconds watch(Nanoseconds now);
    // Nothing starts any more; what runs has until `deadline`. Outcomes of what had not been started are appended.
    void stop(std::int64_t deadline, std::vector<Outcome>& outcomes);
    // Waits for the thread, at most until a little after the deadline.
    void finish();

    // The runner's: the lane's external job ended.
    void external_ended(Outcome outcome);

private:
    // A job the worker process holds.
    struct InFlight {
        LaneJob job;
        std::atomic<JobState>* state = nullptr;  // shared with the worker process
        std::uint64_t sequence = 0;
        bool attached = false;
        std::unique_ptr<AttemptLog> log;  // made when it prints
    };
    using Lock = std::unique_lock<std::mutex>;
    // What a worker process is at.
    struct Watched {
        const WorkerProcess* worker = nullptr;
        pid_t process = 0;
        std::uint64_t sequence = 0, ticket = 0;
        Nanoseconds started = 0;
        std::shared_ptr<const TemplateInfo> info;
    };

    // lane.cpp
    void advance(Lock& lock);
    void start_external(Lock& lock);
    void start_thread();
    Outcome stopped(std::uint64_t ticket, EndReason reason) const;
    void revoke_in_flight(std::vector<LaneJob>& jobs);

    // lane_thread.cpp
    void serve();
    bool step();
    bool start_next();
    void run_inline(LaneJob job);
    static JobLogKey log_key(const LaneJob& job);
    AttemptLog make_log(const LaneJob& job);
    Materialized materialize_job(const LaneJob& job);
    void fail(const LaneJob& job, EndReason reason, std::string error, std::int64_t started = 0);
    void tell(Outcome outcome);
    void wait();
    void sleep();

    // lane_process.cpp
    bool may_feed();
    void feed(LaneJob job);
    void put_back(LaneJob job);
    void give(LaneJob job, const StagedJob& staged);
    bool take_results();
    void settle(WorkerResult result);
    void read_text();
    bool has_printed_between(const LaneJob& job) const;
    AttemptLog begin_log(const LaneJob& job);
    void worker_damaged(std::string what);
    void worker_ended();
    std::optional<InFlight> take_charged(std::vector<InFlight>& held);
    bool ended_in_between(const LaneJob& job);
    void fail_crashed(InFlight job, const ProcessEnd& end, std::optional<EndReason> because, const std::string& why,
                      std::int64_t started);
    bool stop_step();

    // lane_limits.cpp
    Nanoseconds soonest_limit() const;
    std::optional<Watched> watched() const;
    Nanoseconds watch_inline(Nanoseconds now);
    bool inline_time_was_up();
    Nanoseconds watch_process(const Watched& job, Nanoseconds now);
    void end_watched(const Watched& job, EndReason reason, std::string why);

    const std::shared_ptr<LaneWorld> world_;
    const std::uint32_t number_;
    OutcomeQueue outcomes_;

    mutable std::mutex mutex_;
    std::deque<LaneJob> queue_;                // not started
    std::deque<InFlight> in_flight_;           // in the worker process, in order
    std::size_t attached_ = 0;                 // of those, with a large document
    std::optional<JobLogKey> last_stage_;      // whose ticket was done last, if it was a stage's,
    std::string between_;                      // and what it has printed since
    std::optional<ProcessEnd> ended_between_;  // how its process ended since
    std::uint64_t current_ = 0;  // ticket the thread runs inline or is about to give to the worker process
    bool is_current_ = false;
    std::uint64_t external_ = 0;  // ticket at the runner
    bool is_external_ = false;
    std::optional<EndReason> current_stopped_;  // cancel() of the current one
    std::uint64_t killed_for_ = 0;              // the worker process was killed to end this ticket
    std::optional<EndReason> killed_because_;
    std::string killed_why_;                 // for people; "" = as the reason says
    std::unique_ptr<WorkerProcess> worker_;  // changed by the thread, under the lock
    bool worker_ending_ = false;             // it is being waited for: not to be killed any more
    std::atomic<bool> stopping_{false};      // set under the lock
    bool finished_ = false;
    std::int64_t deadline_ = 0;
    std::condition_variable finished_changed_;
    std::thread thread_;

    Notices notices_;
    std::atomic<std::uint32_t> cancelled_{0};  // Context::cancelled() of inline jobs
    std::atomic<double> progress_{0};
    std::shared_ptr<const TemplateInfo> inline_info_;  // of the inline job that runs, under the lock,
    Nanoseconds inline_started_ = 0;                   // and since when

    // The thread's alone.
    std::uint32_t seen_ = 0;   // notices
    bool wants_room_ = false;  // the next job waits for room in the worker process's ring
    SpinWait spin_;
    std::unique_ptr<WorkerObjects> objects_;
    JobPlace place_;
    std::unique_ptr<AttemptLog> log_;  // of the inline job that runs
    const LaneJob* inline_job_ = nullptr;
    ResourceMeter meter_{ResourceMeter::Of::thread};
    std::int64_t last_finished_ = 0;  // when the inline job before this one ended; 0 = something came between
    int barren_ends_ = 0;             // worker processes that ended one after another without beginning a job
    std::string damage_;
    bool text_closed_ = false;
    std::vector<char> text_;
};

}  // namespace penstock
