#include "report/progress_view.hpp"

#include "report/text.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

Progress sample() {
    Progress p;
    p.jobs = 10'000;
    p.succeeded = 1'200;
    p.failed = 2;
    p.assigned = 20;  // more than can run at once
    p.slots = 8;
    return p;
}

TEST(ProgressText, SaysWhatIsDoneRunningFailedWaitingHowFastAndHowLongStill) {
    EXPECT_EQ(progress_text(sample(), 412, 120),
              "1,200/10,000 done, 8 running, 2 failed, 8,790 waiting, 412 jobs/s, 21.4 s left");
}

TEST(ProgressText, LeavesOutTheLeastTellingWhereItIsNarrow) {
    EXPECT_EQ(progress_text(sample(), 412, 70), "1,200/10,000 done, 8 running, 2 failed, 412 jobs/s, 21.4 s left");
    EXPECT_EQ(progress_text(sample(), 412, 40), "1,200/10,000 done, 2 failed, 21.4 s left");
    EXPECT_EQ(progress_text(sample(), 412, 18), "1,200/10,000 done");
    EXPECT_EQ(progress_text(sample(), 412, 10), "1,200/1...");
    EXPECT_EQ(progress_text(sample(), 412, 7), "");
}

TEST(ProgressText, FitsEveryWidth) {
    Progress p = sample();
    p.skipped = 77;
    for (std::size_t width = 0; width < 200; ++width) {
        EXPECT_LE(display_width(progress_text(p, 3.25, width)), width);
    }
}

TEST(ProgressText, GivesNoTimeLeftWhenMoreMayCome) {
    Progress p = sample();
    p.more_may_come = true;
    EXPECT_EQ(progress_text(p, 412, 120),
              "1,200/10,000 done, 8 running, 2 failed, 8,790 waiting, 412 jobs/s, more may come");
}

TEST(ProgressText, ZerosAreNotShown) {
    Progress p;
    p.jobs = 3;
    p.succeeded = 3;
    EXPECT_EQ(progress_text(p, 0, 120), "3/3 done, 0 running");
}

TEST(RateEstimate, FollowsTheLastTenSeconds) {
    RateEstimate rate;
    EXPECT_EQ(rate.per_second(), 0);
    std::uint64_t ended = 0;
    for (int i = 0; i <= 600; ++i) {  // 100 jobs/s for 30 s, then 10 jobs/s for 30 s
        rate.add(i * 0.1, ended);
        ended += i < 300 ? 10 : 1;
    }
    EXPECT_NEAR(rate.per_second(), 10, 0.2);
}

TEST(RateEstimate, FallsBackToTheWholeRunWhileNothingEnds) {
    RateEstimate rate;
    rate.add(0, 0);
    rate.add(10, 100);
    for (int i = 1; i <= 300; ++i) rate.add(10 + i * 0.1, 100);
    EXPECT_NEAR(rate.per_second(), 100 / 40.0, 0.01);
}

TEST(ProgressView, DrawsAtMostTenTimesASecondAndOnlyWhatChanged) {
    ProgressView view;
    EXPECT_EQ(view.live_line(0, 80), std::nullopt) << "nothing to show yet";
    Progress p = sample();
    int drawn = 0;
    for (int ms = 0; ms < 1000; ++ms) {
        ++p.succeeded;
        view.set(ms / 1000.0, p);
        if (view.live_line(ms / 1000.0, 80)) ++drawn;
    }
    EXPECT_EQ(drawn, 10);
    EXPECT_TRUE(view.live_line(2, 80)) << "the last state was not drawn yet";
    EXPECT_EQ(view.live_line(3, 80), std::nullopt) << "nothing changed";
}

TEST(ProgressView, LeavesTheLastColumnFree) {
    ProgressView view;
    view.set(0, sample());
    EXPECT_LT(display_width(*view.live_line(0, 30)), 30u);
}

TEST(ProgressView, LogLinesComeAtGrowingIntervals) {
    ProgressView view;
    std::vector<double> at;
    for (double now = 0; now < 2000; now += 0.5) {
        view.set(now, sample());
        if (view.log_line(now)) at.push_back(now);
    }
    EXPECT_EQ(at, (std::vector<double>{1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111, 1411, 1711}));
}

TEST(ProgressView, ALogLineSaysWhen) {
    ProgressView view;
    view.set(1, sample());
    EXPECT_EQ(view.log_line(1), "after 1 s: 1,200/10,000 done, 8 running, 2 failed, 8,790 waiting");
}

TEST(ProgressText, StreamsAreToldOfByTheirItems) {
    Progress p;
    p.streams = 1;
    p.items = 12'345;
    EXPECT_EQ(progress_text(p, 0, 100, 8500), "12,345 items, 8,500 items/s");
    p.streams = 3;
    p.streams_ended = 2;
    p.streams_failed = 1;
    EXPECT_EQ(progress_text(p, 0, 100, 8500), "12,345 items, 8,500 items/s, 2/3 streams, 1 stream failed");
    p.jobs = 4;
    p.succeeded = 1;
    EXPECT_EQ(
        progress_text(p, 2, 200, 8500).find("12,345 items, 8,500 items/s, 2/3 streams, 1 stream failed, 1/4 done"), 0u);
}

TEST(ProgressView, ItemsASecondAreThoseOfTheSources) {
    ProgressView view;
    Progress p;
    p.streams = 1;
    view.set(0, p);
    p.items = 1000;
    view.set(2, p);
    EXPECT_EQ(view.live_line(2, 80), "1,000 items, 500 items/s");
}

}  // namespace
}  // namespace penstock
