// What a lane's job may take: its time, and its memory.
//
// The watch's thread looks. What it decides on may have ended meanwhile; who takes up the end of a worker process sees
// that (take_charged), and the job it was at runs in another one.
#include "exec/attempt_watch.hpp"
#include "exec/lane.hpp"
#include "exec/process_tree.hpp"

#include <algorithm>

namespace penstock {

Nanoseconds Lane::watch(Nanoseconds now) {
    Lock lock(mutex_);
    if (stopping_) return AttemptWatch::kNever;
    const Nanoseconds soonest = soonest_limit();
    Nanoseconds next = soonest == AttemptWatch::kNever ? soonest : now + soonest;
    next = std::min(next, watch_inline(now));
    const std::optional<Watched> job = watched();
    lock.unlock();
    // Without the lock: reading about processes may take a while.
    return job ? std::min(next, watch_process(*job, now)) : next;
}

// No job of those here reaches a limit before so much time, were it to begin now.
Nanoseconds Lane::soonest_limit() const {
    Nanoseconds soonest = AttemptWatch::kNever;
    const auto consider = [&](const TemplateInfo& info) {
        if (info.time_limit != 0) soonest = std::min(soonest, info.time_limit);
        if (info.memory_limit != 0) soonest = std::min(soonest, AttemptWatch::kMemoryInterval);
    };
    for (const InFlight& job : in_flight_) consider(*job.job.info);
    const TemplateInfo* last = nullptr;
    for (const LaneJob& job : queue_)
        if (job.info.get() != last) consider(*(last = job.info.get()));
    return soonest;
}

// ---------------------------------------------------------------------------------------------- inline jobs

// Nothing can end one from outside: it is told, and fails when it returns.
Nanoseconds Lane::watch_inline(Nanoseconds now) {
    if (inline_info_ == nullptr || inline_info_->time_limit == 0 || current_stopped_) return AttemptWatch::kNever;
    const Nanoseconds due = inline_started_ + inline_info_->time_limit;
    if (due > now) return due;
    current_stopped_ = EndReason::timeout;
    cancelled_.store(1);
    return AttemptWatch::kNever;
}

bool Lane::inline_time_was_up() {
    const Lock lock(mutex_);
    const Nanoseconds limit = inline_info_->time_limit;
    inline_info_.reset();
    return limit != 0 && steady_now() - inline_started_ > limit;
}

// ---------------------------------------------------------------------------------------------- worker processes

std::optional<Lane::Watched> Lane::watched() const {
    if (worker_ == nullptr || worker_ending_ || killed_because_) return std::nullopt;
    const std::uint64_t current = worker_->current();
    const auto at = std::find_if(in_flight_.begin(), in_flight_.end(),
                                 [&](const InFlight& job) { return job.sequence == current; });
    if (at == in_flight_.end() || !at->job.info->limited()) return std::nullopt;
    return Watched{worker_.get(), worker_->pid(), current, at->job.ticket.id, worker_->current_started(), at->job.info};
}

Nanoseconds Lane::watch_process(const Watched& job, Nanoseconds now) {
    const TemplateInfo& info = *job.info;
    Nanoseconds next = AttemptWatch::kNever;
    if (info.time_limit != 0) {
        next = job.started + info.time_limit;
        if (next <= now) {
            end_watched(job, EndReason::timeout, "the job " + timeout_text(info.job->timeout_s));
            return AttemptWatch::kNever;
        }
    }
    if (info.memory_limit == 0) return next;
    const std::uint64_t used = resident_bytes(process_tree(job.process), info.memory_limit);
    if (used > info.memory_limit) {
        end_watched(job, EndReason::memory, memory_text(used, info.memory_limit));
        return AttemptWatch::kNever;
    }
    const bool close = used > info.memory_limit / 2;
    return std::min(next, now + (close ? AttemptWatch::kCloseMemoryInterval : AttemptWatch::kMemoryInterval));
}

void Lane::end_watched(const Watched& job, EndReason reason, std::string why) {
    const Lock lock(mutex_);
    const bool still_at_it = worker_.get() == job.worker && !worker_ending_ && !killed_because_ &&
                             worker_->pid() == job.process && worker_->current() == job.sequence;
    if (!still_at_it) return;
    killed_for_ = job.ticket;
    killed_because_ = reason;
    killed_why_ = std::move(why);
    kill_tree(job.process);
    worker_->kill();
}

}  // namespace penstock
