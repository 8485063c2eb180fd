#include "exec/command_threads.hpp"

#include <signal.h>

#include <utility>

namespace penstock {

CommandThreads::~CommandThreads() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void CommandThreads::run(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    // Called with all signals blocked, which the new thread inherits: signals are for the program's own threads.
    if (idle_ < tasks_.size() && threads_.size() < most_) threads_.emplace_back([this] { serve(); });
    work_.notify_one();
}

void CommandThreads::serve() {
    std::unique_lock lock(mutex_);
    while (true) {
        ++idle_;
        work_.wait(lock, [&] { return ends_ || !tasks_.empty(); });
        --idle_;
        if (tasks_.empty()) return;
        const std::function<void()> task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task();
        lock.lock();
    }
}

}  // namespace penstock
