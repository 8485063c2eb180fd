#include "run/rank_watch.hpp"

#include <gtest/gtest.h>

#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

namespace penstock {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;

// Looks four times a second from `from` to `until`; the ranks that were found lost.
std::vector<std::uint32_t> looked(RankWatch& watch, Nanoseconds from, Nanoseconds until) {
    std::vector<std::uint32_t> lost;
    for (Nanoseconds now = from; now <= until; now += kSecond / 4)
        for (const RankWatch::Loss& loss : watch.look(now)) lost.push_back(loss.rank);
    return lost;
}

TEST(RankWatch, SilenceOfMoreThanTheTimeoutIsALossAndToldOnce) {
    RankWatch watch({{1, 0}, {3, 0}}, 10 * kSecond);
    EXPECT_EQ(looked(watch, kSecond, 10 * kSecond), std::vector<std::uint32_t>());
    watch.heard(3);
    EXPECT_EQ(looked(watch, 10 * kSecond, 15 * kSecond), std::vector<std::uint32_t>{1});
    EXPECT_EQ(looked(watch, 15 * kSecond, 30 * kSecond), std::vector<std::uint32_t>{3});
    EXPECT_EQ(looked(watch, 30 * kSecond, 60 * kSecond), std::vector<std::uint32_t>());
}

TEST(RankWatch, OnlyTimeInWhichItLooksCounts) {
    RankWatch watch({{1, 0}}, 10 * kSecond);
    watch.look(kSecond);
    EXPECT_TRUE(watch.look(1000 * kSecond).empty()) << "it was stopped itself: the other's signs may be on their way";
    EXPECT_EQ(looked(watch, 1000 * kSecond, 1008 * kSecond), std::vector<std::uint32_t>());
    EXPECT_EQ(looked(watch, 1008 * kSecond, 1012 * kSecond), std::vector<std::uint32_t>{1});
}

TEST(RankWatch, WhatIsForgottenIsNotLost) {
    RankWatch watch({{1, 0}}, kSecond);
    watch.forget(1);
    watch.heard(77);  // nobody it knows
    EXPECT_EQ(looked(watch, kSecond, 10 * kSecond), std::vector<std::uint32_t>());
}

TEST(RankWatch, TheEndOfAProcessIsSeenAtOnce) {
    const pid_t child = fork();
    ASSERT_NE(child, -1);
    if (child == 0) {
        pause();
        _exit(0);
    }
    RankWatch watch({{2, static_cast<std::uint32_t>(child)}}, 1000 * kSecond);
    EXPECT_TRUE(watch.look(kSecond).empty());
    kill(child, SIGKILL);
    siginfo_t ended{};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
    const auto lost = watch.look(2 * kSecond);
    waitpid(child, nullptr, 0);
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_EQ(lost[0].rank, 2u);
    EXPECT_EQ(lost[0].how, "its process has ended");
}

}  // namespace
}  // namespace penstock
