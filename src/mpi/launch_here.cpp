#include "mpi/launch_here.hpp"

#include "exec/proc_file.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace penstock {

namespace {

constexpr std::string_view kLaunchName = "PMIX_NAMESPACE", kRankName = "PMIX_RANK";
constexpr const char* kRanksHereName = "OMPI_COMM_WORLD_LOCAL_SIZE";

std::optional<std::uint32_t> number(std::string_view text) {
    std::uint32_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || end != text.data() + text.size()) return {};
    return n;
}

// The value of NAME in an environment as /proc shows it: NAME=VALUE, each ended by a NUL.
std::string_view value_in(std::string_view environment, std::string_view name) {
    while (!environment.empty()) {
        const std::string_view entry = environment.substr(0, environment.find('\0'));
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
            return entry.substr(name.size() + 1);
        environment.remove_prefix(std::min(entry.size() + 1, environment.size()));
    }
    return {};
}

constexpr int kEnded = -1, kCannotBeWatched = -2;  // instead of a pidfd

int watch(std::uint32_t pid) {
    const int process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    return process >= 0 ? process : errno == ESRCH ? kEnded : kCannotBeWatched;
}

bool has_ended(int process) {
    if (process < 0) return process == kEnded;
    pollfd one{process, POLLIN, 0};
    return poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
}

}  // namespace

std::vector<LaunchHere::Process> LaunchHere::processes() {
    std::vector<Process> found;
    for (const std::filesystem::path& folder : proc_entries("/proc")) {
        const std::optional<std::uint32_t> pid = number(folder.filename().native());
        if (!pid) continue;
        const std::string environment = proc_text(folder / "environ");
        const std::optional<std::uint32_t> rank = number(value_in(environment, kRankName));
        if (!rank || proc_text(folder / "comm") == "penstock-zygote\n") continue;
        found.push_back({*pid, std::string(value_in(environment, kLaunchName)), *rank});
    }
    return found;
}

std::optional<LaunchHere::Expected> LaunchHere::expected() {
    const char* launch = std::getenv(kLaunchName.data());
    const char* ranks = std::getenv(kRanksHereName);
    if (launch == nullptr || ranks == nullptr) return {};
    // Without a parent that can be seen this process is alone in a container of its own.
    const bool others_can_be_seen = getppid() > 1;
    return Expected{launch, number(ranks).value_or(0), others_can_be_seen};
}

LaunchHere::LaunchHere(Expected expected) : expected_(std::move(expected)) {}

LaunchHere::~LaunchHere() {
    for (const auto& [rank, processes] : seen_)
        for (const auto& [pid, process] : processes)
            if (process >= 0) close(process);
}

std::optional<std::string> LaunchHere::look(Nanoseconds now, const std::function<std::vector<Process>()>& find) {
    if (last_look_ != 0) looking_ += std::min(now - last_look_, kMostATurn);
    last_look_ = now;
    if (seen_.size() < expected_.ranks && now >= next_search_) {
        search(find);
        next_search_ = now + pause_;
        pause_ = std::min(2 * pause_, kLongestPause);
    }
    if (std::optional<std::string> ended = one_that_ended()) return ended;
    const bool can_tell = expected_.others_can_be_seen || seen_.size() > 1;
    if (seen_.size() >= expected_.ranks || !can_tell || looking_ <= kLongestAbsence) return {};
    return std::to_string(expected_.ranks - seen_.size()) + " of the " + std::to_string(expected_.ranks) +
           " ranks of this host were not there";
}

void LaunchHere::search(const std::function<std::vector<Process>()>& find) {
    for (const Process& p : find()) {
        if (p.launch != expected_.launch) continue;
        auto& processes = seen_[p.rank];
        if (!processes.contains(p.pid)) processes[p.pid] = watch(p.pid);
    }
}

std::optional<std::string> LaunchHere::one_that_ended() const {
    for (const auto& [rank, processes] : seen_)
        if (std::all_of(processes.begin(), processes.end(), [](const auto& p) { return has_ended(p.second); }))
            return "rank " + std::to_string(rank) + " was lost (its process has ended)";
    return {};
}

}  // namespace penstock
