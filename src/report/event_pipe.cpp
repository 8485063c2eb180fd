#include "report/event_pipe.hpp"

#include "report/text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace penstock {

namespace {

constexpr int kPoll_ms = 50;
// A pipe that poll() calls writable takes this much at once without blocking (PIPE_BUF).
constexpr std::size_t kPipeChunk = 4096;
constexpr std::uint32_t kLinesAtOnce = 1024;

std::uint64_t lines_of(const EventPipe::Item& item) {
    if (const auto* jobs = std::get_if<JobsEvent>(&item)) return jobs->count;
    return 1;
}

std::size_t bytes_of(const EventPipe::Item& item) {
    if (const auto* jobs = std::get_if<JobsEvent>(&item)) return sizeof item + jobs->error.size();
    return sizeof item + std::get<std::string>(item).size();
}

std::string open_problem(const std::string& target, int error) {
    return "cannot write events to " + printable(target) + ": " + std::strerror(error) +
           "; name a file or a FIFO that can be written, or - for standard output, with --events";
}

}  // namespace

EventPipe::EventPipe(Options options) : options_(std::move(options)) {
    if (options_.target == "-") {
        descriptor_ = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    } else {
        // Without O_NONBLOCK, opening a FIFO would wait for its reader.
        descriptor_ = ::open(options_.target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC, 0666);
    }
    if (descriptor_ < 0 && errno != ENXIO) throw std::runtime_error(open_problem(options_.target, errno));
    struct stat status {};
    regular_file_ = descriptor_ >= 0 && ::fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
    thread_ = std::thread([this] { work(); });
}

EventPipe::~EventPipe() { close(); }

void EventPipe::push(Item item) {
    std::unique_lock lock(mutex_);
    const std::size_t bytes = bytes_of(item);
    const auto has_room = [&] { return pending_bytes_ + bytes <= options_.max_pending_bytes || pending_.empty(); };
    if (regular_file_) changed_.wait(lock, [&] { return has_room() || !problem_.empty(); });
    if (!problem_.empty() || closing_ || !has_room()) {
        dropped_ += lines_of(item);
        dropped_in_all_ += lines_of(item);
        return;
    }
    if (dropped_ > 0) {
        pending_.emplace_back(lost_line(dropped_));
        pending_bytes_ += bytes_of(pending_.back());
        dropped_ = 0;
    }
    pending_bytes_ += bytes;
    pending_.push_back(std::move(item));
    changed_.notify_all();
}

std::string EventPipe::close() {
    {
        const std::scoped_lock lock(mutex_);
        closing_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    const std::scoped_lock lock(mutex_);
    for (const Item& item : pending_) dropped_in_all_ += lines_of(item);
    pending_.clear();
    if (dropped_in_all_ == 0) return problem_;
    const std::string lost = counted(dropped_in_all_, "line") + " of --events lost: ";
    return lost + (problem_.empty() ? "the reader was too slow; read faster, or write to a file" : problem_);
}

void EventPipe::work() {
    Item item;
    while (ready() && take(item)) {
        std::string text;
        if (const auto* line = std::get_if<std::string>(&item)) {
            if (!write_text(*line)) return;
            continue;
        }
        const JobsEvent& jobs = std::get<JobsEvent>(item);
        for (std::uint32_t from = 0; from < jobs.count; from += kLinesAtOnce) {
            text.clear();
            append_job_lines(jobs, from, std::min(kLinesAtOnce, jobs.count - from), text);
            if (!write_text(text)) return;
        }
    }
}

// Waits for the next item; false when there will be none.
bool EventPipe::take(Item& item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return closing_ || !pending_.empty(); });
    if (pending_.empty()) return false;
    item = std::move(pending_.front());
    pending_.pop_front();
    pending_bytes_ -= bytes_of(item);
    changed_.notify_all();
    return true;
}

bool EventPipe::ready() {
    for (double idle_s = 0; descriptor_ < 0; idle_s += kPoll_ms / 1000.0) {
        if (give_up(idle_s)) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(kPoll_ms));
        descriptor_ = ::open(options_.target.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (descriptor_ < 0 && errno != ENXIO && errno != EINTR) {
            const std::scoped_lock lock(mutex_);
            problem_ = open_problem(options_.target, errno);
            return false;
        }
    }
    return true;
}

// While the run goes on a reader may take its time; at its end not for ever.
bool EventPipe::give_up(double idle_s) const {
    const std::scoped_lock lock(mutex_);
    return closing_ && (pending_.empty() || idle_s >= options_.patience_s);
}

bool EventPipe::wait_writable() {
    double idle_s = 0;
    for (;;) {
        pollfd poll_for{descriptor_, POLLOUT, 0};
        const int ready = ::poll(&poll_for, 1, kPoll_ms);
        if (ready > 0) return true;
        idle_s += kPoll_ms / 1000.0;
        const std::scoped_lock lock(mutex_);
        if (closing_ && idle_s >= options_.patience_s) return false;
    }
}

bool EventPipe::write_text(std::string_view text) {
    while (!text.empty()) {
        if (!regular_file_ && !wait_writable()) {
            const std::scoped_lock lock(mutex_);
            dropped_in_all_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
            return false;
        }
        const std::size_t chunk = regular_file_ ? text.size() : std::min(text.size(), kPipeChunk);
        const ssize_t written = ::write(descriptor_, text.data(), chunk);
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (written <= 0) {
            const std::scoped_lock lock(mutex_);
            problem_ = errno == EPIPE ? "the reader went away" : std::string("writing failed: ") + std::strerror(errno);
            dropped_in_all_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
            changed_.notify_all();
            return false;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace penstock
