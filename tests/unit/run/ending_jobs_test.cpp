#include "run/ending_jobs.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

constexpr Nanoseconds kPatience = EndingJobs::kPatience;

TEST(EndingJobs, OneThatEndsInTimeIsForgotten) {
    EndingJobs ending;
    ending.told(7, 2, 100);
    std::vector<Outcome> outcomes(1);
    outcomes[0].ticket = 7;
    ending.sort(outcomes, 200);
    EXPECT_EQ(outcomes.size(), 1u);
    ending.sort(outcomes, 100 + kPatience);
    EXPECT_EQ(outcomes.size(), 1u);
}

TEST(EndingJobs, OneThatDoesNotIsLeftBehindOnce) {
    EndingJobs ending;
    ending.told(7, 2, 100);
    ending.told(8, 3, 101);
    ending.told(7, 2, 5000);  // counts from the first time
    std::vector<Outcome> outcomes;
    ending.sort(outcomes, 99 + kPatience);
    EXPECT_TRUE(outcomes.empty());
    ending.sort(outcomes, 100 + kPatience);
    ASSERT_EQ(outcomes.size(), 1u);
    EXPECT_EQ(outcomes[0].ticket, 7u);
    EXPECT_EQ(outcomes[0].lane, 2u);
    EXPECT_FALSE(outcomes[0].succeeded);
    EXPECT_EQ(outcomes[0].details->reason, EndReason::cancelled);
    outcomes.clear();
    ending.sort(outcomes, 100 + kPatience);
    EXPECT_TRUE(outcomes.empty());
    ending.sort(outcomes, 101 + kPatience);
    EXPECT_EQ(outcomes.size(), 1u);
}

}  // namespace
}  // namespace penstock
