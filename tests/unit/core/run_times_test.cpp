#include "core/run_times.hpp"

#include "support/plans.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::plan_of;

TEST(RunTimes, AreUnknownAtFirst) {
    const auto plan = plan_of("a; b[10]");
    RunTimes times;
    EXPECT_LT(times.mean_ns(*plan, TemplateIndex(0)), 0);
    EXPECT_LT(times.mean_ns(*plan, TemplateIndex(1)), 0);
}

TEST(RunTimes, TheFirstSampleIsTheMean) {
    const auto plan = plan_of("a[10]");
    RunTimes times;
    times.learn(*plan, TemplateIndex(0), 4, 400);
    EXPECT_DOUBLE_EQ(times.mean_ns(*plan, TemplateIndex(0)), 100);
}

TEST(RunTimes, FollowWhatComesAndALargeSampleWeighsMore) {
    const auto plan = plan_of("a[10]; b[10]");
    RunTimes times;
    for (const std::uint32_t t : {0u, 1u}) times.learn(*plan, TemplateIndex(t), 1, 1000);
    times.learn(*plan, TemplateIndex(0), 1, 0);
    times.learn(*plan, TemplateIndex(1), 1000, 0);
    EXPECT_GT(times.mean_ns(*plan, TemplateIndex(0)), 900);
    EXPECT_LT(times.mean_ns(*plan, TemplateIndex(1)), 100);
    for (int i = 0; i < 200; ++i) times.learn(*plan, TemplateIndex(0), 1, 0);
    EXPECT_LT(times.mean_ns(*plan, TemplateIndex(0)), 1);
}

TEST(RunTimes, SingleJobsOfOneWorkerTypeShareAFigureAndForEachsDoNot) {
    const auto plan = plan_of("a; b; c; d[2]; e[2]; a, b, d, e : worker W");
    RunTimes times;
    times.learn(*plan, TemplateIndex(0), 1, 100);
    EXPECT_DOUBLE_EQ(times.mean_ns(*plan, TemplateIndex(1)), 100);
    EXPECT_LT(times.mean_ns(*plan, TemplateIndex(2)), 0);
    EXPECT_LT(times.mean_ns(*plan, TemplateIndex(3)), 0);
    times.learn(*plan, TemplateIndex(3), 1, 7);
    EXPECT_DOUBLE_EQ(times.mean_ns(*plan, TemplateIndex(3)), 7);
    EXPECT_LT(times.mean_ns(*plan, TemplateIndex(4)), 0);
    EXPECT_DOUBLE_EQ(times.mean_ns(*plan, TemplateIndex(0)), 100);
}

}  // namespace
}  // namespace penstock
