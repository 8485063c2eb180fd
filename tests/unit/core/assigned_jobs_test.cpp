#include "core/assigned_jobs.hpp"

#include "support/seed.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace penstock {
namespace {

AssignedJobs::Run run(std::uint32_t first, std::uint32_t count, std::uint32_t attempt = 1, std::uint32_t pipeline = 1) {
    return {{PipelineId(pipeline), JobIndex(first), count}, TemplateIndex(0), attempt};
}

JobRun jobs(std::uint32_t first, std::uint32_t count = 1, std::uint32_t pipeline = 1) {
    return {PipelineId(pipeline), JobIndex(first), count};
}

TEST(AssignedJobs, RunsThatContinueOneAnotherAreOne) {
    AssignedJobs all;
    all.add(run(0, 3));
    all.add(run(3, 2));
    EXPECT_EQ(all.of(PipelineId(1)), (std::vector{run(0, 5)}));
    all.add(run(5, 1, 2));
    EXPECT_EQ(all.of(PipelineId(1)), (std::vector{run(0, 5), run(5, 1, 2)})) << "another attempt is another run";
}

// The past goes with a job that is given out again, and another job's is not its own.
TEST(AssignedJobs, JobsOfDifferentPastsAreDifferentRuns) {
    AssignedJobs::Run has_failed = run(3, 2);
    has_failed.past.failed = 1;
    AssignedJobs all;
    all.add(run(0, 3));
    all.add(has_failed);
    all.add(run(5, 1));
    EXPECT_EQ(all.of(PipelineId(1)), (std::vector{run(0, 3), has_failed, run(5, 1)}));
}

TEST(AssignedJobs, WhatIsRemovedLeavesWhatIsBesideIt) {
    AssignedJobs all;
    all.add(run(0, 10));
    EXPECT_TRUE(all.remove(jobs(3, 2)));
    EXPECT_EQ(all.of(PipelineId(1)), (std::vector{run(0, 3), run(5, 5)}));
    EXPECT_FALSE(all.contains(jobs(2, 2)));
    EXPECT_FALSE(all.remove(jobs(2, 2))) << "one of them is gone";
    EXPECT_EQ(all.of(PipelineId(1)), (std::vector{run(0, 3), run(5, 5)}));
}

TEST(AssignedJobs, RemovesOverTheBoundsOfRuns) {
    AssignedJobs all;
    all.add(run(0, 3));
    all.add(run(3, 3, 2));
    EXPECT_TRUE(all.contains(jobs(0, 6)));
    EXPECT_TRUE(all.remove(jobs(1, 4)));
    EXPECT_EQ(all.of(PipelineId(1)), (std::vector{run(0, 1), run(5, 1, 2)}));
}

TEST(AssignedJobs, PipelinesAreKeptApart) {
    AssignedJobs all;
    all.add(run(0, 3, 1, 1));
    all.add(run(0, 3, 1, 2));
    EXPECT_TRUE(all.remove(jobs(0, 3, 2)));
    EXPECT_TRUE(all.of(PipelineId(2)).empty());
    EXPECT_FALSE(all.contains(jobs(3, 1, 1)));
    EXPECT_EQ(all.take_all(), (std::vector{run(0, 3)}));
    EXPECT_TRUE(all.empty());
}

TEST(AssignedJobs, AgreeWithAListOfThem) {
    PENSTOCK_TRACE_SEED();
    std::mt19937_64 chance(test::seed());
    for (int trial = 0; trial < 200; ++trial) {
        AssignedJobs all;
        std::map<std::uint32_t, std::uint32_t> model;  // job -> attempt
        for (int step = 0; step < 100; ++step) {
            const auto first = static_cast<std::uint32_t>(chance() % 60),
                       count = static_cast<std::uint32_t>(1 + chance() % 8);
            bool none = true, every = true;
            for (std::uint32_t j = first; j < first + count; ++j) (model.contains(j) ? none : every) = false;
            EXPECT_EQ(all.contains(jobs(first, count)), every);
            if (none) {
                const auto attempt = static_cast<std::uint32_t>(1 + chance() % 2);
                all.add(run(first, count, attempt));
                for (std::uint32_t j = first; j < first + count; ++j) model[j] = attempt;
            } else if (every) {
                EXPECT_TRUE(all.remove(jobs(first, count)));
                for (std::uint32_t j = first; j < first + count; ++j) model.erase(j);
            } else {
                EXPECT_FALSE(all.remove(jobs(first, count)));
            }
            std::map<std::uint32_t, std::uint32_t> now;
            for (const AssignedJobs::Run& r : all.of(PipelineId(1)))
                for (std::uint32_t i = 0; i < r.jobs.count; ++i) now[r.jobs.first.value + i] = r.attempt;
            ASSERT_EQ(now, model);
        }
    }
}

}  // namespace
}  // namespace penstock
