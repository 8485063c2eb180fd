// A few threads for work that would hold up the loop of the command runner: reading and writing files, parsing.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace penstock {

class CommandThreads {
public:
    explicit CommandThreads(std::size_t most) : most_(most) {}
    // Runs what is queued first.
    ~CommandThreads();

    // Threads are made as work comes, up to the limit.
    void run(std::function<void()> task);

private:
    void serve();

    const std::size_t most_;
    std::mutex mutex_;
    std::condition_variable work_;
    std::deque<std::function<void()>> tasks_;
    std::size_t idle_ = 0;
    bool ends_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace penstock
