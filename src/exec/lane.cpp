#include "exec/lane.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <chrono>

namespace penstock {

namespace {

// How long after the deadline a thread may take to clean up.
constexpr std::chrono::milliseconds kLastWords{500};

// A lane that still has so many jobs to go on with need not wake the pump for one that ended: waking it takes as much
// CPU as all else that is done for a short command.
constexpr std::size_t kJobsAhead = 2;

LaneOptions with_groups(LaneOptions options) {
    if (options.groups == nullptr) options.groups = std::make_shared<LiveGroups>();
    return options;
}

}  // namespace

LaneWorld::LaneWorld(const WorkerTypes& worker_types, std::unique_ptr<Zygote> zygote, LaneOptions lane_options)
    : types(worker_types),
      options(with_groups(std::move(lane_options))),
      log(options.log_directory),
      workers(types, std::move(zygote), options.groups) {}

void LaneWorld::note() {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // what there is to drain is seen by a drain that resets it
    if (!noted.load(std::memory_order_relaxed)) noted.store(true);
}

void LaneWorld::wake() {
    note();
    if (woken.load(std::memory_order_relaxed) || woken.exchange(true)) return;
    const std::scoped_lock lock(wake_mutex_);
    if (!closed_ && options.wake) options.wake();
}

void LaneWorld::close() {
    const std::scoped_lock lock(wake_mutex_);
    closed_ = true;
}

std::string stop_text(EndReason reason) {
    switch (reason) {
        case EndReason::timeout:
            return "the job was stopped because its time was up (timeout)";
        case EndReason::memory:
            return "the job was stopped because it used more memory than it may (memory)";
        default:
            return "the job was stopped because the run ends or does not need it any more";
    }
}

std::unique_ptr<OutcomeDetails> make_details(EndReason reason, std::string error) {
    auto details = std::make_unique<OutcomeDetails>();
    details->reason = reason;
    details->error = std::move(error);
    return details;
}

Lane::Lane(std::shared_ptr<LaneWorld> world, std::uint32_t number) : world_(std::move(world)), number_(number) {}

// ---------------------------------------------------------------------------------------------- the pump

void Lane::run(std::vector<LaneJob> jobs) {
    Lock lock(mutex_);
    for (LaneJob& job : jobs) queue_.push_back(std::move(job));
    advance(lock);
}

// Somebody who is not the thread changed the queue, or made the lane free: the next job starts if it can.
void Lane::advance(Lock& lock) {
    if (stopping_ || is_external_ || queue_.empty()) return;
    if (queue_.front().info->way != TemplateInfo::Way::external) {
        if (!thread_.joinable()) start_thread();
        lock.unlock();
        return notices_.notify();
    }
    // Else the thread goes on with it when what runs has ended.
    if (!is_current_ && in_flight_.empty()) start_external(lock);
}

// The front of the queue is external and nothing runs. Unlocks.
void Lane::start_external(Lock& lock) {
    Ticket ticket = std::move(queue_.front().ticket);
    queue_.pop_front();
    external_ = ticket.id;
    is_external_ = true;
    lock.unlock();
    world_->runner.load()->start(number_, std::move(ticket));
}

void Lane::start_thread() {
    // Signals are for the program's main thread.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        thread_ = std::thread([self = shared_from_this()] { self->serve(); });
    } catch (...) {
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Lane::revoke_in_flight(std::vector<LaneJob>& jobs) {
    // From the last one: the worker process claims from the first, so where the two meet, all before are claimed.
    std::size_t kept = in_flight_.size();
    while (kept > 0 && revoke(*in_flight_[kept - 1].state)) --kept;
    for (std::size_t i = kept; i < in_flight_.size(); ++i) {
        attached_ -= in_flight_[i].attached ? 1 : 0;
        jobs.push_back(std::move(in_flight_[i].job));
    }
    in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(kept), in_flight_.end());
}

void Lane::take_back(std::vector<Ticket>& tickets) {
    std::vector<LaneJob> jobs;
    const Lock lock(mutex_);
    revoke_in_flight(jobs);
    for (LaneJob& job : jobs) tickets.push_back(std::move(job.ticket));
    for (LaneJob& job : queue_) tickets.push_back(std::move(job.ticket));
    queue_.clear();
}

Outcome Lane::stopped(std::uint64_t ticket, EndReason reason) const {
    Outcome outcome;
    outcome.ticket = ticket;
    outcome.started = outcome.finished = steady_now();
    outcome.lane = number_;
    outcome.succeeded = false;
    outcome.details = make_details(reason, stop_text(reason));
    return outcome;
}

std::optional<Outcome> Lane::cancel(std::uint64_t ticket, EndReason reason) {
    Lock lock(mutex_);
    if (is_external_ && external_ == ticket) {
        lock.unlock();
        world_->runner.load()->cancel(number_, ticket, reason);
        return std::nullopt;
    }
    if (is_current_ && current_ == ticket) {
        current_stopped_ = reason;
        cancelled_.store(1);
        return std::nullopt;
    }
    for (auto job = in_flight_.begin(); job != in_flight_.end(); ++job) {
        if (job->job.ticket.id != ticket) continue;
        if (revoke(*job->state)) {
            attached_ -= job->attached ? 1 : 0;
            in_flight_.erase(job);
            return stopped(ticket, reason);
        }
        if (worker_ending_) return std::nullopt;  // it crashes already
        killed_for_ = ticket;
        killed_because_ = reason;
        worker_->kill();
        return std::nullopt;
    }
    for (auto job = queue_.begin(); job != queue_.end(); ++job) {
        if (job->ticket.id != ticket) continue;
        queue_.erase(job);
        return stopped(ticket, reason);
    }
    return std::nullopt;
}

double Lane::progress() const {
    const Lock lock(mutex_);
    return worker_ != nullptr && !in_flight_.empty() ? worker_->progress() : progress_.load();
}

void Lane::stop(std::int64_t deadline, std::vector<Outcome>& outcomes) {
    Lock lock(mutex_);
    deadline_ = deadline;
    stopping_ = true;
    cancelled_.store(1);
    std::vector<LaneJob> jobs;
    revoke_in_flight(jobs);
    for (LaneJob& job : queue_) jobs.push_back(std::move(job));
    queue_.clear();
    for (const LaneJob& job : jobs) outcomes.push_back(stopped(job.ticket.id, EndReason::cancelled));
    lock.unlock();
    notices_.notify();
}

void Lane::finish() {
    Lock lock(mutex_);
    if (!thread_.joinable()) return;
    const auto until = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline_)) + kLastWords;
    finished_changed_.wait_until(lock, until, [this] { return finished_; });
    const bool finished = finished_;
    std::thread thread = std::move(thread_);
    lock.unlock();
    if (finished)
        thread.join();
    else
        thread.detach();  // an inline job that does not return; it shares ownership of all it uses
}

// ---------------------------------------------------------------------------------------------- the runner

void Lane::external_ended(Outcome outcome) {
    Lock lock(mutex_);
    is_external_ = false;
    outcomes_.push(std::move(outcome));
    const bool ahead = queue_.size() >= kJobsAhead;
    advance(lock);
    if (lock.owns_lock()) lock.unlock();
    ahead ? world_->note() : world_->wake();
}

}  // namespace penstock
