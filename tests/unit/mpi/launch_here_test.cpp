#include "mpi/launch_here.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace penstock {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;

class Child {
public:
    Child() : pid_(fork()) {
        if (pid_ == 0) {
            pause();
            _exit(0);
        }
    }
    ~Child() {
        if (pid_ > 0) end();
    }
    void end() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }

private:
    pid_t pid_;
};

std::optional<std::string> looked(LaunchHere& here, Nanoseconds from, Nanoseconds until,
                                  const std::vector<LaunchHere::Process>& found) {
    for (Nanoseconds now = from; now <= until; now += kSecond / 4)
        if (auto why = here.look(now, [&] { return found; })) return why;
    return {};
}

TEST(LaunchHere, ARankThatWasThereAndHasEndedIsLost) {
    Child first, second;
    const std::vector<LaunchHere::Process> found = {{first.pid(), "x", 0}, {second.pid(), "x", 1}};
    LaunchHere here({"x", 2, true});
    EXPECT_EQ(looked(here, kSecond, 100 * kSecond, found), std::nullopt);
    second.end();
    EXPECT_EQ(looked(here, 100 * kSecond, 101 * kSecond, {}), "rank 1 was lost (its process has ended)");
}

TEST(LaunchHere, ARankThatAScriptStartedIsThereAsLongAsOneOfItsProcesses) {
    Child script, rank;
    LaunchHere here({"x", 1, true});
    EXPECT_EQ(looked(here, kSecond, kSecond, {{script.pid(), "x", 0}, {rank.pid(), "x", 0}}), std::nullopt);
    script.end();
    EXPECT_EQ(looked(here, 2 * kSecond, 3 * kSecond, {}), std::nullopt);
    rank.end();
    EXPECT_EQ(looked(here, 3 * kSecond, 4 * kSecond, {}), "rank 0 was lost (its process has ended)");
}

TEST(LaunchHere, ARankThatIsNotThereForLongIsLost) {
    Child first;
    const std::vector<LaunchHere::Process> found = {{first.pid(), "x", 0}};
    LaunchHere here({"x", 3, true});
    EXPECT_EQ(looked(here, kSecond, 10 * kSecond, found), std::nullopt) << "it may start later";
    EXPECT_EQ(looked(here, 10 * kSecond, 12 * kSecond, found), "2 of the 3 ranks of this host were not there");
}

TEST(LaunchHere, OnlyTimeInWhichItLooksCounts) {
    Child first;
    const auto found = [&] { return std::vector<LaunchHere::Process>{{first.pid(), "x", 0}}; };
    LaunchHere here({"x", 2, true});
    EXPECT_EQ(here.look(kSecond, found), std::nullopt);
    EXPECT_EQ(here.look(1000 * kSecond, found), std::nullopt) << "the launch was suspended";
}

TEST(LaunchHere, OtherLaunchesDoNotCount) {
    Child first, other;
    LaunchHere here({"x", 1, true});
    EXPECT_EQ(looked(here, kSecond, kSecond, {{first.pid(), "x", 0}, {other.pid(), "y", 1}}), std::nullopt);
    other.end();
    EXPECT_EQ(looked(here, kSecond, 100 * kSecond, {}), std::nullopt);
}

TEST(LaunchHere, AloneInItsContainerItCannotTell) {
    Child first;
    const std::vector<LaunchHere::Process> found = {{first.pid(), "x", 0}};
    LaunchHere here({"x", 4, false});
    EXPECT_EQ(looked(here, kSecond, 1000 * kSecond, found), std::nullopt);
}

TEST(LaunchHere, RanksAreFoundByTheirEnvironment) {
    const pid_t child = fork();
    if (child == 0) {
        setenv("PMIX_NAMESPACE", "of-this-test", 1);
        setenv("PMIX_RANK", "7", 1);
        execlp("sleep", "sleep", "1000", nullptr);
        _exit(1);
    }
    const auto there = [&] {
        const auto processes = LaunchHere::processes();
        return std::any_of(processes.begin(), processes.end(), [&](const LaunchHere::Process& p) {
            return p.pid == static_cast<std::uint32_t>(child) && p.launch == "of-this-test" && p.rank == 7;
        });
    };
    while (!there() && waitpid(child, nullptr, WNOHANG) == 0) sched_yield();
    EXPECT_TRUE(there());
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace penstock
