// Lines to a file, a pipe or a FIFO that someone may or may not read, without ever holding up the run.
//
// A thread of its own writes; what waits is bounded. A regular file takes all: push() waits for room there. When the
// reader of a pipe is slow and the bound is reached, lines are dropped, and counted: the next line that fits says so.
#pragma once

#include "report/event_text.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <variant>

namespace penstock {

class EventPipe {
public:
    struct Options {
        std::string target;  // a path, or "-" for standard output
        std::size_t max_pending_bytes = 64u << 20;
        double patience_s = 5;  // how long close() waits for a reader that takes nothing
    };

    // Throws std::runtime_error when the target cannot be written. A FIFO nobody reads yet is opened when somebody
    // does.
    explicit EventPipe(Options options);
    ~EventPipe();

    // Some lines (with their line ends), or a range of jobs whose lines are made later.
    using Item = std::variant<std::string, JobsEvent>;
    void push(Item item);

    // Writes what waits, as far as the reader takes it. Returns what went wrong, or "".
    std::string close();

private:
    void work();
    bool ready();  // the target is open; opens a FIFO
    bool write_text(std::string_view text);
    bool wait_writable();
    bool give_up(double idle_s) const;
    bool take(Item& item);

    Options options_;
    int descriptor_ = -1;
    bool regular_file_ = false;

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Item> pending_;
    std::size_t pending_bytes_ = 0;
    std::uint64_t dropped_ = 0;  // lines since the last "lost" line
    std::uint64_t dropped_in_all_ = 0;
    bool closing_ = false;
    std::string problem_;  // nothing more can be written

    std::thread thread_;
};

}  // namespace penstock
