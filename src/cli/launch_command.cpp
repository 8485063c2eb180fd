#include "cli/launch_command.hpp"

#include "report/text.hpp"
#include "store/run_directory.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
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
constexpr int kForwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

// What rank 0 says at the very end. An older run may have left one.
class Summary {
public:
    explicit Summary(const std::filesystem::path& run)
        : path_(run_directory_of(run) / "summary.txt"), before_(identity()) {}

    // Once it is there, whole, and not the one that was there before.
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

private:
    using Identity = std::tuple<ino_t, off_t, time_t, long>;

    // All 0 where there is none.
    Identity identity() const {
        struct stat found {};
        if (::stat(path_.c_str(), &found) != 0) return {};
        return {found.st_ino, found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
    }

    std::filesystem::path path_;
    Identity before_;
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

}  // namespace

int run_launch(const LaunchCommand& command, Streams& streams) {
    const Summary summary(command.run);
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
        code = summary.exit_code();
    }
    if (code)
        see_it_end(launched, signals);
    else
        code = summary.exit_code();  // written just before it ended
    if (code) return *code;
    if (launched.code() != kExitSucceeded && launched.code() != kExitUsage)  // these begin no run
        streams.err << fmt::format(
            "penstock launch: `{}` ended with exit code {}, and its run has not said that it is over: see what it "
            "printed; "
            "what is durable is kept, go on with --resume\n",
            printable(command.command.front()), launched.code());
    return launched.code();
}

}  // namespace penstock
