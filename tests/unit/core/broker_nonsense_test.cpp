// What makes no sense is counted and changes nothing; and the end of a run.
#include "support/broker_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::plan_of;
using test::sent;

class BrokerNonsense : public test::BrokerTest {};

TEST_F(BrokerNonsense, IgnoresAndCountsWhatMakesNoSense) {
    make(1, "a; b[2]");
    on(msg::IntroducePipeline{PipelineInfo{PipelineId(2), PlanId(9), "", {}}, kPipeliner, 0});  // unknown plan
    on(msg::PlanBlock{PlanId(3), nullptr, 0, 1, true});
    assign(0, 1, 0, 2);        // unknown pipeline
    assign(0, 1, 7);           // unknown template
    assign(0, 2, 0);           // more than the template has
    assign(0, 1, 1);           // a job of another template
    assign(0, 0, 0);           // nothing
    assign(2, 0xffffffff, 1);  // far beyond
    EXPECT_EQ(broker_->ignored(), 8u);
    EXPECT_EQ(settled(), Lines());
    EXPECT_EQ(broker_->ended(0, {true, 1}, out_).pipeline, nullptr);
    EXPECT_EQ(broker_->ended(0x100000001, {true, 1}, out_).pipeline, nullptr);
    EXPECT_EQ(broker_->ignored(), 10u);
    EXPECT_EQ(sent(out_), Lines());
}

TEST_F(BrokerNonsense, AStaleTicketEndsNothing) {
    make(1, "a[2]");
    assign(0, 2, 0);
    settled();
    const std::uint64_t stale = host_.pop(0);
    broker_->ended(stale, {true, 1}, out_);
    settled();
    ASSERT_EQ(host_.lane(0), (std::vector<std::uint32_t>{1}));  // in the same place as the first
    sent(out_);
    EXPECT_EQ(broker_->ended(stale, {true, 1}, out_).pipeline, nullptr);
    settled();
    EXPECT_EQ(sent(out_), Lines());
    EXPECT_EQ(broker_->records(), 1u);
    EXPECT_EQ(broker_->ignored(), 1u);
}

TEST_F(BrokerNonsense, OnlyWhatALaneHasCanBeTakenBackFromIt) {
    make(1, "a[3]");
    assign(0, 3, 0);
    settled();
    const std::uint64_t stale = host_.pop(0);
    broker_->ended(stale, {true, 1}, out_);
    settled();
    ASSERT_EQ(host_.lane(0), (std::vector<std::uint32_t>{1, 2}));
    sent(out_);
    host_.stale_ = {stale, 77, 0};
    on(msg::Recall{5});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:2 t0 attempt 1"}));
    EXPECT_EQ(broker_->ignored(), 3u);
    EXPECT_EQ(broker_->running(), 1u);
}

TEST_F(BrokerNonsense, WhatIsKnownIsNotReplaced) {
    make(1, "a[2]");
    assign(0, 2, 0);
    introduce(1);                                                // its jobs in hand would be forgotten
    on(msg::PlanBlock{PlanId(1), plan_of("a; b"), 0, 2, true});  // another plan of the same number
    EXPECT_EQ(broker_->ignored(), 2u);
    on(msg::ForgetPipeline{PipelineId(1)});
    EXPECT_EQ(broker_->ignored(), 3u);
    EXPECT_EQ(run_dry(kSecond), 2u);
}

TEST_F(BrokerNonsense, NobodyFollowsIntoAPipelineThatIsForgotten) {
    make(1, "a -> b", true);
    assign(0, 1, 0);
    settled();
    const JobEnd first = end(0);
    ASSERT_TRUE(first.follow);
    on(msg::ForgetPipeline{PipelineId(1)});
    broker_->follow(first);
    EXPECT_EQ(broker_->ignored(), 1u);
    EXPECT_EQ(broker_->queued(), 0u);
}

TEST_F(BrokerNonsense, APipelineWithJobsInHandIsNotForgotten) {
    make(1, "a[2]");
    assign(0, 2, 0);
    settled();
    on(msg::ForgetPipeline{PipelineId(1)});
    EXPECT_EQ(broker_->ignored(), 1u);
    EXPECT_EQ(host_.take(), Lines());
    end(0);
    settled();
    end(0);
    settled();
    host_.take();
    on(msg::ForgetPipeline{PipelineId(1)});
    EXPECT_EQ(host_.take(), (Lines{"forget 1"}));
}

TEST_F(BrokerNonsense, StopTellsTheLastEndsAndStops) {
    make(1, "a");
    assign(0, 1, 0);
    settled();
    end(0);
    on(msg::Stop{});
    EXPECT_EQ(sent(out_).size(), 2u);
    EXPECT_EQ(host_.take(), (Lines{"stop"}));
}

}  // namespace
}  // namespace penstock
