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

TEST(RankWatch, AProcessThatHadEndedBeforeIsLostToo) {
    const pid_t child = fork();
    ASSERT_NE(child, -1);
    if (child == 0) _exit(0);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    RankWatch watch({{2, static_cast<std::uint32_t>(child)}}, 1000 * kSecond);
    const auto lost = watch.look(kSecond);
    ASSERT_EQ(lost.size(), 1u);
    EXPECT_EQ(lost[0].how, "its process has ended");
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

int said_from_to(AliveClock& clock, Nanoseconds from, Nanoseconds to, bool speaks, bool hears) {
    int said = 0;
    for (Nanoseconds now = from; now < to; now += kSecond / 10) {
        if (speaks) clock.spoke(now);
        if (hears) clock.heard(now);
        said += clock.is_due(now) ? 1 : 0;
    }
    return said;
}

// A broker of a stream tells rank 0 how far it is four times a second, and rank 0 has nothing to say to that: after a
// minute every broker took it for lost.
TEST(AliveClock, WhoSpeaksAllTheTimeStillAsksWhoIsSilent) {
    AliveClock clock(kSecond);
    EXPECT_EQ(said_from_to(clock, 100 * kSecond, 110 * kSecond, true, false), 10);
}

TEST(AliveClock, WhoIsSilentSaysThatItIsThere) {
    AliveClock clock(kSecond);
    EXPECT_EQ(said_from_to(clock, 100 * kSecond, 110 * kSecond, false, true), 10);
    EXPECT_EQ(said_from_to(clock, 110 * kSecond, 120 * kSecond, false, false), 10);
}

TEST(AliveClock, WhereBothSpeakNothingMoreIsSaid) {
    AliveClock clock(kSecond);
    EXPECT_EQ(said_from_to(clock, 100 * kSecond, 110 * kSecond, true, true), 0);
}

}  // namespace
}  // namespace penstock
