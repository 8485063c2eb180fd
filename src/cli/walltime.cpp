#include "cli/walltime.hpp"

#include "exec/spawn_descriptor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

namespace penstock {

namespace {

std::optional<std::int64_t> number_of(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// "1-02:03:04", "02:03:04", "03:04": how squeue writes what is left.
std::optional<std::int64_t> slurm_seconds(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    std::int64_t days = 0;
    if (const auto dash = text.find('-'); dash != std::string_view::npos) {
        const auto number = number_of(text.substr(0, dash));
        if (!number) return std::nullopt;
        days = *number;
        text.remove_prefix(dash + 1);
    }
    std::int64_t seconds = 0;
    int parts = 0;
    while (true) {
        const auto colon = text.find(':');
        const auto number = number_of(text.substr(0, colon));
        if (!number || *number < 0 || ++parts > 3) return std::nullopt;
        seconds = seconds * 60 + *number;
        if (colon == std::string_view::npos) break;
        text.remove_prefix(colon + 1);
    }
    if (parts < 2) return std::nullopt;
    return days * 86'400 + seconds;
}

constexpr int kPatience_ms = 5'000;  // with a scheduler that does not answer

// Standard output until it ends; nothing when that takes too long.
std::optional<std::string> read_to_the_end(int pipe) {
    using Clock = std::chrono::steady_clock;
    const auto give_up = Clock::now() + std::chrono::milliseconds(kPatience_ms);
    std::string text;
    while (text.size() < 4096) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(give_up - Clock::now()).count();
        pollfd watched{pipe, POLLIN, 0};
        if (left <= 0 || ::poll(&watched, 1, static_cast<int>(left)) == 0) return std::nullopt;
        char bytes[512];
        const ssize_t n = ::read(pipe, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return text;
        text.append(bytes, static_cast<std::size_t>(n));
    }
    return text;
}

std::optional<std::string> output_of(const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
    const FileDescriptor reader(ends[0]);
    FileDescriptor writer(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, writer.get(), 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    pid_t child = -1;
    const int failed = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    writer.close();
    if (failed != 0) return std::nullopt;
    auto text = read_to_the_end(reader.get());
    if (!text) ::kill(child, SIGKILL);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
    return text;
}

struct Left {
    double seconds = 0;
    std::string source;
};

std::optional<Left> left_by_slurm(const SchedulerView& scheduler) {
    const auto job = scheduler.variable("SLURM_JOB_ID");
    if (!job || !number_of(*job)) return std::nullopt;
    const std::string source = "the end of Slurm job " + *job;
    if (const auto end = scheduler.variable("SLURM_JOB_END_TIME"))
        if (const auto at = number_of(*end)) return Left{static_cast<double>(*at - scheduler.epoch_s), source};
    const auto told = scheduler.output_of({"squeue", "--noheader", "--jobs", *job, "--format", "%L"});
    if (!told) return std::nullopt;
    if (const auto seconds = slurm_seconds(*told)) return Left{static_cast<double>(*seconds), source};
    return std::nullopt;  // "UNLIMITED", "NOT_SET"
}

}  // namespace

SchedulerView this_scheduler() {
    SchedulerView view;
    view.variable = [](const char* name) -> std::optional<std::string> {
        const char* const value = std::getenv(name);
        return value == nullptr ? std::nullopt : std::optional<std::string>(value);
    };
    view.output_of = output_of;
    view.epoch_s =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    return view;
}

std::optional<Walltime> walltime_of(const WalltimeChoice& choice, const SchedulerView& scheduler) {
    if (choice.walltime == "none") return std::nullopt;
    std::optional<Left> left;
    if (choice.time_s)
        left = Left{*choice.time_s, "--walltime"};
    else
        left = left_by_slurm(scheduler);
    if (!left) return std::nullopt;
    Walltime walltime;
    walltime.margin_s =
        choice.margin_s.value_or(std::clamp(left->seconds * kMarginShare, kLeastMargin_s, kUsualMargin_s));
    walltime.seconds = std::max(0.0, left->seconds - walltime.margin_s);
    walltime.source = left->source;
    return walltime;
}

}  // namespace penstock
