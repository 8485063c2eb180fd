#include "exec/attempt_watch.hpp"

#include "exec/steady_clock.hpp"

#include <signal.h>

#include <algorithm>
#include <chrono>

namespace penstock {

void AttemptWatch::look_by(Nanoseconds time) {
    if (next_.load(std::memory_order_relaxed) <= time) return;
    const std::scoped_lock lock(mutex_);
    if (stopping_ || next_.load(std::memory_order_relaxed) <= time) return;
    next_.store(time, std::memory_order_relaxed);
    if (thread_.joinable()) return changed_.notify_one();
    sigset_t all;  // signals are for the program's main thread
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { serve(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void AttemptWatch::serve() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const Nanoseconds next = next_.load(std::memory_order_relaxed);
        const Nanoseconds now = steady_now();
        if (next == kNever) {
            changed_.wait(lock);
        } else if (next > now) {
            changed_.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(next)));
        } else {
            next_.store(kNever, std::memory_order_relaxed);
            lock.unlock();
            const Nanoseconds again = look_(now);
            lock.lock();
            next_.store(std::min(again, next_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
        }
    }
}

void AttemptWatch::stop() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

}  // namespace penstock
