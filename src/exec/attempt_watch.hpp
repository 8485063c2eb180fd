// The thread that ends attempts whose time is up or that use more memory than they may.
//
// It is made for the first job with a `timeout` or a `memory`, looks when somebody's limit may be reached, and sleeps
// otherwise. What a look consists of is the caller's.
#pragma once

#include "core/ids.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <limits>
#include <mutex>
#include <thread>

namespace penstock {

class AttemptWatch {
public:
    static constexpr Nanoseconds kNever = std::numeric_limits<Nanoseconds>::max();
    // How often the memory of a job is looked at, and how often once it has half of what it may.
    static constexpr Nanoseconds kMemoryInterval = 50'000'000;
    static constexpr Nanoseconds kCloseMemoryInterval = 10'000'000;

    // `look` is called by the thread and returns when to look again.
    explicit AttemptWatch(std::function<Nanoseconds(Nanoseconds now)> look) : look_(std::move(look)) {}
    ~AttemptWatch() { stop(); }

    // Look at this time or earlier. Any thread but the watch's own.
    void look_by(Nanoseconds time);
    void stop();

private:
    void serve();

    const std::function<Nanoseconds(Nanoseconds)> look_;
    std::atomic<Nanoseconds> next_{kNever};
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace penstock
