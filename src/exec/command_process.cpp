#include "exec/command_process.hpp"

#include "value/utf8.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace penstock {
namespace {

constexpr std::size_t kTailBytes = 4096;  // of each stream, for error messages
constexpr std::size_t kTailLines = 10;
constexpr std::size_t kPipeBytes = 64 * 1024;  // what a pipe holds when new
constexpr int kLargePipeBytes = 1 << 20;       // and when its program writes much
constexpr int kDrainTurns = 16;                // more than a pipe holds; a process left behind may write for ever
constexpr int kReadsAtOnce = 4;                // of one pipe, before others have their turn

std::string errno_text(int error) { return std::error_code(error, std::generic_category()).message(); }

// Descriptors 0 to 2 are the program's: a rank whose own are closed must not hand out a pipe as one of them.
FileDescriptor above_standard(int descriptor) {
    FileDescriptor given(descriptor);
    if (descriptor > 2) return given;
    return FileDescriptor(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
}

void make_pipe(FileDescriptor& read_end, FileDescriptor& write_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
        const std::string remedy =
            errno == EMFILE || errno == ENFILE ? " Raise the limit (ulimit -n) or use fewer slots." : "";
        throw CommandError(EndReason::exception, fmt::format("cannot make a pipe: {}.{}", errno_text(errno), remedy));
    }
    read_end = above_standard(ends[0]);
    write_end = above_standard(ends[1]);
}

// Our end only: the program's end of the pipe stays blocking.
void never_wait(const FileDescriptor& ours) { ::fcntl(ours.get(), F_SETFL, O_NONBLOCK); }

// Linux hands the high-water mark of the memory it was started from down to a program (exec_mmap), so that a peak not
// above our own says nothing.
std::uint64_t peak_memory(const rusage& usage) {
    rusage own{};
    ::getrusage(RUSAGE_SELF, &own);
    return usage.ru_maxrss > own.ru_maxrss ? static_cast<std::uint64_t>(usage.ru_maxrss) * 1024 : 0;
}

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

std::string last_lines_of(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
    std::size_t begin = text.size();
    for (std::size_t lines = 0; lines < kTailLines && begin > 0; ++lines) {
        const std::size_t line_break = text.rfind('\n', begin - 1);
        begin = line_break == std::string_view::npos ? 0 : line_break;
    }
    text.remove_prefix(begin);
    if (!text.empty() && text.front() == '\n') text.remove_prefix(1);
    return to_utf8(text);
}

}  // namespace

CommandProcess::CommandProcess(const PreparedCommand& command, JobLog& log_file, const Ticket& ticket,
                               std::uint64_t log_bytes)
    : command_(command), log_file_(log_file), ticket_(ticket), log_bytes_(log_bytes) {
    output_.wanted = command.shared->wants_output();
    error_.wanted = command.shared->wants_error();
}

CommandProcess::~CommandProcess() {
    if (pid_ > 0) reap();
}

void CommandProcess::open(Stream& stream) {
    make_pipe(stream.read_end, stream.write_end);
    never_wait(stream.read_end);
}

void CommandProcess::start(const CommandSurroundings& with, const cpu_set_t* cpus) {
    open(output_);
    open(error_);
    FileDescriptor its_input;
    if (command_.input) {
        make_pipe(its_input, input_);
        never_wait(input_);
    }
    SpawnRequest request;
    request.path = command_.program.c_str();
    request.arguments = command_.arguments.data();
    request.environment = command_.variables.data();
    request.directory = command_.directory.c_str();
    request.cpus = cpus;
    if (with.groups) group_ = with.groups->take();
    request.group = group_.number();
    request.standard_input = its_input ? its_input.get() : with.no_input;
    request.standard_output = output_.write_end.get();
    request.standard_error = error_.write_end.get();
    Spawned spawned = spawn(request);
    if (!spawned) throw_not_started(command_, spawned);
    pid_ = spawned.pid;
    pidfd_ = std::move(spawned.pidfd);
}

void throw_not_started(const PreparedCommand& command, const Spawned& spawned) {
    const std::string reason = errno_text(spawned.error);
    std::string text;
    if (spawned.failed_step == SpawnStep::directory) {
        text = fmt::format("cannot run in the directory {}: {}. `cwd:` must be a directory that is there.",
                           command.directory.string(), reason);
    } else if (spawned.failed_step != SpawnStep::program) {
        text =
            fmt::format("cannot make a process: {}. There may be too many (ulimit -u) or too little memory.", reason);
    } else {
        std::string remedy;
        switch (spawned.error) {
            case ENOENT:
                remedy = ::access(command.program.c_str(), F_OK) == 0
                             ? "The interpreter in its first line, or its loader, is not there."
                             : "A program with a slash in its name is looked for beside the definition file.";
                break;
            case EACCES:
                remedy = "Make it a program that this user may run (chmod +x).";
                break;
            case ENOEXEC:
                remedy = "It is no program for this machine; a script begins with #! and its interpreter.";
                break;
            case E2BIG:
                remedy = "Arguments and environment are too long; hand over large values by `stdin` or `input-files`.";
                break;
            case ETXTBSY:
                remedy = "Some process has it open for writing.";
                break;
            default:
                remedy = "Check the file.";
        }
        text = fmt::format("cannot run the program {}: {}. {}", command.program, reason, remedy);
    }
    throw CommandError(EndReason::exception, text);
}

bool CommandProcess::read(Stream& stream, std::span<char> buffer) {
    for (int reads = 0; reads < kReadsAtOnce; ++reads) {
        const ssize_t got = ::read(stream.read_end.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            if (got == 0 || errno != EAGAIN) stream.read_end.close();
            return false;
        }
        take(stream, {buffer.data(), static_cast<std::size_t>(got)});
        if (static_cast<std::size_t>(got) < kPipeBytes) return true;
        if (!stream.large) {
            stream.large = true;
            ::fcntl(stream.read_end.get(), F_SETPIPE_SZ, kLargePipeBytes);  // may be refused: it is only faster
        }
    }
    return true;
}

void CommandProcess::take(Stream& stream, std::string_view text) {
    if (stream.wanted && !stream.kept.cut) {
        stream.kept.cut = text.size() > kMaxStreamOutputBytes - stream.kept.text.size();
        if (!stream.kept.cut)
            stream.kept.text += text;
        else
            std::string().swap(stream.kept.text);
    }
    const std::string_view end = text.substr(text.size() - std::min(text.size(), kTailBytes));
    if (stream.tail.size() + end.size() > 2 * kTailBytes)
        stream.tail.erase(0, stream.tail.size() - std::min(stream.tail.size(), kTailBytes));
    stream.tail += end;
    add_to_log(text);
}

void CommandProcess::add_to_log(std::string_view text) {
    if (!log_) {
        const JobTemplate& job = *ticket_.job;
        JobLogKey key{ticket_.pipeline->plan->name, ticket_.pipeline->info.instance, job.name,
                      job.for_each ? job.for_each->label(ticket_.instance) : std::string(), ticket_.attempt};
        log_.emplace(log_file_, std::move(key), log_bytes_);
    }
    log_->add(text);
}

std::string CommandProcess::finish_log() { return log_ ? log_->finish() : std::string(); }

void CommandProcess::write_input() {
    const std::vector<std::string_view>& pieces = command_.input->pieces;
    while (input_piece_ < pieces.size()) {
        const std::string_view rest = pieces[input_piece_].substr(input_offset_);
        if (rest.empty()) {
            ++input_piece_;
            input_offset_ = 0;
            continue;
        }
        const ssize_t wrote = ::write(input_.get(), rest.data(), rest.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0 && errno == EAGAIN) return;
        if (wrote < 0) break;  // EPIPE: the program does not want the rest, which is its right
        input_offset_ += static_cast<std::size_t>(wrote);
    }
    input_.close();
}

bool CommandProcess::drain(std::span<char> buffer) {
    input_.close();
    for (Stream* stream : {&output_, &error_}) {
        stream->write_end.close();
        for (int turns = 0; turns < kDrainTurns && stream->read_end && read(*stream, buffer); ++turns) {
        }
    }
    return !output_.read_end && !error_.read_end;
}

void CommandProcess::signal(int number) const {
    if (pid_ > 0) kill_group(pid_, number);
}

CommandEnd CommandProcess::reap() {
    // Before the wait: the number of the group is ours as long as its leader is not waited for.
    signal(SIGKILL);
    group_.clear();
    CommandEnd end;
    int status = 0;
    rusage usage{};
    pid_t got = -1;
    while ((got = ::wait4(pid_, &status, 0, &usage)) < 0 && errno == EINTR) {
    }
    end.lost = got < 0 ? errno : 0;
    pid_ = -1;
    pidfd_.close();
    input_.close();
    for (Stream* stream : {&output_, &error_}) {
        stream->read_end.close();
        stream->write_end.close();
    }
    if (end.lost != 0) return end;
    if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
    end.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    end.peak_memory_bytes = peak_memory(usage);
    return end;
}

std::string CommandProcess::last_lines() const {
    return last_lines_of(error_.tail.empty() ? output_.tail : error_.tail);
}

}  // namespace penstock
