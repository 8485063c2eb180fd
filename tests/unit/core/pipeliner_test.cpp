#include "core/pipeliner.hpp"

#include "support/plans.hpp"
#include "support/transcript.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::Lines;
using test::plan_of;
using test::sent;

constexpr std::uint32_t kRouter = 0;
constexpr std::uint32_t kSelf = 1;

// A pipeliner with one plan, and what it sends.
class PipelinerTest : public ::testing::Test {
protected:
    void start_plan(std::string_view graph, std::uint32_t id = 1) {
        auto structure = std::make_shared<const Structure>(structure_of(*plan_of(graph)));
        pipeliner_.on(msg::StartPlan{PlanId(id), std::move(structure)}, kRouter, out_);
        EXPECT_EQ(sent(out_), Lines());
    }
    Lines start(std::uint32_t first = 1, std::uint32_t count = 1, std::uint32_t plan = 1) {
        pipeliner_.on(msg::StartPipelines{PipelineId(first), count, PlanId(plan)}, kRouter, out_);
        return sent(out_);
    }
    Lines start(std::string_view graph) {
        start_plan(graph);
        return start();
    }
    Lines ended(std::uint32_t first, std::uint32_t count = 1, bool ok = true, std::uint32_t broker = 2,
                std::uint32_t pipeline = 1) {
        msg::Ended m;
        m.jobs = {PipelineId(pipeline), JobIndex(first), count};
        m.succeeded = ok;
        m.followed = followed_;
        pipeliner_.on(m, broker, out_);
        return sent(out_);
    }
    Lines locate(std::vector<JobRun> jobs, std::uint32_t pipeline = 1) {
        pipeliner_.on(msg::Locate{9, PipelineId(pipeline), std::move(jobs)}, 3, out_);
        return sent(out_);
    }
    static JobRun jobs(std::uint32_t first, std::uint32_t count = 1) { return {PipelineId(1), JobIndex(first), count}; }

    Pipeliner pipeliner_;
    Outbox out_{kSelf};
    bool followed_ = false;  // said by ended()
};

TEST_F(PipelinerTest, GetsAPipelineAndAsksForJobs) {
    EXPECT_EQ(start("a -> b"), (Lines{"0: Ready 1:0 t0 attempt 1"}));
    EXPECT_EQ(pipeliner_.active_pipelines(), 1u);
}

TEST_F(PipelinerTest, JobsInSequence) {
    start("a -> b -> c");
    EXPECT_EQ(ended(0), (Lines{"0: Ready 1:1 t1 attempt 1"}));
    EXPECT_EQ(ended(1), (Lines{"0: Ready 1:2 t2 attempt 1"}));
    EXPECT_EQ(ended(2), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

TEST_F(PipelinerTest, JobsInParallel) {
    EXPECT_EQ(start("a; b; c"),
              (Lines{"0: Ready 1:0 t0 attempt 1", "0: Ready 1:1 t1 attempt 1", "0: Ready 1:2 t2 attempt 1"}));
    EXPECT_EQ(ended(1), Lines());
    EXPECT_EQ(ended(2), Lines());
    EXPECT_EQ(ended(0), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

//  a -> (b, c) -> d, e alone
TEST_F(PipelinerTest, JobsMixed) {
    EXPECT_EQ(start("a -> b, c -> d; e"), (Lines{"0: Ready 1:0 t0 attempt 1", "0: Ready 1:4 t4 attempt 1"}));
    EXPECT_EQ(ended(0), (Lines{"0: Ready 1:1 t1 attempt 1", "0: Ready 1:2 t2 attempt 1"}));
    EXPECT_EQ(ended(1), Lines());
    EXPECT_EQ(ended(2), (Lines{"0: Ready 1:3 t3 attempt 1"}));
    EXPECT_EQ(ended(4), Lines());
    EXPECT_EQ(ended(3), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

TEST_F(PipelinerTest, ManyPipelinesShareAPlanAndDoNotMix) {
    start_plan("a -> b");
    EXPECT_EQ(start(5, 3),
              (Lines{"0: Ready 5:0 t0 attempt 1", "0: Ready 6:0 t0 attempt 1", "0: Ready 7:0 t0 attempt 1"}));
    EXPECT_EQ(ended(0, 1, true, 2, 6), (Lines{"0: Ready 6:1 t1 attempt 1"}));
    EXPECT_EQ(ended(1, 1, true, 2, 6), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 2u);
}

TEST_F(PipelinerTest, TwoPlans) {
    start_plan("a", 1);
    start_plan("a -> b", 2);
    start(1, 1, 1);
    start(2, 1, 2);
    EXPECT_EQ(ended(0, 1, true, 2, 1), Lines());
    EXPECT_EQ(ended(0, 1, true, 2, 2), (Lines{"0: Ready 2:1 t1 attempt 1"}));
}

TEST_F(PipelinerTest, AFailureSkipsWithItsCause) {
    start("a -> b[5] -> c; d");
    EXPECT_EQ(ended(0, 1, false), (Lines{"0: Skipped 1:[1,7) because of 0"}));
    EXPECT_EQ(pipeliner_.active_pipelines(), 1u);
    EXPECT_EQ(ended(7), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

TEST_F(PipelinerTest, ReleasesAtTheBrokerThatHolds) {
    EXPECT_EQ(start("a => b"), (Lines{"0: Ready 1:0 t0 attempt 1"}));
    EXPECT_EQ(ended(0, 1, true, 4), (Lines{"0: Ready 1:1 t1 attempt 1 holder 4"}));
    EXPECT_EQ(ended(1, 1, true, 5), (Lines{"4: Release 1:0"}));
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

// One of a million jobs costs no message of its own.
TEST_F(PipelinerTest, AMillionJobsAreFewMessages) {
    EXPECT_EQ(start("a => b[1000000] => c"), (Lines{"0: Ready 1:0 t0 attempt 1"}));
    EXPECT_EQ(ended(0), (Lines{"0: Ready 1:[1,1000001) t1 attempt 1 holder 2"}));
    Lines all;
    for (std::uint32_t first = 1; first < 1'000'001; first += 10'000)
        for (std::string& line : ended(first, 10'000)) all.push_back(std::move(line));
    EXPECT_EQ(all, (Lines{"0: Ready 1:1000001 t2 attempt 1 holder 2 to be located", "2: Release 1:0"}));
    EXPECT_EQ(ended(1'000'001), (Lines{"2: Release 1:[1,1000001)"}));
}

// ------------------------------------------------------------------------------------------ followers

// A broker that goes on with a follower by itself does not wait to be told it is ready.
TEST_F(PipelinerTest, AFollowerIsNotToldReady) {
    start("a => b -> c");
    followed_ = true;
    EXPECT_EQ(ended(0, 1, true, 4), Lines());
    EXPECT_EQ(ended(1, 1, true, 4), (Lines{"4: Release 1:0"}));
    followed_ = false;
    EXPECT_EQ(ended(2, 1, true, 4), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

// A follower that was taken back runs at another broker; that one may be heard before the first.
TEST_F(PipelinerTest, AFollowerMayEndBeforeItsProducerIsKnownToHave) {
    start("a => b -> c; d");
    EXPECT_EQ(ended(1, 1, true, 5), Lines());
    EXPECT_EQ(pipeliner_.ignored(), 0u);
    followed_ = true;
    EXPECT_EQ(ended(0, 1, true, 4), (Lines{"0: Ready 1:2 t2 attempt 1", "4: Release 1:0"}));
    followed_ = false;
    EXPECT_EQ(ended(2, 1, true, 5), Lines());
    EXPECT_EQ(ended(3), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

TEST_F(PipelinerTest, AWholeChainOfFollowersMayEndEarlyInAnyOrder) {
    start("a[3] -> b : twin; b -> c : twin");
    EXPECT_EQ(ended(7, 1, true, 6), Lines());   // c of the second
    EXPECT_EQ(ended(4, 1, false, 6), Lines());  // b of the second has ended twice: nonsense, kept until it shows
    EXPECT_EQ(pipeliner_.ignored(), 0u);
    followed_ = true;
    EXPECT_EQ(ended(0, 3, true, 4), (Lines{"0: Skipped 1:7 because of 4"}));
    EXPECT_EQ(pipeliner_.ignored(), 1u);
}

TEST_F(PipelinerTest, WhatEndedEarlyIsForgottenWithItsPipeline) {
    start("a -> b; c -> d");
    ended(1, 1, true, 5);
    EXPECT_EQ(ended(0, 1, false, 4), (Lines{"0: Skipped 1:1 because of 0"}));
    EXPECT_EQ(pipeliner_.ignored(), 1u);  // it cannot have run
    ended(2);
    ended(3);
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

// ------------------------------------------------------------------------------------------ Locate

TEST_F(PipelinerTest, SaysWhereOutputsAreInRuns) {
    start("a[5] => b");
    ended(0, 2, true, 4);
    ended(3, 1, true, 5);
    EXPECT_EQ(locate({jobs(0, 5)}), (Lines{"3: Located #9 [0,2) at 4, 2 nowhere, 3 at 5, 4 nowhere"}));
    EXPECT_EQ(locate({jobs(3), jobs(0)}), (Lines{"3: Located #9 3 at 5, 0 at 4"}));
    EXPECT_EQ(locate({}), (Lines{"3: Located #9 nothing"}));
}

TEST_F(PipelinerTest, KnowsNothingOfReleasedOutputs) {
    start("a => b; c");
    ended(0, 1, true, 4);
    ended(1, 1, true, 5);
    EXPECT_EQ(locate({jobs(0)}), (Lines{"3: Located #9 0 nowhere"}));
}

TEST_F(PipelinerTest, LocatingNonsenseIsAnsweredAndCountedWithoutWalkingIt) {
    start("a[5] => b");
    EXPECT_EQ(locate({jobs(0, 1)}, 77), (Lines{"3: Located #9 0 nowhere"}));
    EXPECT_EQ(pipeliner_.ignored(), 1u);
    EXPECT_EQ(locate({jobs(4, 0xffffffff)}), (Lines{"3: Located #9 [4,4294967299) nowhere"}));
    EXPECT_EQ(pipeliner_.ignored(), 2u);
}

// ------------------------------------------------------------------------------------------ nonsense and the end

TEST_F(PipelinerTest, IgnoresAndCountsWhatMakesNoSense) {
    EXPECT_EQ(start(1, 1, 9), Lines());  // unknown plan
    EXPECT_EQ(pipeliner_.ignored(), 1u);
    start("a -> b");
    EXPECT_EQ(start(1), Lines());  // started twice
    EXPECT_EQ(pipeliner_.ignored(), 2u);
    EXPECT_EQ(ended(0, 1, true, 2, 9), Lines());  // unknown pipeline
    EXPECT_EQ(ended(7), Lines());                 // no such job
    EXPECT_EQ(ended(0, 0), Lines());              // nothing
    EXPECT_EQ(pipeliner_.ignored(), 5u);
    ended(0);
    EXPECT_EQ(ended(0), Lines());  // twice
    EXPECT_EQ(pipeliner_.ignored(), 6u);
    EXPECT_EQ(pipeliner_.active_pipelines(), 1u);
}

TEST_F(PipelinerTest, AnEndOfAJobThatWaitsForSeveralIsIgnored) {
    start("a -> c; b -> c");
    EXPECT_EQ(ended(1), Lines());
    EXPECT_EQ(pipeliner_.ignored(), 1u);
}

// Found by the fuzz target: one message of a few bytes took all memory.
TEST_F(PipelinerTest, MorePipelinesThanThereCanBeAreNotStarted) {
    start("a");
    pipeliner_.on(msg::StartPipelines{PipelineId(100), Pipeliner::kMostAtOnce + 1, PlanId(1)}, kRouter, out_);
    EXPECT_EQ(pipeliner_.active_pipelines(), 1u);
    EXPECT_EQ(pipeliner_.ignored(), 1u);
}

TEST_F(PipelinerTest, APlanWithoutStructureIsIgnored) {
    pipeliner_.on(msg::StartPlan{PlanId(1), nullptr}, kRouter, out_);
    EXPECT_EQ(start(1, 1, 1), Lines());
    EXPECT_EQ(pipeliner_.ignored(), 2u);
}

TEST_F(PipelinerTest, AnEmptyPipelineIsOverAtOnce) {
    EXPECT_EQ(start("a[0] -> b[0]"), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

TEST_F(PipelinerTest, StopsWhenTold) {
    start("a");
    EXPECT_FALSE(pipeliner_.stopped());
    pipeliner_.on(msg::Stop{}, kRouter, out_);
    EXPECT_TRUE(pipeliner_.stopped());
    EXPECT_EQ(sent(out_), Lines());
}

// ------------------------------------------------------------------------------------------ after a rank was lost

class PipelinerRestart : public PipelinerTest {
protected:
    Lines restart(const JobHistory& history, std::uint32_t epoch = 1) {
        pipeliner_.on(msg::Restart{PipelineId(1), PlanId(1), epoch, std::make_shared<JobHistory>(history)}, kRouter,
                      out_);
        return sent(out_);
    }
    Lines ended_in(std::uint32_t epoch, std::uint32_t first, std::uint32_t count = 1) {
        msg::Ended m;
        m.jobs = jobs(first, count);
        m.epoch = epoch;
        pipeliner_.on(m, 2, out_);
        return sent(out_);
    }
};

TEST_F(PipelinerRestart, GoesOnFromWhatIsLeft) {
    start("a[4] -> b[1]");
    ended(0, 3);
    EXPECT_EQ(restart({{{0, 2, true, 2}}, {{2, 1, 1}}, {{3, 1}}}),
              (Lines{"0: Restarted 1 epoch 1", "0: Ready 1:2 t0 attempt 2"}))
        << "0 and 1 are done, 3 runs";
    EXPECT_EQ(ended_in(1, 2), Lines());
    EXPECT_EQ(ended_in(1, 3), (Lines{"0: Ready 1:4 t1 attempt 1"}));
}

TEST_F(PipelinerRestart, EndsOfAnEarlierEpochDoNotCount) {
    start("a[2] -> b[1]");
    restart({{}, {{0, 2, 1}}, {}});
    EXPECT_EQ(ended_in(0, 0, 2), Lines());
    EXPECT_EQ(pipeliner_.ignored(), 1u);
    EXPECT_EQ(ended_in(1, 0, 2), (Lines{"0: Ready 1:2 t1 attempt 1"}));
}

// It ended at the lost rank, where a follower went on by itself; what it followed had not been heard of yet.
TEST_F(PipelinerRestart, WhatHadEndedEarlyRunsAgain) {
    start("a -> b");
    EXPECT_EQ(ended(1), Lines());
    restart({{}, {{0, 1, 1}, {1, 1, 1}}, {}});
    EXPECT_EQ(ended_in(1, 0), (Lines{"0: Ready 1:1 t1 attempt 2"}));
    EXPECT_EQ(pipeliner_.active_pipelines(), 1u);
    EXPECT_EQ(ended_in(1, 1), Lines());
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
    EXPECT_EQ(pipeliner_.ignored(), 0u);
}

TEST_F(PipelinerRestart, TakesOneThatItDoesNotKnow) {
    start_plan("a -> b");
    EXPECT_EQ(restart({{{0, 1, true}}, {}, {}}, 3), (Lines{"0: Restarted 1 epoch 3", "0: Ready 1:1 t1 attempt 1"}));
}

TEST_F(PipelinerRestart, OutputsAreWhereTheHistorySaysAndReleasedInThatEpoch) {
    start_plan("a[2] => b[1]");
    restart({{{0, 1, true, 5}, {1, 1, true}}, {}, {}});
    EXPECT_EQ(locate({jobs(0, 2)}), (Lines{"3: Located #9 0 at 5, 1 stored"}));
    pipeliner_.on(
        [] {
            msg::Ended m;
            m.jobs = jobs(2);
            m.epoch = 1;
            return m;
        }(),
        2, out_);
    ASSERT_EQ(out_.sent().size(), 1u);
    EXPECT_EQ(describe(out_.sent()[0].message), "Release 1:0");
    const auto& inbox = std::get<BrokerMessage>(out_.sent()[0].message);
    EXPECT_EQ(std::get<msg::Release>(inbox).epoch, 1u);
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

}  // namespace
}  // namespace penstock
