// What a broker gives back, and how it goes on with followers by itself.
#include "support/broker_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::sent;

constexpr Nanoseconds kMillisecond = 1'000'000;

class BrokerRecallTest : public test::BrokerTest {};

// ------------------------------------------------------------------------------------------ Recall

TEST_F(BrokerRecallTest, ReturnsTheLatestFirst) {
    make(1, "a[10]; b[10]");
    assign(0, 3, 0);
    assign(10, 5, 1);
    settled();
    on(msg::Recall{6});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:[10,15) t1 attempt 1, 1:2 t0 attempt 1"}));
    EXPECT_EQ(broker_->queued(), 1u);
    on(msg::Recall{6});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:1 t0 attempt 1"}));
    on(msg::Recall{6});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned nothing"}));
    EXPECT_EQ(broker_->running(), 1u);
}

TEST_F(BrokerRecallTest, AlsoReturnsWhatWaitsInLanes) {
    make(2, "a[30]");
    assign(0, 2, 0);
    settled();
    for (std::uint32_t lane = 0; lane < 2; ++lane) end(lane, true, kMillisecond);
    assign(2, 20, 0);
    settled();
    EXPECT_LT(broker_->queued(), 9u);
    sent(out_);
    on(msg::Recall{9});
    const auto answers = test::sent_of<msg::Returned, RouterMessage>(out_);
    ASSERT_EQ(answers.size(), 1u);
    std::uint32_t returned = 0;
    for (const auto& item : answers[0].items) returned += item.jobs.count;
    EXPECT_EQ(returned, 9u);
    settled();
    EXPECT_EQ(broker_->running() + broker_->queued(), 11u);
    EXPECT_EQ(run_dry(kMillisecond), 11u);
}

TEST_F(BrokerRecallTest, WhatWasTakenFromALaneIsReturnedInRuns) {
    make(1, "a[3000]");
    assign(0, 1, 0);
    settled();
    end(0, true, 1000);
    assign(1, 2000, 0);
    settled();
    EXPECT_EQ(broker_->queued(), 0u);
    sent(out_);
    on(msg::Recall{1500});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:[501,2001) t0 attempt 1"}));
}

TEST_F(BrokerRecallTest, TellsWhatEndedBeforeWhatItReturns) {
    make(1, "a[10]");
    assign(0, 5, 0);
    settled();
    end(0);
    on(msg::Recall{2});
    const Lines lines = sent(out_);
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[1].substr(0, 12), "0: Ended 1:0");
    EXPECT_EQ(lines[2], "0: Returned 1:[3,5) t0 attempt 1");
}

TEST_F(BrokerRecallTest, InputsOfReturnedJobsAreForgotten) {
    make(1, "a => b[3]; c");
    assign(4, 1, 2);
    settled();
    on(msg::Assign{jobs(1, 2), TemplateIndex(1), 1, 9, true, false});
    for (const std::uint32_t job : {1u, 2u}) broker_->inputs_arrived(host_.fetched(job));
    on(msg::Recall{5});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:[1,3) t1 attempt 1 holder 9"}));
    EXPECT_EQ(host_.forgotten_inputs_, 2u);
    broker_->inputs_arrived(host_.fetched(1));  // a stale ticket
    EXPECT_EQ(broker_->queued(), 0u);
}

// They are given out again as what they were: with their own numbers, and with their inputs from where these are.
TEST_F(BrokerRecallTest, OnlyWhatIsAlikeIsReturnedAsOneRun) {
    make(1, "a => b[6]; c");
    assign(7, 1, 2);
    settled();
    const auto assign_b = [&](std::uint32_t job, std::uint32_t attempt, std::uint32_t holder, bool located) {
        on(msg::Assign{jobs(job), TemplateIndex(1), attempt, holder, located, false});
        broker_->inputs_arrived(host_.fetched(job));
    };
    assign_b(1, 1, 9, true);
    assign_b(2, 1, 9, true);
    assign_b(3, 2, 9, true);
    assign_b(4, 2, 8, true);
    assign_b(5, 2, 8, false);
    on(msg::Recall{6});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:5 t1 attempt 2 holder 8 to be located, 1:4 t1 attempt 2 holder 8, "
                                 "1:3 t1 attempt 2 holder 9, 1:[1,3) t1 attempt 1 holder 9"}));
}

// Answering "nothing" at once would make the router ask somebody else, or again: the job would then sit here behind a
// long one while another broker idles.
TEST_F(BrokerRecallTest, AnswersARecallWhenInputsOnTheirWayHaveArrived) {
    make(1, "a => b; c");
    assign(2, 1, 2);
    on(msg::Assign{jobs(1), TemplateIndex(1), 1, 9, true, false});
    settled();
    on(msg::Recall{1});
    EXPECT_EQ(sent(out_), Lines());
    settled();
    EXPECT_EQ(sent(out_), Lines());
    broker_->inputs_arrived(host_.fetched(1));
    settled();
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:1 t1 attempt 1 holder 9"}));
    settled();
    EXPECT_EQ(sent(out_), Lines());
}

TEST_F(BrokerRecallTest, KeepsWhatALaneIsFreeForWhenInputsArrive) {
    make(1, "a => b; c");
    assign(2, 1, 2);
    on(msg::Assign{jobs(1), TemplateIndex(1), 1, 9, true, false});
    settled();
    on(msg::Recall{1});
    end(0);
    settled();
    sent(out_);
    broker_->inputs_arrived(host_.fetched(1));
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 1"}));
    EXPECT_EQ(sent(out_), (Lines{"0: Returned nothing"}));
}

TEST_F(BrokerRecallTest, ADrainAlsoTakesWhatArrivesLater) {
    make(2, "a => b[3]; c");
    on(msg::Assign{jobs(1, 2), TemplateIndex(1), 1, 9, true, false});
    assign(4, 1, 2);
    on(msg::Recall{0xffffffff});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:4 t2 attempt 1"}));
    broker_->inputs_arrived(host_.fetched(1));
    host_.take();
    EXPECT_EQ(settled(), Lines());
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:1 t1 attempt 1 holder 9"}));
    broker_->inputs_arrived(host_.fetched(2));
    EXPECT_EQ(settled(), Lines());
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:2 t1 attempt 1 holder 9"}));
}

// ------------------------------------------------------------------------------------------ followers

TEST_F(BrokerRecallTest, GoesOnWithTheOnlyFollowerByItself) {
    make(1, "a -> b -> c", true);
    assign(0, 1, 0);
    settled();
    const JobEnd ended = end(0);
    EXPECT_TRUE(ended.follow);
    broker_->follow(ended);
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 1"}));
    EXPECT_EQ(sent(out_), (Lines{"1: Ended 1:0 succeeded attempt 1 records 1 busy 1000000000 ns followed",
                                 "0: Ended 1:0 succeeded attempt 1 records 1 busy 1000000000 ns followed"}));
    broker_->follow(end(0));
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 2"}));
    EXPECT_FALSE(end(0).follow);
}

TEST_F(BrokerRecallTest, AFollowerGoesBeforeWhatElseIsQueued) {
    make(1, "a[10] => b : twin", true);
    assign(0, 10, 0);
    settled();
    broker_->follow(end(0));
    EXPECT_EQ(host_.take(), (Lines{"fetch for 10 from 5"}));
    broker_->inputs_arrived(host_.fetched(10));
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 10"}));
}

TEST_F(BrokerRecallTest, NobodyFollowsAFailureOrDuringADrain) {
    make(1, "a[3] -> b : twin", true);
    assign(0, 3, 0);
    settled();
    EXPECT_FALSE(end(0, false).follow);
    settled();
    on(msg::Recall{0xffffffff});
    EXPECT_FALSE(end(0).follow);
}

TEST_F(BrokerRecallTest, NobodyFollowsIntoATemplateThatWasNotSent) {
    make(1, "a -> b", true);
    plan_->templates[1].worker.clear();
    assign(0, 1, 0);
    settled();
    EXPECT_FALSE(end(0).follow);
}

// Nothing is returned here, so that nothing else keeps the two ends apart. A job that is said to have been followed and
// was not would be waited for.
TEST_F(BrokerRecallTest, WhatEndsAfterFollowersWereForbiddenIsAMessageOfItsOwn) {
    make(2, "a[2] -> b : twin", true);
    assign(0, 2, 0);
    settled();
    end(0);
    on(msg::Recall{0, false, true});
    end(1);
    settled();
    Lines to_router;
    for (std::string& line : sent(out_))
        if (line.find("0: Ended") == 0) to_router.push_back(std::move(line));
    EXPECT_EQ(to_router, (Lines{"0: Ended 1:0 succeeded attempt 1 records 1 busy 1000000000 ns followed",
                                "0: Ended 1:1 succeeded attempt 1 records 2 busy 1000000000 ns"}));
}

TEST_F(BrokerRecallTest, FollowedAndNotFollowedAreTwoMessages) {
    make(2, "a[4] -> b : twin", true);
    assign(0, 2, 0);
    settled();
    end(0);
    on(msg::Recall{0xffffffff});
    end(1);
    settled();
    Lines to_router;
    for (std::string& line : sent(out_))
        if (line.find("0: Ended") == 0) to_router.push_back(line);
    EXPECT_EQ(to_router, (Lines{"0: Ended 1:0 succeeded attempt 1 records 1 busy 1000000000 ns followed",
                                "0: Ended 1:1 succeeded attempt 1 records 2 busy 1000000000 ns"}));
}

}  // namespace
}  // namespace penstock
