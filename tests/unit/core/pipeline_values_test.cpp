// Where outputs are, who reads them where they are, and when they are released.
#include "support/progress_trial.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::Trial;

TEST(PipelineValues, ASuccessorIsReadyWhereItsInputIs) {
    Trial run("a => b");
    run.start();
    EXPECT_EQ(run.ok(0, 1, 7), (Lines{"ready 1 at 7"}));
    EXPECT_EQ(run.progress().holder(0), 7u);
}

TEST(PipelineValues, OrderAloneHoldsNothing) {
    Trial run("a -> b");
    run.start();
    EXPECT_EQ(run.ok(0, 1, 7), (Lines{"ready 1"}));
    EXPECT_EQ(run.progress().holder(0), PipelineProgress::kNobodyHolds);
}

TEST(PipelineValues, TwinsAreReadyWhereTheirTwinsAre) {
    Trial run("a[4] => b : twin");
    run.start();
    EXPECT_EQ(run.ok(0, 2, 7), (Lines{"ready [4,6) at 7"}));
    EXPECT_EQ(run.ok(2, 2, 8), (Lines{"ready [6,8) at 8"}));
}

TEST(PipelineValues, OfSeveralSourcesTheLastBrokerIsPreferredAndTheRestIsToBeLocated) {
    Trial run("a => c; b => c");
    run.start();
    EXPECT_EQ(run.ok(0, 1, 7), Lines());
    EXPECT_EQ(run.ok(2, 1, 8), (Lines{"ready 1 at 8 to be located"}));
    EXPECT_EQ(run.progress().holder(0), 7u);
    EXPECT_EQ(run.progress().holder(2), 8u);
}

TEST(PipelineValues, OutputsAreReleasedOnceTheLastReaderHasEnded) {
    Trial run("a => b; a => c");
    run.start();
    EXPECT_EQ(run.ok(0, 1, 7), (Lines{"ready 1 at 7", "ready 2 at 7"}));
    EXPECT_EQ(run.ok(2), Lines());
    EXPECT_EQ(run.ok(1), (Lines{"release 0 at 7"}));
    EXPECT_EQ(run.progress().holder(0), PipelineProgress::kNobodyHolds);
}

TEST(PipelineValues, AFanOfReadersReleasesAfterItsLast) {
    Trial run("a => b[3]");
    run.start();
    run.ok(0, 1, 7);
    EXPECT_EQ(run.ok(1), Lines());
    EXPECT_EQ(run.ok(3), Lines());
    EXPECT_EQ(run.ok(2), (Lines{"release 0 at 7"}));
}

TEST(PipelineValues, AReduceReleasesAllItReadInRunsByBroker) {
    Trial run("a[4] => b");
    run.start();
    run.ok(0, 1, 7);
    run.ok(1, 2, 8);
    EXPECT_EQ(run.ok(3, 1, 7), (Lines{"ready 4 at 7 to be located"}));
    EXPECT_EQ(run.ok(4), (Lines{"release 0 at 7", "release [1,3) at 8", "release 3 at 7"}));
}

TEST(PipelineValues, ATwinReleasesItsOwnTwinOnly) {
    Trial run("a[2] => b : twin");
    run.start();
    run.ok(0, 2, 7);
    EXPECT_EQ(run.ok(3), (Lines{"release 1 at 7"}));
    EXPECT_EQ(run.ok(2), (Lines{"release 0 at 7"}));
}

TEST(PipelineValues, AGroupReleasesItsMembersOnly) {
    Trial run("sim[4] => mean : group 0 1 0 1");
    run.start();
    run.ok(0, 4, 7);
    EXPECT_EQ(run.ok(5), (Lines{"release 1 at 7", "release 3 at 7"}));
    EXPECT_EQ(run.ok(4), (Lines{"release 0 at 7", "release 2 at 7"}));
}

TEST(PipelineValues, TwinAndReduceTogetherReleaseAfterBoth) {
    Trial run("a[2] => b : twin; a => c");
    run.start();
    run.ok(0, 2, 7);
    EXPECT_EQ(run.ok(2), Lines());
    EXPECT_EQ(run.ok(4), (Lines{"release 0 at 7"}));
    EXPECT_EQ(run.ok(3), (Lines{"release 1 at 7"}));
}

TEST(PipelineValues, ASkippedReaderNeedsNothingAnyMore) {
    Trial run("a => c; b -> c");
    run.start();
    EXPECT_EQ(run.ok(0, 1, 7), Lines());
    EXPECT_EQ(run.fail(2), (Lines{"skipped 1 because of 2", "release 0 at 7"}));
}

TEST(PipelineValues, OutputsThatNobodyCanReadAnyMoreAreReleasedAtOnce) {
    Trial run("a => c; b -> c");
    run.start();
    EXPECT_EQ(run.fail(2), (Lines{"skipped 1 because of 2"}));
    EXPECT_EQ(run.ok(0, 1, 7), (Lines{"release 0 at 7"}));
}

TEST(PipelineValues, AFailedProducerHoldsNothing) {
    Trial run("a => b : ended");
    run.start();
    EXPECT_EQ(run.fail(0, 1, 7), (Lines{"ready 1"}));
    EXPECT_EQ(run.progress().holder(0), PipelineProgress::kNobodyHolds);
    EXPECT_EQ(run.ok(1), Lines());
}

}  // namespace
}  // namespace penstock
