#include "support/progress_trial.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::lines;
using test::Trial;

// ------------------------------------------------------------------------------------------ order

TEST(PipelineProgress, OfAnEmptyPlanIsDoneFromTheStart) {
    Trial run("");
    EXPECT_EQ(run.start(), Lines());
    EXPECT_TRUE(run.done());
}

//  a -> b -> c
TEST(PipelineProgress, ChainGoesInSequence) {
    Trial run("a -> b -> c");
    EXPECT_EQ(run.start(), (Lines{"ready 0"}));
    EXPECT_EQ(run.ok(0), (Lines{"ready 1"}));
    EXPECT_EQ(run.ok(1), (Lines{"ready 2"}));
    EXPECT_FALSE(run.done());
    EXPECT_EQ(run.ok(2), Lines());
    EXPECT_TRUE(run.done());
}

//       a
//      / \     (two arms)
//     b   c
//      \ /     (both needed)
//       d
TEST(PipelineProgress, DiamondWaitsForBothSides) {
    Trial run("a -> b, c -> d");
    EXPECT_EQ(run.start(), (Lines{"ready 0"}));
    EXPECT_EQ(run.ok(0), (Lines{"ready 1", "ready 2"}));
    EXPECT_EQ(run.ok(2), Lines());
    EXPECT_EQ(run.ok(1), (Lines{"ready 3"}));
    EXPECT_EQ(run.ok(3), Lines());
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, DisconnectedJobsAreAllStarters) {
    Trial run("a; b; c -> d");
    EXPECT_EQ(run.start(), (Lines{"ready 0", "ready 1", "ready 2"}));
    EXPECT_EQ(run.ok(2), (Lines{"ready 3"}));
}

// The counterpart of pypelinin's test of `available_jobs` on a 16-job DAG: the same graph, what is available after each
// finished job.
//
//   (A, B) -> (C, D, E); C -> F; D -> (F, G); E -> (G, H); (F, G) -> I; H -> (J, K); (I, J) -> L; K -> M;
//   (L, M) -> N; N -> (O, P)
TEST(PipelineProgress, AvailableJobsOfASixteenJobGraph) {
    Trial run(
        "A; B; C; D; E; F; G; H; I; J; K; L; M; N; O; P;"
        "A, B -> C, D, E; C -> F; D -> F, G; E -> G, H; F, G -> I; H -> J, K; I, J -> L; K -> M; L, M -> N; N -> O, P");
    const auto job = [](char name) { return static_cast<std::uint32_t>(name - 'A'); };
    EXPECT_EQ(run.start(), (Lines{"ready 0", "ready 1"}));
    EXPECT_EQ(run.ok(job('A')), Lines());
    EXPECT_EQ(run.ok(job('B')), (Lines{"ready 2", "ready 3", "ready 4"}));
    EXPECT_EQ(run.ok(job('E')), (Lines{"ready 7"}));
    EXPECT_EQ(run.ok(job('D')), (Lines{"ready 6"}));
    EXPECT_EQ(run.ok(job('C')), (Lines{"ready 5"}));
    EXPECT_EQ(run.ok(job('H')), (Lines{"ready 9", "ready 10"}));
    EXPECT_EQ(run.ok(job('G')), Lines());
    EXPECT_EQ(run.ok(job('F')), (Lines{"ready 8"}));
    EXPECT_EQ(run.ok(job('K')), (Lines{"ready 12"}));
    EXPECT_EQ(run.ok(job('J')), Lines());
    EXPECT_EQ(run.ok(job('I')), (Lines{"ready 11"}));
    EXPECT_EQ(run.ok(job('L')), Lines());
    EXPECT_EQ(run.ok(job('M')), (Lines{"ready 13"}));
    EXPECT_EQ(run.ok(job('N')), (Lines{"ready 14", "ready 15"}));
    EXPECT_EQ(run.ok(job('P')), Lines());
    EXPECT_FALSE(run.done());
    EXPECT_EQ(run.ok(job('O')), Lines());
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, AFanOfAMillionIsOneRun) {
    Trial run("a -> b[1000000] -> c");
    EXPECT_EQ(run.start(), (Lines{"ready 0"}));
    EXPECT_EQ(run.ok(0), (Lines{"ready [1,1000001)"}));
    for (std::uint32_t first = 1; first + 1000 < 1'000'001; first += 1000)
        EXPECT_EQ(run.ok(first, 1000), Lines()) << first;
    EXPECT_EQ(run.ok(999'001, 1000), (Lines{"ready 1000001"}));
    EXPECT_EQ(run.progress().left(), 1u);
}

TEST(PipelineProgress, EndedOutOfOrderIsAllTheSame) {
    Trial run("a[4] -> b");
    run.start();
    EXPECT_EQ(run.ok(3), Lines());
    EXPECT_EQ(run.ok(0), Lines());
    EXPECT_EQ(run.ok(1, 2), (Lines{"ready 4"}));
}

TEST(PipelineProgress, ARunMaySpanTemplates) {
    Trial run("a; b; a -> c; b -> d");
    run.start();
    EXPECT_EQ(run.ok(0, 2), (Lines{"ready 3", "ready 2"}));
}

// ------------------------------------------------------------------------------------------ twins and groups

TEST(PipelineProgress, ATwinFollowsItsOwnTwinOnly) {
    Trial run("a[3] -> b : twin");
    EXPECT_EQ(run.start(), (Lines{"ready [0,3)"}));
    EXPECT_EQ(run.ok(1), (Lines{"ready 4"}));
    EXPECT_EQ(run.ok(4), Lines());
    EXPECT_EQ(run.ok(0), (Lines{"ready 3"}));
    EXPECT_EQ(run.ok(2), (Lines{"ready 5"}));
}

TEST(PipelineProgress, AChainOfTwinsGoesAtItsOwnPace) {
    Trial run("a[2] -> b : twin; b -> c : twin");
    run.start();
    EXPECT_EQ(run.ok(0), (Lines{"ready 2"}));
    EXPECT_EQ(run.ok(2), (Lines{"ready 4"}));
    EXPECT_EQ(run.ok(4), Lines());
    EXPECT_EQ(run.ok(1), (Lines{"ready 3"}));
    EXPECT_EQ(run.fail(3), (Lines{"skipped 5 because of 3"}));
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, AMillionTwinsAreOneRun) {
    Trial run("a[1000000] -> b : twin; b -> c : twin");
    run.start();
    EXPECT_EQ(run.ok(0, 1'000'000), (Lines{"ready [1000000,2000000)"}));
    EXPECT_EQ(run.ok(1'000'000, 1'000'000), (Lines{"ready [2000000,3000000)"}));
}

TEST(PipelineProgress, ATwinAlsoWaitsForWhatItFollowsAsAWhole) {
    Trial run("a[2] -> b : twin; c -> b");
    EXPECT_EQ(run.start(), (Lines{"ready [0,2)", "ready 4"}));
    EXPECT_EQ(run.ok(0), Lines());
    EXPECT_EQ(run.ok(4), (Lines{"ready 2"}));
    EXPECT_EQ(run.ok(1), (Lines{"ready 3"}));
}

TEST(PipelineProgress, AGroupWaitsForItsMembers) {
    Trial run("sim[4] -> mean : group 0 1 0 1");
    EXPECT_EQ(run.start(), (Lines{"ready [0,4)"}));
    EXPECT_EQ(run.ok(0, 2), Lines());
    EXPECT_EQ(run.ok(3), (Lines{"ready 5"}));
    EXPECT_EQ(run.ok(2), (Lines{"ready 4"}));
}

TEST(PipelineProgress, AFailedMemberSkipsItsGroupOnly) {
    Trial run("sim[4] -> mean : group 0 1 0 1; mean -> all : ended");
    run.start();
    EXPECT_EQ(run.fail(1), (Lines{"skipped 5 because of 1"}));
    EXPECT_EQ(run.ok(3), Lines());
    EXPECT_EQ(run.ok(0), Lines());
    EXPECT_EQ(run.ok(2), (Lines{"ready 4"}));
    EXPECT_EQ(run.ok(4), (Lines{"ready 6"}));
}

TEST(PipelineProgress, AGroupThatWaitsForTheEndTakesFailedMembers) {
    Trial run("sim[4] -> mean : ended group 0 1 0 1");
    run.start();
    EXPECT_EQ(run.fail(1), Lines());
    EXPECT_EQ(run.ok(3), (Lines{"ready 5"}));
}

// ------------------------------------------------------------------------------------------ nothing to do

TEST(PipelineProgress, AForEachOverNothingHasEndedBeforeItBegan) {
    Trial run("a[0] -> b");
    EXPECT_EQ(run.start(), (Lines{"ready 0"}));
    EXPECT_EQ(run.ok(0), Lines());
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, AChainOfNothingsLetsWhatFollowsStart) {
    Trial run("a[0] -> b[0] -> c; a -> d : twin; d -> e");
    EXPECT_EQ(run.start(), (Lines{"ready 1", "ready 0"}));
}

// report is after simulate, which is after prepare: that simulate has nothing to do today must not turn them round.
TEST(PipelineProgress, OrderReachesThroughNothing) {
    Trial run("prepare -> simulate[0] -> report");
    EXPECT_EQ(run.start(), (Lines{"ready 0"}));
    EXPECT_EQ(run.ok(0), (Lines{"ready 1"}));
}

TEST(PipelineProgress, OrderReachesThroughTwinsOfNothing) {
    Trial run("prepare -> simulate[0]; simulate -> post : twin; post -> report");
    EXPECT_EQ(run.start(), (Lines{"ready 0"}));
    EXPECT_EQ(run.ok(0), (Lines{"ready 1"}));
}

TEST(PipelineProgress, FailureReachesThroughNothingAtOnce) {
    Trial run("prepare -> simulate[0] -> report");
    run.start();
    EXPECT_EQ(run.fail(0), (Lines{"skipped 1 because of 0"}));
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, FailureReachesThroughNothing) {
    Trial run("prepare -> simulate[0] -> post[0] -> report; other -> simulate");
    EXPECT_EQ(run.start(), (Lines{"ready 0", "ready 2"}));
    EXPECT_EQ(run.fail(0), Lines());  // there is nothing to skip before `simulate` itself has come to its end
    EXPECT_EQ(run.ok(2), (Lines{"skipped 1 because of 0"}));
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, WhenEndedOfNothingWaitsButTakesAFailure) {
    Trial run("prepare -> simulate[0]; other -> simulate; simulate -> report : ended");
    EXPECT_EQ(run.start(), (Lines{"ready 0", "ready 1"}));
    EXPECT_EQ(run.fail(0), Lines());
    EXPECT_EQ(run.ok(1), (Lines{"ready 2"}));
}

TEST(PipelineProgress, ALongChainOfNothingsDoesNotRecurse) {
    auto plan = std::make_shared<Plan>();
    for (std::uint32_t i = 0; i < 100'000; ++i) {
        plan->templates.emplace_back();
        plan->templates.back().count = 0;
        if (i != 0) plan->edges.push_back({TemplateIndex(i - 1), TemplateIndex(i)});
    }
    PipelineProgress progress(std::make_shared<const Structure>(structure_of(*plan)));
    Changes changes;
    progress.start(changes);
    EXPECT_EQ(lines(changes), Lines());
    EXPECT_TRUE(progress.done());
}

TEST(PipelineProgress, NothingBesideSomethingWaitsForSomething) {
    Trial run("b; a[0] -> c; b -> c");
    EXPECT_EQ(run.start(), (Lines{"ready 0"}));
    EXPECT_EQ(run.ok(0), (Lines{"ready 1"}));
}

TEST(PipelineProgress, OnlyNothingIsDoneFromTheStart) {
    Trial run("a[0] -> b[0]");
    EXPECT_EQ(run.start(), Lines());
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, WhatANothingWouldHaveReadIsReleased) {
    // Nobody can need the output of `a`: its only reader has no instances.
    Trial run("a => b[0]; a -> c");
    EXPECT_EQ(run.start(), (Lines{"ready 0"}));
    EXPECT_EQ(run.ok(0, 1, 7), (Lines{"ready 1", "release 0 at 7"}));
}

// ------------------------------------------------------------------------------------------ failures

TEST(PipelineProgress, AFailureSkipsAllDescendantsAndNamesItself) {
    Trial run("a -> b -> c; a -> d");
    run.start();
    EXPECT_EQ(run.fail(0), (Lines{"skipped 1 because of 0", "skipped 3 because of 0", "skipped 2 because of 0"}));
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, AFailureLeavesOtherBranchesAlone) {
    Trial run("a -> b -> d; a -> c -> e");
    run.start();
    run.ok(0);
    EXPECT_EQ(run.fail(1), (Lines{"skipped 2 because of 1"}));
    EXPECT_EQ(run.ok(3), (Lines{"ready 4"}));
}

TEST(PipelineProgress, TheFirstFailureThatReachesAJobIsItsCause) {
    Trial run("a -> c; b -> c -> d");
    run.start();
    EXPECT_EQ(run.fail(0), (Lines{"skipped 1 because of 0", "skipped 3 because of 0"}));  // a c b d
    EXPECT_EQ(run.fail(2), Lines());
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, WhenEndedRunsWhateverBecomesOfTheProducer) {
    Trial run("a -> b : ended; b -> c");
    run.start();
    EXPECT_EQ(run.fail(0), (Lines{"ready 1"}));
    EXPECT_EQ(run.ok(1), (Lines{"ready 2"}));
}

TEST(PipelineProgress, WhenEndedAlsoFollowsASkippedJob) {
    Trial run("a -> b; b -> c : ended");
    run.start();
    EXPECT_EQ(run.fail(0), (Lines{"ready 2", "skipped 1 because of 0"}));
    EXPECT_EQ(run.ok(2), Lines());
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, WhenSucceededWinsOverWhenEnded) {
    Trial run("a -> c : ended; b -> c");
    run.start();
    EXPECT_EQ(run.fail(0), Lines());
    EXPECT_EQ(run.fail(2), (Lines{"skipped 1 because of 2"}));
}

TEST(PipelineProgress, WhenEndedOfAFanWaitsForTheLast) {
    Trial run("a[3] -> b : ended");
    run.start();
    EXPECT_EQ(run.fail(0), Lines());
    EXPECT_EQ(run.fail(2), Lines());
    EXPECT_EQ(run.ok(1), (Lines{"ready 3"}));
}

TEST(PipelineProgress, OneFailureOfAFanSkipsTheReduceAtOnce) {
    Trial run("a[3] -> b -> c");
    run.start();
    EXPECT_EQ(run.fail(1), (Lines{"skipped [3,5) because of 1"}));
    EXPECT_FALSE(run.done());
    EXPECT_EQ(run.ok(0), Lines());
    EXPECT_EQ(run.ok(2), Lines());
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, ALongChainOfSkipsDoesNotRecurse) {
    constexpr std::uint32_t kLength = 100'000;
    auto plan = std::make_shared<Plan>();
    for (std::uint32_t i = 0; i < kLength; ++i) {
        plan->templates.emplace_back();
        plan->templates.back().first_job = JobIndex(i);
        if (i != 0) plan->edges.push_back({TemplateIndex(i - 1), TemplateIndex(i)});
    }
    plan->job_count = kLength;
    PipelineProgress progress(std::make_shared<const Structure>(structure_of(*plan)));
    Changes changes;
    progress.start(changes);
    changes.clear();
    ASSERT_TRUE(progress.ended(0, 1, false, 2, changes));
    EXPECT_EQ(lines(changes), (Lines{"skipped [1,100000) because of 0"}));
    EXPECT_TRUE(progress.done());
}

// Work that grew with the product would need 10^10 steps here and never end.
TEST(PipelineProgress, ManyFailuresTimesManyConsumersIsLinear) {
    Trial run("a[100000] -> b[100000] -> c[100000]");
    run.start();
    std::size_t skipped = 0;
    for (std::uint32_t job = 0; job < 100'000; ++job)
        for (const auto& r : run.end_quietly(job, 1, false).skipped) skipped += r.count;
    EXPECT_EQ(skipped, 200'000u);
    EXPECT_TRUE(run.done());
}

TEST(PipelineProgress, ManyFailedTwinsAreLinearToo) {
    Trial run("a[100000] -> b : twin; b -> c : twin; c -> d[100000]");
    run.start();
    const Changes changes = run.end_quietly(0, 100'000, false);
    std::size_t skipped = 0;
    for (const auto& r : changes.skipped) skipped += r.count;
    EXPECT_EQ(skipped, 300'000u);
    EXPECT_TRUE(run.done());
}

// ------------------------------------------------------------------------------------------ nonsense

TEST(PipelineProgress, RefusesWhatCannotHaveEndedAndChangesNothing) {
    Trial run("a -> b[2]");
    run.start();
    EXPECT_EQ(run.refused(1, 1), Lines());           // not ready
    EXPECT_EQ(run.refused(0, 2), Lines());           // one of them not ready
    EXPECT_EQ(run.refused(0, 0), Lines());           // nothing
    EXPECT_EQ(run.refused(3, 1), Lines());           // no such job
    EXPECT_EQ(run.refused(0, 0xffffffff), Lines());  // far too many
    EXPECT_EQ(run.refused(0xffffffff, 2), Lines());
    EXPECT_EQ(run.progress().left(), 3u);
    EXPECT_EQ(run.ok(0), (Lines{"ready [1,3)"}));
    EXPECT_EQ(run.refused(0, 1), Lines());  // twice
    EXPECT_EQ(run.progress().holder(99), PipelineProgress::kNobodyHolds);
}

}  // namespace
}  // namespace penstock
