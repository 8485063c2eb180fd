#include "run/state_share.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace penstock {
namespace {

constexpr Nanoseconds kMs = 1'000'000;

struct Fold {
    StateShare share;
    Nanoseconds state = 0;  // takes so long
    std::uint64_t asked = 0;

    bool at(std::uint64_t mark, Nanoseconds now) {
        if (!share.asks(mark, now)) return false;
        share.took(now, state);
        ++asked;
        return true;
    }
};

TEST(StateShare, WhatTakesNoTimeIsAskedAtEveryMark) {
    Fold fold;
    for (std::uint64_t mark = 1; mark <= 100; ++mark) EXPECT_TRUE(fold.at(mark, static_cast<Nanoseconds>(mark) * kMs));
}

TEST(StateShare, StatesTakeATenthOfTheTimeOrSo) {
    Fold fold{.share = {}, .state = 400 * kMs};
    constexpr std::uint64_t kMarks = 10'000;
    for (std::uint64_t mark = 1; mark <= kMarks; ++mark) fold.at(mark, static_cast<Nanoseconds>(mark) * 500 * kMs);
    const double part = 400.0 * static_cast<double>(fold.asked) / (500.0 * kMarks);
    EXPECT_LT(part, 0.15);
    EXPECT_GT(part, 0.02);
}

TEST(StateShare, FoldsAreAskedAtTheSameMarks) {
    Fold one{.share = {}, .state = 60 * kMs}, other{.share = {}, .state = 60 * kMs};
    EXPECT_TRUE(one.at(1, 1 * kMs));
    std::uint64_t together = 0;
    for (std::uint64_t mark = 2; mark <= 1000; ++mark) {
        const Nanoseconds now = static_cast<Nanoseconds>(mark) * 500 * kMs;
        const bool asked = one.at(mark, now);
        together += other.at(mark, now + 100 * kMs) && asked;
    }
    EXPECT_GT(together, 100u);
}

TEST(StateShare, ManyMarksAtOnceDoNotMakeItRareForLong) {
    Fold fold{.share = {}, .state = 20 * kMs};
    Nanoseconds now = 0;
    for (std::uint64_t mark = 1; mark <= 500; ++mark) fold.at(mark, now += 1'000);
    EXPECT_LT(fold.asked, 20u);
    fold.asked = 0;
    for (std::uint64_t mark = 501; mark <= 600; ++mark) fold.at(mark, now += 500 * kMs);
    EXPECT_GT(fold.asked, 60u);
}

}  // namespace
}  // namespace penstock
