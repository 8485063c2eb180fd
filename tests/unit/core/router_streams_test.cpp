// Streams at the router: all jobs placed at once, sources opened when everybody is ready, everything stopped by a
// failure.
#include "support/router_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::sent;

class RouterStreams : public test::RouterTest {
protected:
    // source -> work (with `workers` of `cpus` each) -> results
    static std::shared_ptr<Plan> stream(std::uint32_t workers, std::uint32_t cpus = 0) {
        auto plan = std::make_shared<Plan>();
        plan->name = "s";
        plan->templates.resize(2);
        plan->stages.resize(2);
        plan->templates[0].name = "source";
        plan->templates[1].name = "work";
        for (JobTemplate& t : plan->templates) {
            t.worker = "w";
            t.resources.cpus = 0;
        }
        plan->stages[0].form = StageForm::source;
        plan->stages[1].from = {TemplateIndex(0)};
        plan->templates[1].count = workers;
        plan->templates[1].resources.cpus = cpus;
        complete_stream(*plan);
        return plan;
    }
    // The same with another stage, of that many CPUs, that takes items of `work`.
    static std::shared_ptr<Plan> longer_stream(std::uint32_t cpus, std::uint32_t more_cpus) {
        auto plan = stream(1, cpus);
        plan->templates.resize(2);
        plan->stages.resize(2);
        plan->templates.push_back(plan->templates[1]);
        plan->templates[2].name = "more";
        plan->templates[2].resources.cpus = more_cpus;
        plan->stages.emplace_back().from = {TemplateIndex(1)};
        complete_stream(*plan);
        return plan;
    }
    // All jobs of it are ready.
    void begin_stream(const std::shared_ptr<Plan>& plan, std::uint32_t pipeline = 1) {
        submit(plan, pipeline);
        out_.take();
        for (std::uint32_t t = 0; t < plan->templates.size(); ++t)
            ready(plan->templates[t].first_job.value, plan->templates[t].count, t, msg::kNobody, pipeline);
    }
    void stream_ready(std::uint32_t broker) { router_->on(msg::StreamReady{PipelineId(1)}, broker, out_); }
};

TEST_F(RouterStreams, AllJobsArePlacedAtOnceOverTheBrokers) {
    make({2, 2});
    const auto plan = stream(2);
    submit(plan);
    out_.take();
    ready(0, 1, 0);
    ready(1, 2, 1);
    EXPECT_EQ(scheduled(), Lines()) << "the results are not ready yet";
    ready(3, 1, 2);
    EXPECT_EQ(scheduled(),
              (Lines{"2: PlanBlock 1 templates [0,3) with header", "2: IntroducePipeline 1 of plan 1 pipeliner 1",
                     "2: PlaceStream 1 at 2, 3, 2, 3", "2: Assign 1:0 t0 attempt 1 reserved",
                     "3: PlanBlock 1 templates [0,3) with header", "3: IntroducePipeline 1 of plan 1 pipeliner 1",
                     "3: PlaceStream 1 at 2, 3, 2, 3", "3: Assign 1:1 t1 attempt 1 reserved",
                     "2: Assign 1:2 t1 attempt 1 reserved", "3: Assign 1:3 t2 attempt 1 reserved"}));
    EXPECT_EQ(events_.take(), (Lines{"started 1"}));
    EXPECT_EQ(router_->counts().assigned, 4u);
}

TEST_F(RouterStreams, SourcesAreOpenedWhenEveryBrokerIsReady) {
    make({1, 1});
    begin_stream(stream(1));
    scheduled();
    stream_ready(3);
    EXPECT_EQ(sent(out_), Lines());
    stream_ready(3);
    EXPECT_EQ(router_->counts().ignored, 1u) << "told twice";
    stream_ready(2);
    EXPECT_EQ(sent(out_), (Lines{"2: OpenStream 1", "3: OpenStream 1"}));
}

TEST_F(RouterStreams, AStageThatFailsStopsTheOthersOnce) {
    make({1, 1});
    begin_stream(stream(1));
    scheduled();
    ended(3, 1, 1, false);
    EXPECT_EQ(sent(out_), (Lines{"2: StopStream 1 because of 1: it broke", "3: StopStream 1 because of 1: it broke"}));
    ended(3, 2, 1, false);
    EXPECT_EQ(sent(out_), Lines());
    ended(2, 0);
    EXPECT_EQ(only("ForgetPipeline").size(), 2u);
    EXPECT_EQ(router_->counts().assigned, 0u);
    EXPECT_EQ(router_->counts().ignored, 0u);
}

TEST_F(RouterStreams, ADrainStopsThem) {
    make({1});
    begin_stream(stream(1));
    scheduled();
    router_->drain(out_);
    EXPECT_EQ(only("StopStream"), (Lines{"2: StopStream 1: the run ends"}));
    router_->drain(out_);
    EXPECT_EQ(only("StopStream"), Lines());
}

// What is behind a failure works off what it has, and that may take long.
TEST_F(RouterStreams, TheEndOfARunStopsWhatGoesOnBehindAFailure) {
    make({1, 1});
    begin_stream(stream(1));
    scheduled();
    ended(3, 1, 1, false);
    out_.take();
    router_->drain(out_);
    EXPECT_EQ(only("StopStream"), Lines()) << "that may end";
    router_->end_now(out_);
    EXPECT_EQ(only("StopStream"), (Lines{"2: StopStream 1: the run ends", "3: StopStream 1: the run ends"}));
}

TEST_F(RouterStreams, CpusAreGrantedAllOrNone) {
    make(one_host({2, 2}));
    begin_stream(stream(3, 1), 1);
    EXPECT_FALSE(scheduled().empty());
    begin_stream(stream(2, 1), 2);
    EXPECT_EQ(scheduled(), Lines()) << "one CPU is free, and it wants two";
    for (const std::uint32_t job : {1u, 2u, 3u})
        for (const std::uint32_t rank : {2u, 3u}) ended(rank, job);  // one of the two has it
    out_.take();
    scheduled();
    EXPECT_EQ(router_->counts().assigned, 2u + 4u) << "source and results of the first, and all of the second";
}

// Spread evenly, the small stage would be where alone the large one can be, and the stream wait for ever.
TEST_F(RouterStreams, ALargeStageFindsTheHostThatIsLargeEnough) {
    make({2, 4});
    begin_stream(longer_stream(1, 4));
    scheduled();
    EXPECT_EQ(router_->counts().assigned, 4u);
    make({4, 2});
    begin_stream(longer_stream(1, 4));
    scheduled();
    EXPECT_EQ(router_->counts().assigned, 4u);
}

TEST_F(RouterStreams, JobsDoNotOvertakeAStreamForEver) {
    make({2});
    begin("a[9]", 1);
    ready(0, 9, 0);
    EXPECT_EQ(assigned().size(), 1u);
    EXPECT_EQ(router_->counts().assigned, 2u);
    begin_stream(stream(1, 2), 2);
    ended(2, 0);
    out_.take();
    EXPECT_EQ(assigned(), Lines()) << "the other slot is waited for";
    ended(2, 1);
    out_.take();
    EXPECT_EQ(assigned(), (Lines{"2: Assign 2:0 t0 attempt 1 reserved", "2: Assign 2:1 t1 attempt 1 reserved",
                                 "2: Assign 2:2 t2 attempt 1 reserved"}));
}

// Of two hosts the one that comes free first keeps its part.
TEST_F(RouterStreams, WhatHasComeFreeForAStreamIsKept) {
    make({1, 1});
    begin("a[9]", 1);
    ready(0, 9, 0);
    EXPECT_EQ(assigned().size(), 2u);
    begin_stream(stream(2, 1), 2);
    ended(2, 0);
    out_.take();
    EXPECT_EQ(assigned(), Lines());
    EXPECT_EQ(assigned(), Lines()) << "however often it is looked at";
    ended(3, 1);
    EXPECT_EQ(assigned().size(), 4u) << "the stream";
}

// It may be long until that one has ended.
TEST_F(RouterStreams, AStreamThatWaitsForAnotherOneLetsJobsGoOn) {
    make({3});
    begin_stream(stream(1, 2), 1);
    EXPECT_FALSE(scheduled().empty());
    begin_stream(stream(1, 3), 2);
    submit("a[9]", 3);
    out_.take();
    ready(0, 9, 0, msg::kNobody, 3);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 3:0 t0 attempt 1"}));
    ended(2, 0, 1, true, 1'000'000'000, 3);
    out_.take();
    EXPECT_EQ(assigned(), (Lines{"2: Assign 3:1 t0 attempt 1"}));
    for (const std::uint32_t job : {0u, 1u, 2u}) ended(2, job);
    out_.take();
    EXPECT_EQ(assigned(), Lines()) << "now it only waits for jobs";
}

TEST_F(RouterStreams, WhatWorkersHaveDoneIsToldToTheDriver) {
    make({1});
    begin_stream(stream(1));
    StageCounts counts;
    counts.items_in = 7;
    const auto told = [&](std::uint32_t pipeline, std::uint32_t job) {
        router_->on(msg::StageProgress{PipelineId(pipeline), JobIndex(job), counts}, 2, out_);
    };
    told(1, 1);
    EXPECT_EQ(router_->counts().ignored, 1u) << "nothing has been placed";
    scheduled();
    events_.take();
    told(1, 1);
    EXPECT_EQ(events_.take(), (Lines{"counted 1: 1 took 7"}));
    told(1, 3);
    told(2, 0);
    EXPECT_EQ(router_->counts().ignored, 3u) << "jobs there are not";
    EXPECT_EQ(events_.take(), Lines());
}

// What was stored up to them may have been stored anew since.
TEST_F(RouterStreams, PositionsOfAnEarlierEpochDoNotCount) {
    make({1, 1});
    const auto plan = stream(1);
    plan->stages[0].seeks = true;
    begin_stream(plan);
    scheduled();
    events_.take();
    const auto told = [&](std::uint32_t epoch, std::uint64_t mark) {
        router_->on(msg::StreamReached{PipelineId(1), JobIndex(2), epoch, mark, true, mark + 2, {}}, 2, out_);
        return events_.take();
    };
    EXPECT_EQ(told(1, 5), Lines());
    EXPECT_EQ(told(0, 5), (Lines{"reached 1: 5 items, 2 has stored 7 in attempt 1"}));
    router_->lose(3, out_);
    EXPECT_EQ(told(0, 6), Lines());
    router_->on(msg::Withdrawn{PipelineId(1), 1, {}, {}}, 2, out_);
    router_->rebuilt(PipelineId(1), 1, {}, out_);
    router_->on(msg::Restarted{PipelineId(1), 1}, kPipeliner, out_);
    for (const std::uint32_t job : {0u, 1u, 2u}) ready(job, 1, job);
    EXPECT_EQ(only("PlaceStream").size(), 0u);
    scheduled();
    events_.take();
    EXPECT_EQ(told(0, 9), Lines());
    EXPECT_EQ(told(1, 9), (Lines{"reached 1: 9 items, 2 has stored 11 in attempt 2"}));
    EXPECT_EQ(router_->counts().ignored, 3u);
}

// While it waits, and again after a rank was lost that it was at.
TEST_F(RouterStreams, OneThatNobodyWantsIsStoppedWhereverItIsPlaced) {
    make({1, 1});
    begin_stream(stream(1));
    router_->close_stream(PipelineId(1), out_);
    EXPECT_EQ(sent(out_), Lines());
    router_->schedule(now_, out_);
    const Lines stops{"2: StopStream 1 by the driver: the driver function wants no more of it",
                      "3: StopStream 1 by the driver: the driver function wants no more of it"};
    EXPECT_EQ(only("StopStream"), stops);
    router_->close_stream(PipelineId(1), out_);
    EXPECT_EQ(only("StopStream"), Lines()) << "they know";
    router_->lose(3, out_);
    router_->on(msg::Withdrawn{PipelineId(1), 1, {}, {}}, 2, out_);
    router_->rebuilt(PipelineId(1), 1, {}, out_);
    router_->on(msg::Restarted{PipelineId(1), 1}, kPipeliner, out_);
    for (const std::uint32_t job : {0u, 1u, 2u}) ready(job, 1, job);
    router_->schedule(now_, out_);
    EXPECT_EQ(only("StopStream"), (Lines{stops.front()}));
}

// Nobody has it yet, so nobody is asked what there is of it; what the lost pipeliner has said of it counts no more.
TEST_F(RouterStreams, OneThatWaitsIsNotPlacedBeforeItsNextPipelinerKnowsIt) {
    Setup s = own_hosts({1, 1});
    s.spare_pipeliner = 0;
    make(s);
    begin_stream(stream(1));
    router_->lose(kPipeliner, out_);
    EXPECT_EQ(scheduled(), Lines());
    router_->rebuilt(PipelineId(1), 1, {}, out_);
    router_->schedule(now_, out_);
    EXPECT_EQ(only("PlaceStream"), Lines());
    router_->on(msg::Restarted{PipelineId(1), 1}, 0, out_);
    for (const std::uint32_t job : {0u, 1u, 2u}) ready(job, 1, job);
    router_->schedule(now_, out_);
    EXPECT_EQ(only("PlaceStream").size(), 2u);
    EXPECT_EQ(router_->counts().assigned, 3u);
}

TEST_F(RouterStreams, JobsGoOnBesideAStream) {
    make({1});
    begin_stream(stream(2));
    scheduled();
    submit("a[3]", 2);
    out_.take();
    ready(0, 3, 0, msg::kNobody, 2);
    EXPECT_EQ(only("Assign").size(), 0u);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 2:0 t0 attempt 1"})) << "the stream's stages hold no slot";
}

}  // namespace
}  // namespace penstock
