#include "cli/launch_command.hpp"

#include "report/text.hpp"
#include "store/ownership.hpp"
#include "store/run_directory.hpp"

#include <fmt/format.h>
#include <linux/magic.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

namespace penstock {

namespace {

using Clock = std::chrono::steady_clock;

constexpr timespec kLook{0, 500'000'000};
constexpr std::chrono::seconds kPatience{10};  // with a launcher whose run is over, before and after it is told to end
constexpr std::chrono::seconds kSeenLate{60};  // what another host has written, on NFS (acdirmax of nfs(5))
constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

// What rank 0 leaves in the run directory: that there is a run, and its exit code at the very end. An older run may
// have left the same.
class Signs {
public:
    explicit Signs(const std::filesystem::path& run)
        : directory_(run_directory_of(run)),
          path_(directory_ / "summary.txt"),
          before_(identity()),
          owner_before_(owner()) {}

    // A run has begun since.
    bool began() const { return owner() != owner_before_; }

    // Once the summary is there, whole, and not the one that was there before.
    std::optional<int> exit_code() const {
        if (identity() == before_) return std::nullopt;
        std::ifstream in(path_, std::ios::binary);
        std::ostringstream all;
        all << in.rdbuf();
        const std::string text = all.str();
        static constexpr std::string_view kSays = "\nexit code ";
        const std::size_t at = text.rfind(kSays);
        if (at == std::string::npos || text.back() != '\n') return std::nullopt;
        int code = -1;
        std::istringstream(text.substr(at + kSays.size())) >> code;
        return code < 0 ? std::nullopt : std::optional<int>(code);
    }

    // The same, when nobody writes any more.
    std::optional<int> last_exit_code() const {
        struct statfs where {};
        const bool late = ::statfs(directory_.c_str(), &where) == 0 && where.f_type == NFS_SUPER_MAGIC;
        const auto until = Clock::now() + (late ? kSeenLate : std::chrono::seconds(0));
        for (;;) {
            const auto code = exit_code();
            if (code || Clock::now() >= until) return code;
            ::nanosleep(&kLook, nullptr);
        }
    }

private:
    using Identity = std::tuple<ino_t, off_t, time_t, long>;
    using OwnerIdentity = std::tuple<std::uint32_t, std::string, std::string, std::uint32_t>;

    // All 0 where there is none.
    Identity identity() const {
        struct stat found {};
        if (::stat(path_.c_str(), &found) != 0) return {};
        return {found.st_ino, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
    }

    OwnerIdentity owner() const {
        try {
            if (const auto owner = newest_owner(directory_))
                return {owner->incarnation, owner->host, owner->boot, owner->pid};
        } catch (const StoreError&) {
            // What cannot be read says nothing.
        }
        return {};
    }

    std::filesystem::path directory_, path_;
    Identity before_;
    OwnerIdentity owner_before_;
};

// Blocked from here on, so that none is lost between two looks.
class HeardSignals {
public:
    HeardSignals() {
        ::sigemptyset(&all_);
        for (const int number : kForwarded) ::sigaddset(&all_, number);
        ::sigaddset(&all_, SIGCHLD);
        ::sigprocmask(SIG_BLOCK, &all_, &before_);
    }
    ~HeardSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    HeardSignals(const HeardSignals&) = delete;
    HeardSignals& operator=(const HeardSignals&) = delete;

    // One that came, or 0 after a moment. What the terminal sends, Ctrl-C say, the command has been sent too.
    int next() const {
        siginfo_t info{};
        const int number = ::sigtimedwait(&all_, &info, &kLook);
        return number <= 0 || info.si_code == SI_KERNEL ? 0 : number;
    }
    const sigset_t& before() const { return before_; }

private:
    sigset_t all_{}, before_{};
};

// In our process group and with our descriptors: a terminal's Ctrl-C reaches it, and it may read standard input.
class Launched {
public:
    Launched(const std::vector<std::string>& command, const sigset_t& blocked) {
        std::vector<char*> argv;
        for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        posix_spawnattr_t how;
        ::posix_spawnattr_init(&how);
        ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK);
        ::posix_spawnattr_setsigmask(&how, &blocked);
        error_ = ::posix_spawnp(&pid_, argv[0], nullptr, &how, argv.data(), environ);
        ::posix_spawnattr_destroy(&how);
    }

    int error() const { return error_; }  // errno, when it could not be started
    void signal(int number) {
        if (!ended()) ::kill(pid_, number);
    }
    bool ended() {
        int status = 0;
        if (!code_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
            code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        return code_.has_value();
    }
    int code() const { return *code_; }

private:
    pid_t pid_ = -1;
    int error_ = 0;
    std::optional<int> code_;
};

// First it may end by itself, then it is told to: it ends what it has started on other hosts. Then it is killed.
void see_it_end(Launched& launched, const HeardSignals& signals) {
    for (const int number : {SIGTERM, SIGKILL}) {
        for (const auto until = Clock::now() + kPatience; Clock::now() < until;) {
            if (launched.ended()) return;
            signals.next();
        }
        launched.signal(number);
    }
    while (!launched.ended()) signals.next();
}

// The launcher has ended, and no run has said that it is over. A launcher's 0 is not believed: that is what `mpirun
// --enable-recovery` gives too when rank 0 was killed, or has refused the definition.
int without_an_end(const LaunchCommand& command, int launchers, bool began, Streams& streams) {
    const std::string ended =
        fmt::format("penstock launch: `{}` ended with exit code {}", printable(command.command.front()), launchers);
    if (!began) {
        if (launchers == kExitUsage) return kExitUsage;  // it has said why
        const int code = launchers == kExitSucceeded ? kExitUsage : launchers;
        streams.err << fmt::format("{}, and no run has begun: see what it printed; the exit code is {}\n", ended, code);
        return code;
    }
    const int code = launchers == kExitSucceeded ? kExitResumeMe : launchers;
    streams.err << fmt::format(
        "{}, and its run has not said that it is over: see what it printed; what is durable is kept, go on with "
        "--resume; the exit code is {}\n",
        ended, code);
    return code;
}

}  // namespace

int run_launch(const LaunchCommand& command, Streams& streams) {
    const Signs signs(command.run);
    const HeardSignals signals;
    Launched launched(command.command, signals.before());
    if (launched.error() != 0) {
        streams.err << fmt::format("penstock launch: cannot start `{}`: {}; is it installed, and on the PATH?\n",
                                   printable(command.command.front()), std::strerror(launched.error()));
        return kExitUsage;
    }
    std::optional<int> code;
    while (!code && !launched.ended()) {
        if (const int number = signals.next(); number != 0 && number != SIGCHLD) launched.signal(number);
        code = signs.exit_code();
    }
    if (code)
        see_it_end(launched, signals);
    else
        code = signs.last_exit_code();
    return code ? *code : without_an_end(command, launched.code(), signs.began(), streams);
}

}  // namespace penstock
