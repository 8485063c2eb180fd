#include "exec/stage_child.hpp"

#include "exec/proc_file.hpp"
#include "exec/signal_text.hpp"
#include "exec/steady_clock.hpp"
#include "value/utf8.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace penstock {

namespace {

constexpr int kLook = 100;  // ms: how long nobody asks whether the worker is to stop
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kMostTail = 2048;       // of stderr, for error messages
constexpr std::size_t kMostLine = 16 * 1024;  // of stderr: longer ones are cut in the log
constexpr int kOrphanTurns = 1000;

// A write to a program that has ended is told by errno and not by a signal.
class WithoutPipeSignal {
public:
    WithoutPipeSignal() {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~WithoutPipeSignal() {
        const int error = errno;
        const timespec now{0, 0};
        if (raised_)
            while (::sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
            }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        errno = error;
    }
    void raised() { raised_ = true; }

private:
    sigset_t pipe_{}, before_{};
    bool raised_ = false;
};

std::pair<FileDescriptor, FileDescriptor> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw CommandError(EndReason::exception,
                           fmt::format("cannot make a pipe: {}", std::generic_category().message(errno)));
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

// Of this process, whichever of its threads started them or took them over.
std::set<pid_t> children() {
    std::set<pid_t> found;
    for (const auto& thread : proc_entries("/proc/self/task")) {
        std::ifstream file(thread / "children");
        for (pid_t child = 0; file >> child;) found.insert(child);
    }
    return found;
}

}  // namespace

StageChild::StageChild(const PreparedCommand& command, Context& context, bool reads_input, std::size_t most_bytes)
    : command_(command), context_(context), most_bytes_(most_bytes) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    others_ = children();
    FileDescriptor its_input, its_output, its_error;
    if (reads_input)
        std::tie(its_input, input_) = make_pipe();
    else
        its_input = FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    std::tie(output_end_, its_output) = make_pipe();
    std::tie(error_end_, its_error) = make_pipe();
    for (const FileDescriptor* ours : {&input_, &output_end_, &error_end_})
        if (*ours) ::fcntl(ours->get(), F_SETFL, O_NONBLOCK);

    SpawnRequest request;
    request.path = command.program.c_str();
    request.arguments = command.arguments.data();
    request.environment = command.variables.data();
    request.directory = command.directory.c_str();
    request.own_group = false;
    request.standard_input = its_input.get();
    request.standard_output = its_output.get();
    request.standard_error = its_error.get();
    Spawned spawned = spawn(request);
    if (!spawned) throw_not_started(command, spawned);
    pid_ = spawned.pid;
    pidfd_ = std::move(spawned.pidfd);
}

StageChild::~StageChild() {
    if (pid_ > 0) end(0);
}

bool StageChild::has_ended() const {
    pollfd end{pidfd_.get(), POLLIN, 0};
    return pid_ <= 0 || ::poll(&end, 1, 0) > 0;
}

// ------------------------------------------------------------------------------------------ its pipes

// Waits until something can be read or written, and does that. False when nothing could within the time.
bool StageChild::step(std::string_view& to_write, int timeout_ms) {
    std::array<pollfd, 3> watched{{{output_end_.get(), POLLIN, 0},  // negative ones are passed over
                                   {error_end_.get(), POLLIN, 0},
                                   {to_write.empty() ? -1 : input_.get(), POLLOUT, 0}}};
    const int ready = ::poll(watched.data(), watched.size(), timeout_ms);
    if (context_.cancelled()) throw std::runtime_error("the stage was stopped");
    if (ready <= 0) return false;
    if (watched[1].revents != 0) read_error();
    if (watched[0].revents != 0) read_output();
    if (watched[2].revents == 0) return true;
    WithoutPipeSignal quiet;
    const ssize_t n = ::write(input_.get(), to_write.data(), to_write.size());
    if (n > 0) to_write.remove_prefix(static_cast<std::size_t>(n));
    if (n >= 0 || errno == EAGAIN || errno == EINTR) return true;
    quiet.raised();
    input_.close();
    return true;
}

bool StageChild::write(std::string_view bytes) {
    if (!input_) return false;
    {
        // Most of it fits the pipe, and costs one call.
        WithoutPipeSignal quiet;
        const ssize_t n = ::write(input_.get(), bytes.data(), bytes.size());
        if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
        if (n < 0 && errno == EPIPE) {
            quiet.raised();
            input_.close();
        }
    }
    while (!bytes.empty() && input_) step(bytes, kLook);
    return bytes.empty();
}

bool StageChild::read_more(int timeout_ms) {
    const std::size_t before = output_.size();
    const std::int64_t until = steady_now() + std::int64_t{timeout_ms} * 1'000'000;
    std::string_view nothing;
    while (output_end_) {
        const std::int64_t left = timeout_ms < 0 ? kLook : (until - steady_now()) / 1'000'000;
        const bool any = step(nothing, static_cast<int>(std::clamp<std::int64_t>(left, 0, kLook)));
        if (output_.size() > before) return true;
        if (!any && timeout_ms >= 0 && steady_now() >= until) return false;
        // What it started may hold its output open for ever.
        if (!any && has_ended()) output_end_.close();
    }
    return false;
}

void StageChild::read_output() {
    const std::size_t before = output_.size();
    if (before >= most_bytes_)
        throw CommandError(EndReason::bad_output, fmt::format("the command `{}` writes more than {} bytes without end",
                                                              command_.title(), most_bytes_));
    output_.resize(before + kReadBytes);
    const ssize_t n = ::read(output_end_.get(), output_.data() + before, kReadBytes);
    output_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(0, n)));
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) output_end_.close();
}

void StageChild::read_error() {
    std::array<char, 4096> text{};
    const ssize_t n = ::read(error_end_.get(), text.data(), text.size());
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) error_end_.close();
    if (n <= 0) return;
    error_line_.append(text.data(), static_cast<std::size_t>(n));
    error_tail_.append(text.data(), static_cast<std::size_t>(n));
    if (error_tail_.size() > 2 * kMostTail) error_tail_.erase(0, error_tail_.size() - kMostTail);
    log_lines();
}

void StageChild::log_lines() {
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = error_line_.find('\n', begin)) != std::string::npos; begin = end + 1)
        context_.log(to_utf8(std::string_view(error_line_).substr(begin, end - begin)));
    error_line_.erase(0, begin);
    if (error_line_.size() < kMostLine) return;
    context_.log(to_utf8(error_line_));
    error_line_.clear();
}

// ------------------------------------------------------------------------------------------ its end

CommandEnd StageChild::end(int grace_ms) {
    input_.close();
    const std::int64_t until = steady_now() + std::int64_t{grace_ms} * 1'000'000;
    try {
        while (!has_ended() && steady_now() < until) {
            output_.clear();  // nobody wants it any more
            std::string_view nothing;
            if (output_end_ || error_end_)
                step(nothing, 10);
            else
                ::usleep(1000);
        }
    } catch (const std::exception&) {
        // It is to end now.
    }
    return reap();
}

CommandEnd StageChild::reap() {
    if (pid_ <= 0) return {};
    if (!has_ended()) ::kill(pid_, SIGKILL);
    CommandEnd end;
    int status = 0;
    pid_t got = -1;
    while ((got = ::waitpid(pid_, &status, 0)) < 0 && errno == EINTR) {
    }
    if (got < 0)
        end.lost = errno;
    else if (WIFEXITED(status))
        end.exit_code = WEXITSTATUS(status);
    else if (WIFSIGNALED(status))
        end.signal = WTERMSIG(status);
    pid_ = -1;
    end_orphans();
    for (int i = 0; i < 64 && error_end_; ++i) {  // what it said last; a pipe holds no more
        pollfd more{error_end_.get(), POLLIN, 0};
        if (::poll(&more, 1, 0) <= 0) break;
        read_error();
    }
    if (!error_line_.empty()) context_.log(to_utf8(error_line_));
    error_line_.clear();
    output_end_.close();
    error_end_.close();
    return end;
}

// What it had started, now that it is a child of this process, and what that had started.
void StageChild::end_orphans() {
    for (int turn = 0; turn < kOrphanTurns; ++turn) {
        bool any = false;
        for (const pid_t child : children()) {
            if (others_.contains(child)) continue;
            any = true;
            ::kill(child, SIGKILL);
            while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
        if (!any) return;
    }
}

std::string StageChild::end_text(const CommandEnd& end) const {
    std::string text = fmt::format("the command `{}` ended", command_.title());
    if (end.signal != 0)
        text += fmt::format(" by {}", signal_text(end.signal));
    else
        text += fmt::format(" with exit code {}", end.exit_code);
    std::string_view tail(error_tail_);
    while (tail.ends_with('\n')) tail.remove_suffix(1);
    if (tail.empty()) return text + "; it wrote nothing to stderr";
    return text + ". The last lines it wrote to stderr:\n" +
           to_utf8(tail.substr(tail.size() - std::min(tail.size(), kMostTail)));
}

std::string StageChild::lost_text() {
    constexpr int kMoment = 200;  // its output ends a little before itself
    return end_text(end(kMoment));
}

}  // namespace penstock
