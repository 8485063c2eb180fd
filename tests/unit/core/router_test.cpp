// Submissions, what has ended, what is durable, the end of the run. Who gets what: router_schedule_test.cpp.
#include "support/router_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::plan_of;
using test::sent;

class Router_ : public test::RouterTest {};

// ------------------------------------------------------------------------------------------ submissions

TEST_F(Router_, SubmittingGivesIdsInOrderAndStartsAtAPipeliner) {
    make({1});
    const auto plan = plan_of("a -> b");
    EXPECT_EQ(submit(plan), PipelineId(1));
    EXPECT_EQ(submit(plan), PipelineId(2));
    EXPECT_EQ(sent(out_), (Lines{"1: StartPlan 1: 2 templates, 2 jobs, 1 edges", "1: StartPipelines 1 of plan 1",
                                 "1: StartPipelines 2 of plan 1"}));
    EXPECT_EQ(router_->counts().pipelines, 2u);
    EXPECT_EQ(router_->counts().jobs, 4u);
    EXPECT_EQ(router_->unfinished_pipelines(), 2u);
    EXPECT_EQ(scheduled(), Lines());  // nothing is ready
}

TEST_F(Router_, BalancesPipelinesOverPipeliners) {
    Setup s = own_hosts({1});
    s.pipeliners = {1, 7};
    make(s);
    const auto plan = plan_of("a");
    for (int i = 0; i < 4; ++i) submit(plan);
    EXPECT_EQ(sent(out_), (Lines{"1: StartPlan 1: 1 templates, 1 jobs, 0 edges", "1: StartPipelines 1 of plan 1",
                                 "7: StartPlan 1: 1 templates, 1 jobs, 0 edges", "7: StartPipelines 2 of plan 1",
                                 "1: StartPipelines 3 of plan 1", "7: StartPipelines 4 of plan 1"}));
}

TEST_F(Router_, StartsOnlySoManyPipelinesAtOnceAndTheRestInOrder) {
    make({1});
    const auto plan = plan_of("a");
    for (std::uint32_t i = 0; i < RouterOptions::kActivePipelines + 2; ++i) submit(plan);
    EXPECT_EQ(sent(out_).size(), 1u + RouterOptions::kActivePipelines);
    EXPECT_EQ(router_->unfinished_pipelines(), RouterOptions::kActivePipelines + 2);

    ready(0, 1, 0, msg::kNobody, 5);
    scheduled();
    ended(2, 0, 1, true, 1, 5);
    EXPECT_EQ(only("StartPipelines"), (Lines{"1: StartPipelines 4097 of plan 1"}));
    // The slot of one pipeline starts one other.
    ready(0, 1, 0, msg::kNobody, 1);
    scheduled();
    ended(2, 0);
    EXPECT_EQ(only("StartPipelines"), (Lines{"1: StartPipelines 4098 of plan 1"}));
}

TEST_F(Router_, AnEmptyPipelineIsOverAtOnceAndHoldsNoPlace) {
    make({1});
    const auto plan = plan_of("a[0]");
    for (std::uint32_t i = 0; i < RouterOptions::kActivePipelines + 2; ++i) submit(plan);
    EXPECT_EQ(events_.take().size(), RouterOptions::kActivePipelines + 2);
    EXPECT_EQ(router_->unfinished_pipelines(), 0u);
    router_->close(out_);
    EXPECT_EQ(only("Stop"), (Lines{"2: Stop", "1: Stop"}));
}

// ------------------------------------------------------------------------------------------ one job, all the way

TEST_F(Router_, OneJobAllTheWay) {
    make({1});
    submit("a");
    router_->close(out_);
    EXPECT_EQ(sent(out_), (Lines{"1: StartPlan 1: 1 templates, 1 jobs, 0 edges", "1: StartPipelines 1 of plan 1"}));
    ready(0, 1, 0);
    EXPECT_EQ(sent(out_), Lines());
    EXPECT_EQ(scheduled(), (Lines{"2: PlanBlock 1 templates [0,1) with header",
                                  "2: IntroducePipeline 1 of plan 1 pipeliner 1", "2: Assign 1:0 t0 attempt 1"}));
    EXPECT_EQ(events_.take(), (Lines{"started 1"}));
    EXPECT_EQ(router_->counts().assigned, 1u);

    ended(2, 0);
    EXPECT_EQ(events_.take(), (Lines{"ran 1: 1:0 succeeded attempt 1 records 1 busy 1000000000 ns at 2"}));
    EXPECT_EQ(sent(out_), (Lines{"2: ForgetPipeline 1", "2: Flush"}));
    EXPECT_EQ(router_->counts().assigned, 0u);
    EXPECT_FALSE(router_->stopping());

    durable(2, 1);
    EXPECT_EQ(events_.take(), (Lines{"over 1"}));
    EXPECT_EQ(sent(out_), (Lines{"2: Stop", "1: Stop"}));
    EXPECT_TRUE(router_->stopping());
    EXPECT_FALSE(router_->over());
    bye(2);
    EXPECT_TRUE(router_->over());
    EXPECT_EQ(sent(out_), Lines());
    EXPECT_EQ(router_->counts().ignored, 0u);
    EXPECT_EQ(router_->counts().pipelines_over, 1u);
    EXPECT_EQ(router_->counts().durable, 1u);
}

TEST_F(Router_, PlanAndPipelineAreIntroducedToABrokerOnce) {
    make({1});
    begin("a; b");
    ready(0, 1, 0);
    scheduled();
    ended(2, 0);
    ready(1, 1, 1);
    EXPECT_EQ(scheduled(), (Lines{"2: Assign 1:1 t1 attempt 1"}));
}

TEST_F(Router_, ALargePlanTravelsInBlocksWithTheFirstJobOfEach) {
    make({1});
    auto plan = std::make_shared<Plan>();
    for (std::uint32_t i = 0; i < 600; ++i) {
        plan->templates.emplace_back();
        plan->templates.back().first_job = JobIndex(i);
    }
    plan->job_count = 600;
    submit(plan);
    out_.take();
    ready(599, 1, 599);
    EXPECT_EQ(scheduled(), (Lines{"2: PlanBlock 1 templates [512,600) with header",
                                  "2: IntroducePipeline 1 of plan 1 pipeliner 1", "2: Assign 1:599 t599 attempt 1"}));
    ended(2, 599);
    ready(0, 1, 0);
    EXPECT_EQ(scheduled(), (Lines{"2: PlanBlock 1 templates [0,256)", "2: Assign 1:0 t0 attempt 1"}));
}

// ------------------------------------------------------------------------------------------ durable

TEST_F(Router_, APipelineIsOverOnlyWhenEveryBrokersRecordsOfItAreDurable) {
    make({1, 1});
    begin("a; b");
    ready(0, 1, 0);
    ready(1, 1, 1);
    scheduled();
    ended(2, 0);
    ended(3, 1);
    events_.take();
    durable(3, 1);
    EXPECT_EQ(events_.take(), Lines());
    durable(2, 1);
    EXPECT_EQ(events_.take(), (Lines{"over 1"}));
    durable(2, 1);  // again: nothing more to tell
    EXPECT_EQ(events_.take(), Lines());
}

TEST_F(Router_, DurableMayArriveBeforeTheEndIsKnown) {
    make({1});
    begin("a");
    ready(0, 1, 0);
    scheduled();
    events_.take();
    durable(2, 1);
    EXPECT_EQ(events_.take(), Lines());
    ended(2, 0);
    EXPECT_EQ(events_.take().back(), "over 1");
}

TEST_F(Router_, PipelinesAreOverInOrderOfTheirOwnRecords) {
    make({2});
    const auto plan = plan_of("a");
    submit(plan);
    submit(plan);
    ready(0, 1, 0, msg::kNobody, 1);
    ready(0, 1, 0, msg::kNobody, 2);
    scheduled();
    ended(2, 0, 1, true, 1, 2);
    ended(2, 0, 1, true, 1, 1);
    events_.take();
    durable(2, 1);
    EXPECT_EQ(events_.take(), (Lines{"over 2"}));
    durable(2, 2);
    EXPECT_EQ(events_.take(), (Lines{"over 1"}));
}

TEST_F(Router_, SkippedJobsAreRecordsOfTheRouterItself) {
    make({1});
    begin("a -> b[3]");
    ready(0, 1, 0);
    scheduled();
    ended(2, 0, 1, false);
    skipped(1, 3, 0);
    EXPECT_EQ(events_.take(),
              (Lines{"started 1", "ran 1: 1:0 failed attempt 1 records 1 busy 1000000000 ns: it broke at 2",
                     "skipped 1: 1+3 because of 0"}));
    EXPECT_EQ(router_->counts().failed, 1u);
    EXPECT_EQ(router_->counts().skipped, 3u);
    durable(2, 1);
    EXPECT_EQ(events_.take(), Lines());
    router_->own_records_durable(2, out_);
    EXPECT_EQ(events_.take(), Lines());
    router_->own_records_durable(3, out_);
    EXPECT_EQ(events_.take(), (Lines{"over 1"}));
    EXPECT_EQ(router_->counts().durable, 4u);
}

TEST_F(Router_, SkippedMayArriveBeforeTheFailureItself) {
    make({1});
    begin("a -> b");
    ready(0, 1, 0);
    scheduled();
    skipped(1, 1, 0);
    ended(2, 0, 1, false);
    router_->own_records_durable(1, out_);
    durable(2, 1);
    EXPECT_EQ(events_.take().back(), "over 1");
    EXPECT_EQ(router_->counts().ignored, 0u);
}

TEST_F(Router_, ARefusedRecordHasFailedAfterAll) {
    make({1});
    begin("a");
    ready(0, 1, 0);
    scheduled();
    ended(2, 0);
    router_->on(msg::Refused{{PipelineId(1), JobIndex(0), 1}, "too big"}, 2, out_);
    EXPECT_EQ(router_->counts().succeeded, 0u);
    EXPECT_EQ(router_->counts().failed, 1u);
    durable(2, 1);
    EXPECT_EQ(events_.take().at(2), "refused 1: too big at 2");
}

// ------------------------------------------------------------------------------------------ the end

TEST_F(Router_, ClosingWithNothingSubmittedStops) {
    make({1, 1});
    router_->close(out_);
    EXPECT_EQ(sent(out_), (Lines{"2: Stop", "3: Stop", "1: Stop"}));
    bye(2);
    EXPECT_FALSE(router_->over());
    bye(3);
    EXPECT_TRUE(router_->over());
}

TEST_F(Router_, DoesNotStopWhileMoreMayBeSubmitted) {
    make({1});
    begin("a");
    ready(0, 1, 0);
    scheduled();
    ended(2, 0);
    durable(2, 1);
    EXPECT_EQ(only("Stop"), Lines());
    router_->close(out_);
    EXPECT_EQ(only("Stop").size(), 2u);
    router_->close(out_);
    EXPECT_EQ(only("Stop").size(), 0u);
}

TEST_F(Router_, DrainStartsNothingAndTakesBackWhatHasNotStarted) {
    make({1, 1});
    const auto plan = plan_of("a[4]");
    submit(plan);
    out_.take();
    ready(0, 4, 0);
    EXPECT_EQ(assigned().size(), 2u);
    router_->drain(out_);
    EXPECT_EQ(sent(out_), (Lines{"2: Recall 4294967295", "3: Recall 4294967295"}));
    router_->drain(out_);
    EXPECT_EQ(sent(out_), Lines());
    EXPECT_EQ(scheduled(), Lines());
    submit(plan);
    EXPECT_EQ(sent(out_), Lines());

    ended(2, 0);
    EXPECT_EQ(sent(out_), Lines());
    router_->on(msg::Returned{{{{PipelineId(1), JobIndex(1), 1}, TemplateIndex(0)}}}, 3, out_);
    EXPECT_EQ(sent(out_), (Lines{"2: Stop", "3: Stop", "1: Stop"}));
    EXPECT_EQ(router_->counts().assigned, 0u);
    EXPECT_EQ(events_.take().size(), 2u);  // started, ran: never over
}

TEST_F(Router_, WhatWasWholeBeforeADrainIsStillToldOver) {
    make({1});
    const auto plan = plan_of("a");
    submit(plan);
    submit(plan);
    ready(0, 1, 0, msg::kNobody, 1);
    scheduled();
    router_->drain(out_);
    ended(2, 0);
    EXPECT_EQ(only("Stop").size(), 2u);
    events_.take();
    durable(2, 1);  // between Stop and Bye
    EXPECT_EQ(events_.take(), (Lines{"over 1"}));
    bye(2);
    EXPECT_TRUE(router_->over());
}

TEST_F(Router_, FailFastDrainsAtTheFirstFailure) {
    Setup s = own_hosts({2});
    s.fail_fast = true;
    make(s);
    begin("a[5]");
    ready(0, 5, 0);
    scheduled();
    ended(2, 0, 1, false);
    EXPECT_TRUE(router_->draining());
    EXPECT_EQ(sent(out_), (Lines{"2: Recall 4294967295"}));
    ended(2, 1);
    EXPECT_EQ(only("Stop").size(), 2u);
}

TEST_F(Router_, FailFastAlsoTakesARefusedRecordForAFailure) {
    Setup s = own_hosts({1});
    s.fail_fast = true;
    make(s);
    begin("a; b");
    ready(0, 1, 0);
    scheduled();
    ended(2, 0);
    router_->on(msg::Refused{{PipelineId(1), JobIndex(0), 1}, "too big"}, 2, out_);
    EXPECT_TRUE(router_->draining());
}

TEST_F(Router_, AFullDiskDrains) {
    make({1, 1});
    begin("a[4]");
    ready(0, 4, 0);
    scheduled();
    router_->on(msg::StoreFailed{"disk full"}, 3, out_);
    EXPECT_EQ(events_.take().back(), "store failed: disk full at 3");
    EXPECT_EQ(sent(out_), (Lines{"2: Recall 4294967295", "3: Recall 4294967295"}));
    ended(2, 0);
    ended(3, 1);
    EXPECT_EQ(only("Stop").size(), 3u);
    bye(2);
    bye(3);
    EXPECT_TRUE(router_->over());
}

// ------------------------------------------------------------------------------------------ nonsense

// The counterparts of pypelinin's "undefined command", "unknown command", "finished without id" and "unknown id": a
// message that makes no sense is counted, changes nothing and is never fatal. (What no role could have sent does not
// decode.)
TEST_F(Router_, UnknownIdsAreIgnoredAndCounted) {
    make({1});
    begin("a -> b");
    ready(0, 1, 0, msg::kNobody, 9);        // unknown pipeline
    ready(0, 1, 7);                         // unknown template
    ready(1, 1, 0);                         // a job of another template
    ready(0, 2, 0);                         // more than the template has
    ready(0, 0, 0);                         // nothing
    ready(0xffffffff, 2, 0);                // far beyond
    skipped(0, 1, 0, 9);                    // unknown pipeline
    skipped(0, 3, 0);                       // more than there are
    skipped(0, 0, 0);                       // nothing
    skipped(0xffffffff, 2, 0);              // far beyond
    ended(2, 0, 1, true, 1, 9);             // unknown pipeline
    ended(7, 0);                            // unknown broker
    ended(2, 0);                            // a job that was not sent there
    router_->on(msg::Returned{}, 7, out_);  // unknown broker
    router_->on(msg::Returned{{{{PipelineId(1), JobIndex(0), 1}, TemplateIndex(0)}}}, 2, out_);  // not sent there
    router_->on(msg::Durable{5}, 7, out_);                                                       // unknown broker
    router_->on(msg::Refused{{PipelineId(9), JobIndex(0), 1}, "?"}, 2, out_);                    // unknown pipeline
    bye(2);                                                                                      // before Stop
    EXPECT_EQ(router_->counts().ignored, 18u);
    EXPECT_EQ(router_->counts().ended(), 0u);
    EXPECT_EQ(router_->counts().assigned, 0u);
    EXPECT_EQ(events_.take(), Lines());
    EXPECT_EQ(scheduled(), Lines());
    EXPECT_EQ(router_->unfinished_pipelines(), 1u);
}

TEST_F(Router_, AnEndOfJobsThatAreNotThereIsIgnored) {
    make({2});
    begin("a; b[2]; wide[2] : cpus 2");
    ready(0, 1, 0);
    scheduled();
    ended(2, 0, 2);           // spans templates
    ended(2, 0, 0);           // nothing
    ended(2, 3);              // reserved, never sent
    ended(2, 0xffffffff, 1);  // no such job
    EXPECT_EQ(router_->counts().ignored, 4u);
    EXPECT_EQ(router_->counts().assigned, 1u);
    ended(2, 0);
    ended(2, 0);  // twice
    EXPECT_EQ(router_->counts().ignored, 5u);
    EXPECT_EQ(router_->counts().succeeded, 1u);
}

TEST_F(Router_, WhatIsReadyTwiceIsNotAssignedAfterItsPipelineIsOver) {
    make({2});
    begin("a");
    begin("wide : cpus 2", 2);
    for (const std::uint32_t pipeline : {1u, 2u}) {
        ready(0, 1, 0, msg::kNobody, pipeline);
        scheduled();
        ended(2, 0, 1, true, Router::kLongJob, pipeline);
        ready(0, 1, 0, msg::kNobody, pipeline);
    }
    durable(2, 2);
    EXPECT_EQ(router_->unfinished_pipelines(), 0u);
    EXPECT_EQ(assigned(), Lines());
    EXPECT_EQ(router_->counts().ignored, 2u);
    EXPECT_EQ(router_->counts().assigned, 0u);
    // Nothing was left reserved.
    begin("wide : cpus 2", 2);
    ready(0, 1, 0, msg::kNobody, 3);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 3:0 t0 attempt 1 reserved"}));
}

TEST_F(Router_, DurableNeverGoesBack) {
    make({1});
    durable(2, 5);
    durable(2, 4);
    EXPECT_EQ(router_->counts().durable, 5u);
    EXPECT_EQ(router_->counts().ignored, 1u);
}

TEST_F(Router_, OneBrokersSecondGoodbyeIsNotAnothers) {
    make({1, 1});
    router_->close(out_);
    bye(2);
    bye(2);
    EXPECT_FALSE(router_->over());
    EXPECT_EQ(router_->counts().ignored, 1u);
    bye(3);
    EXPECT_TRUE(router_->over());
}

}  // namespace
}  // namespace penstock
