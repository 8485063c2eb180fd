#include "support/broker_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::plan_of;
using test::sent;

constexpr Nanoseconds kMillisecond = 1'000'000;

class BrokerTest : public test::BrokerTest {};

// ------------------------------------------------------------------------------------------ lanes

TEST_F(BrokerTest, StartsItsLanesWithNoJob) {
    make(2, "a");
    EXPECT_EQ(settled(), Lines());
    EXPECT_EQ(broker_->queued(), 0u);
    EXPECT_EQ(broker_->running(), 0u);
}

TEST_F(BrokerTest, FinishesOneJob) {
    make(1, "a");
    assign(0, 1, 0);
    EXPECT_EQ(broker_->queued(), 1u);
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 0"}));
    EXPECT_EQ(broker_->running(), 1u);
    EXPECT_EQ(sent(out_), Lines());

    const JobEnd ended = end(0, true, 123);
    EXPECT_EQ(ended.pipeline->info.id, PipelineId(1));
    EXPECT_EQ(ended.job, TemplateIndex(0));
    EXPECT_EQ(ended.instance, 0u);
    EXPECT_EQ(ended.attempt, 1u);
    EXPECT_EQ(ended.submitted_ns, 77);
    EXPECT_FALSE(ended.follow);
    EXPECT_EQ(sent(out_), Lines());  // until all that came with it is known
    EXPECT_EQ(settled(), Lines());
    EXPECT_EQ(sent(out_), (Lines{"1: Ended 1:0 succeeded attempt 1 records 1 busy 123 ns",
                                 "0: Ended 1:0 succeeded attempt 1 records 1 busy 123 ns"}));
    EXPECT_EQ(broker_->records(), 1u);
    EXPECT_EQ(broker_->running(), 0u);
}

TEST_F(BrokerTest, OneJobALaneWhileTheirLengthIsUnknown) {
    make(3, "a[10]");
    assign(0, 10, 0);
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 0", "start in lane 1: 1", "start in lane 2: 2"}));
    EXPECT_EQ(settled(), Lines());
    EXPECT_EQ(broker_->queued(), 7u);
}

TEST_F(BrokerTest, LongJobsGoOneByOne) {
    make(2, "a[10]");
    assign(0, 10, 0);
    settled();
    end(1, true, Broker::kLongJob);
    EXPECT_EQ(settled(), (Lines{"start in lane 1: 2"}));
    EXPECT_EQ(settled(), Lines());
}

TEST_F(BrokerTest, ShortJobsGoAheadForAboutTheLaneHorizon) {
    make(1, "a[1000]");
    assign(0, 1000, 0);
    settled();
    end(0, true, kMillisecond);
    settled();
    EXPECT_EQ(host_.lane(0).size(), static_cast<std::size_t>(Broker::kLaneHorizon / kMillisecond));
    // Refilled in halves, not one by one.
    end(0, true, kMillisecond);
    EXPECT_EQ(settled(), Lines());
    for (int i = 0; i < 5; ++i) end(0, true, kMillisecond);
    EXPECT_EQ(settled().size(), 1u);
    EXPECT_EQ(host_.lane(0).size(), static_cast<std::size_t>(Broker::kLaneHorizon / kMillisecond));
}

TEST_F(BrokerTest, JobsThatProveShorterLeaveNothingBehindInALane) {
    make(1, "a[100000]");
    assign(0, 100'000, 0);
    settled();
    end(0, true, 8 * kMillisecond);  // a cold start
    for (int i = 0; i < 300; ++i) {
        settled();
        ASSERT_GT(host_.lane(0).size(), 1u);  // or there would be nothing to leave behind
        end(0, true, 10'000);
    }
    settled();
    EXPECT_GE(host_.lane(0).size(), 500u);  // 10 ms of 10 us, and half of them may have run
}

TEST_F(BrokerTest, ALaneNeverHoldsMoreThanItsBound) {
    make(1, "a[100000]");
    assign(0, 100'000, 0);
    settled();
    end(0, true, 1);
    settled();
    EXPECT_EQ(host_.lane(0).size(), Broker::kMaxInLane);
}

TEST_F(BrokerTest, TheLastJobsAreSharedByTheLanes) {
    make(4, "a[20]");
    assign(0, 4, 0);
    settled();
    for (std::uint32_t lane = 0; lane < 4; ++lane) end(lane, true, kMillisecond);
    assign(4, 16, 0);
    settled();
    for (std::uint32_t lane = 0; lane < 4; ++lane) {
        EXPECT_GE(host_.lane(lane).size(), 2u) << lane;
        EXPECT_LE(host_.lane(lane).size(), 6u) << lane;
    }
}

TEST_F(BrokerTest, RunsAllOfAMillion) {
    make(4, "a[1000000]");
    for (std::uint32_t first = 0; first < 1'000'000; first += 50'000) assign(first, 50'000, 0);
    EXPECT_EQ(run_dry(100), 1'000'000u);
    EXPECT_EQ(broker_->queued(), 0u);
    EXPECT_EQ(broker_->running(), 0u);
    EXPECT_EQ(broker_->records(), 1'000'000u);
    EXPECT_LT(sent(out_).size(), 4000u);
}

TEST_F(BrokerTest, AnIdleLaneGetsWhatWaitsBehindABusyOne) {
    make(3, "a[20]");
    assign(0, 3, 0);
    settled();
    for (std::uint32_t lane = 0; lane < 3; ++lane) end(lane, true, kMillisecond);
    assign(3, 4, 0);
    settled();
    ASSERT_EQ(host_.lane(0), (std::vector<std::uint32_t>{3, 4}));
    ASSERT_EQ(host_.lane(1), (std::vector<std::uint32_t>{5}));
    ASSERT_EQ(host_.lane(2), (std::vector<std::uint32_t>{6}));
    // The job that lane 0 runs turns out to be long. The one behind it must not wait for it.
    end(2, true, kMillisecond);
    settled();
    EXPECT_EQ(host_.lane(0), (std::vector<std::uint32_t>{3}));
    EXPECT_EQ(host_.lane(2), (std::vector<std::uint32_t>{4}));
}

TEST_F(BrokerTest, SeveralIdleLanesGetWhatWaitsBehindSeveralBusyOnes) {
    make(4, "a[20]");
    assign(0, 4, 0);
    settled();
    for (std::uint32_t lane = 0; lane < 4; ++lane) end(lane, true, kMillisecond);
    assign(4, 8, 0);
    settled();
    ASSERT_EQ(host_.lane(0).size(), 3u);
    ASSERT_EQ(host_.lane(1).size(), 3u);
    ASSERT_EQ(host_.lane(2).size(), 1u);
    ASSERT_EQ(host_.lane(3).size(), 1u);
    // In one turn each lane ends a job, and what the first two run now is long.
    for (std::uint32_t lane = 0; lane < 4; ++lane) end(lane, true, kMillisecond);
    settled();
    for (std::uint32_t lane = 0; lane < 4; ++lane) EXPECT_EQ(host_.lane(lane).size(), 1u) << lane;
}

TEST_F(BrokerTest, WhatALaneHasClaimedStaysThere) {
    make(2, "a[20]");
    host_.claimed_ = 5;
    assign(0, 2, 0);
    settled();
    for (std::uint32_t lane = 0; lane < 2; ++lane) end(lane, true, kMillisecond);
    assign(2, 3, 0);
    settled();
    ASSERT_EQ(host_.lane(0).size(), 2u);
    end(1, true, kMillisecond);
    EXPECT_EQ(settled(), Lines());
    EXPECT_EQ(host_.lane(0).size(), 2u);
}

TEST_F(BrokerTest, StartsNothingWhileTheWriterIsFull) {
    make(1, "a[2]");
    host_.may_start_ = false;
    assign(0, 2, 0);
    EXPECT_EQ(settled(), Lines());
    host_.may_start_ = true;
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 0"}));
}

TEST_F(BrokerTest, JobsOfSeveralPipelinesAndTemplates) {
    make(2, "a; b");
    introduce(2);
    assign(1, 1, 1, 2);
    assign(0, 1, 0, 1);
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 1", "start in lane 1: 0"}));
    EXPECT_EQ(end(0).pipeline->info.id, PipelineId(2));
    EXPECT_EQ(end(1).pipeline->info.id, PipelineId(1));
    settled();
    EXPECT_EQ(sent(out_), (Lines{"1: Ended 2:1 succeeded attempt 1 records 1 busy 1000000000 ns",
                                 "0: Ended 2:1 succeeded attempt 1 records 1 busy 1000000000 ns",
                                 "1: Ended 1:0 succeeded attempt 1 records 2 busy 1000000000 ns",
                                 "0: Ended 1:0 succeeded attempt 1 records 2 busy 1000000000 ns"}));
}

// ------------------------------------------------------------------------------------------ reserved jobs

TEST_F(BrokerTest, ReservedJobsStartAtOnceInLanesOfTheirOwn) {
    make(1, "a; wide[2]; wide : cpus 4");
    assign(0, 1, 0);
    settled();
    on(msg::Assign{jobs(1, 2), TemplateIndex(1), 1, msg::kNobody, true, true});
    EXPECT_EQ(host_.take(), (Lines{"start in lane 1: 1", "start in lane 2: 2"}));
    end(1);
    on(msg::Assign{jobs(1, 1), TemplateIndex(1), 2, msg::kNobody, true, true});
    EXPECT_EQ(host_.take(), (Lines{"start in lane 1: 1"}));  // an idle one is used again
    EXPECT_EQ(broker_->running(), 3u);
}

TEST_F(BrokerTest, ReservedJobsAreNeverTakenBack) {
    make(1, "wide[2]; wide : cpus 4");
    on(msg::Assign{jobs(0, 2), TemplateIndex(0), 1, msg::kNobody, true, true});
    on(msg::Recall{10});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned nothing"}));
    EXPECT_EQ(broker_->running(), 2u);
}

// ------------------------------------------------------------------------------------------ inputs

TEST_F(BrokerTest, AJobWaitsForItsInputsAndTheLaneDoesNot) {
    make(1, "a => b; c");
    on(msg::Assign{jobs(1), TemplateIndex(1), 1, 9, true, false});
    assign(2, 1, 2);
    EXPECT_EQ(host_.take(), (Lines{"fetch for 1 from 9"}));
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 2"}));
    broker_->inputs_arrived(host_.fetched(1));
    EXPECT_EQ(settled(), Lines());
    end(0);
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 1"}));
}

TEST_F(BrokerTest, InputsOfSeveralSourcesAreLocatedFirst) {
    make(1, "a => c; b => c");
    on(msg::Assign{jobs(1), TemplateIndex(1), 1, 9, false, false});
    EXPECT_EQ(host_.take(), (Lines{"fetch for 1 from 9, locate at 1"}));
}

TEST_F(BrokerTest, AReservedJobWithInputsStartsWhenTheyAreThere) {
    make(1, "a => wide; wide : cpus 4");
    on(msg::Assign{jobs(1), TemplateIndex(1), 1, 9, true, true});
    EXPECT_EQ(host_.take(), (Lines{"fetch for 1 from 9"}));
    broker_->inputs_arrived(host_.fetched(1));
    EXPECT_EQ(host_.take(), (Lines{"start in lane 1: 1"}));
}

TEST_F(BrokerTest, InputsThatArriveTwiceOrForNobodyAreIgnored) {
    make(1, "a => b[2]");
    on(msg::Assign{jobs(1), TemplateIndex(1), 1, 9, true, false});
    const std::uint64_t ticket = host_.fetched(1);
    broker_->inputs_arrived(ticket);
    broker_->inputs_arrived(ticket);
    EXPECT_EQ(broker_->queued(), 1u);
    settled();
    broker_->inputs_arrived(ticket);
    EXPECT_EQ(broker_->queued(), 0u);
    end(0);
    broker_->inputs_arrived(ticket);
    broker_->inputs_arrived(0);
    broker_->inputs_arrived(0xffffffff);
    EXPECT_EQ(broker_->queued(), 0u);
    EXPECT_EQ(broker_->running(), 0u);
}

TEST_F(BrokerTest, ReleasesForgetsAndFlushesWhenTold) {
    make(1, "a => b");
    on(msg::Release{jobs(0, 2)});
    on(msg::ForgetPipeline{PipelineId(1)});
    on(msg::Flush{});
    on(msg::Release{jobs(0, 1)});  // may come late: from another rank than the one that says forget
    EXPECT_EQ(host_.take(), (Lines{"release 0+2", "forget 1", "flush", "release 0+1"}));
    EXPECT_EQ(broker_->context_of(PipelineId(1)), nullptr);
    EXPECT_EQ(broker_->ignored(), 0u);
}

// ------------------------------------------------------------------------------------------ Ended

TEST_F(BrokerTest, ConsecutiveSuccessesAreOneMessage) {
    make(1, "a[100]");
    assign(0, 100, 0);
    settled();
    end(0, true, kMillisecond);
    settled();
    sent(out_);
    for (int i = 0; i < 5; ++i) end(0, true, kMillisecond);
    settled();
    EXPECT_EQ(sent(out_), (Lines{"1: Ended 1:[1,6) succeeded attempt 1 records [2,7) busy 5000000 ns",
                                 "0: Ended 1:[1,6) succeeded attempt 1 records [2,7) busy 5000000 ns"}));
}

TEST_F(BrokerTest, AFailureIsAMessageOfItsOwnWithABoundedError) {
    make(3, "a[3]");
    assign(0, 3, 0);
    settled();
    end(0);
    end(1, false, kSecond, std::string(5000, 'x'));
    end(2);
    settled();
    const std::vector<Envelope> all = out_.take();
    ASSERT_EQ(all.size(), 6u);
    const auto& failed = std::get<msg::Ended>(std::get<RouterMessage>(all[3].message));
    EXPECT_FALSE(failed.succeeded);
    EXPECT_EQ(failed.jobs, jobs(1));
    EXPECT_EQ(failed.first_record, 2u);
    EXPECT_EQ(failed.error.size(), 1000u);
}

TEST_F(BrokerTest, ACutErrorIsStillUtf8) {
    make(1, "a");
    assign(0, 1, 0);
    settled();
    std::string error(999, 'x');
    for (int i = 0; i < 10; ++i) error += "\xe2\x82\xac";  // the euro sign: three bytes
    end(0, false, kSecond, error);
    settled();
    const std::vector<Envelope> all = out_.take();
    const auto& failed = std::get<msg::Ended>(std::get<RouterMessage>(all.at(1).message));
    EXPECT_EQ(failed.error, std::string(999, 'x'));
}

TEST_F(BrokerTest, EndedNeverSpansTemplatesPipelinesOrGaps) {
    make(4, "a; b; c[3]");
    introduce(2);
    assign(0, 1, 0);
    assign(1, 1, 1);
    assign(2, 1, 2, 2);
    assign(4, 1, 2, 2);
    settled();
    for (std::uint32_t lane = 0; lane < 4; ++lane) end(lane);
    settled();
    Lines to_router;
    for (std::string& line : sent(out_))
        if (line[0] == '0') to_router.push_back(line.substr(0, 13));
    EXPECT_EQ(to_router, (Lines{"0: Ended 1:0 ", "0: Ended 1:1 ", "0: Ended 2:2 ", "0: Ended 2:4 "}));
}

// After an earlier launch some jobs of a template have used up more numbers than others.
TEST_F(BrokerTest, EndedNeverSpansAttempts) {
    make(3, "a[3]");
    for (std::uint32_t job = 0; job < 3; ++job)
        on(msg::Assign{jobs(job), TemplateIndex(0), job == 1 ? 2u : 1u, msg::kNobody, true, false});
    settled();
    for (std::uint32_t lane = 0; lane < 3; ++lane) end(lane, true, 7);
    settled();
    Lines to_router;
    for (std::string& line : sent(out_))
        if (line[0] == '0') to_router.push_back(std::move(line));
    EXPECT_EQ(to_router, (Lines{"0: Ended 1:0 succeeded attempt 1 records 1 busy 7 ns",
                                "0: Ended 1:1 succeeded attempt 2 records 2 busy 7 ns",
                                "0: Ended 1:2 succeeded attempt 1 records 3 busy 7 ns"}));
}

TEST_F(BrokerTest, MeasuresTime) {
    make(1, "a[3]");
    assign(0, 3, 0);
    settled();
    end(0, true, 10);
    settled();
    end(0, true, 20);
    end(0, true, 30);
    settled();
    const Lines lines = sent(out_);
    EXPECT_EQ(lines.at(1), "0: Ended 1:0 succeeded attempt 1 records 1 busy 10 ns");
    EXPECT_EQ(lines.at(3), "0: Ended 1:[1,3) succeeded attempt 1 records [2,4) busy 50 ns");
}

}  // namespace
}  // namespace penstock
