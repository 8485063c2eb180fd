#include "cli/trial_process.hpp"

#include "exec/command_environment.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace penstock {

namespace {
constexpr auto kLook = std::chrono::milliseconds(10);
constexpr std::size_t kMostPrinted = 64 * 1024;
}  // namespace

TrialProcess::TrialProcess(const std::vector<std::string>& arguments, const std::filesystem::path& output)
    : output_(output) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const Environment environment = Environment::of_this_process();
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, 1, output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    ::posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawnattr_t how;
    ::posix_spawnattr_init(&how);
    ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP);
    const int error = ::posix_spawnp(&pid_, argv[0], &files, &how, argv.data(), environment.pointers().data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&how);
    if (error != 0) throw std::runtime_error(arguments[0] + ": " + std::strerror(error));
}

TrialProcess::~TrialProcess() {
    if (ended()) return;
    ::kill(-pid_, SIGTERM);  // a launcher ends what it started elsewhere
    if (!wait(5)) ::kill(-pid_, SIGKILL);
    while (!status_ && ::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void TrialProcess::signal(int number) const {
    if (!status_) ::kill(pid_, number);
}

std::optional<int> TrialProcess::ended() {
    int status = 0;
    if (!status_ && ::waitpid(pid_, &status, WNOHANG) == pid_)
        status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return status_;
}

bool TrialProcess::wait_until(double patience_s, const std::function<bool()>& so) const {
    const auto give_up = Clock::now() + std::chrono::duration<double>(patience_s);
    while (!so()) {
        if (Clock::now() >= give_up) return false;
        std::this_thread::sleep_for(kLook);
    }
    return true;
}

std::optional<int> TrialProcess::wait(double patience_s) {
    wait_until(patience_s, [this] { return ended().has_value(); });
    return status_;
}

std::string TrialProcess::printed() const {
    std::ifstream in(output_, std::ios::binary);
    std::string text(kMostPrinted, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

std::string TrialProcess::complaint() const {
    std::istringstream lines(printed());
    for (std::string line; std::getline(lines, line);)
        if (std::any_of(line.begin(), line.end(), [](unsigned char c) { return std::isalnum(c) != 0; })) return line;
    return "it printed nothing";
}

}  // namespace penstock
