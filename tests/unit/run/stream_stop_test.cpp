// What one broker of a stream does when the stream stops: the rest of the stream is messages that the test makes up.
#include "sim/stream_plans.hpp"
#include "support/transcript.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::plan_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Lanes that keep what they are given until it is cancelled.
class IdleLanes final : public StreamHost {
public:
    void run(std::uint32_t lane, Ticket ticket) override { given.emplace_back(lane, ticket.id); }
    void cancel(std::uint32_t lane, std::uint64_t, EndReason) override { cancelled.push_back(lane); }
    void store(const std::shared_ptr<const PipelineContext>&, const JobTemplate&, std::uint32_t, std::uint64_t,
               StreamItems) override {}
    bool may_store() const override { return true; }
    std::uint64_t stored() const override { return 0; }
    std::uint64_t durable() const override { return 0; }

    std::vector<std::pair<std::uint32_t, std::uint64_t>> given;
    std::vector<std::uint32_t> cancelled;
};

// source --> map (two workers) --> fold, and beside them source --> other and source --> skips; all but the source are
// here. The lane of a job is its number.
class StreamStopTest : public ::testing::Test {
protected:
    static constexpr PipelineId kStream{1};
    static constexpr JobIndex kSource{0}, kMap{1}, kOtherMap{2}, kFold{3}, kOther{4}, kSkips{5};
    static constexpr JobIndex kAllHere[] = {kMap, kOtherMap, kFold, kOther, kSkips};
    static constexpr std::uint32_t kHere = 2, kElsewhere = 1;

    StreamStopTest() {
        plan_ = plan_of({{"source", {}, StageForm::source},
                         {"map", {0}, StageForm::map, 2},
                         {"fold", {1}, StageForm::fold},
                         {"other", {0}},
                         {"skips", {0}, StageForm::map, 1, false, OnError::skip}});
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan_;
        context->info.id = kStream;
        msg::PlaceStream places;
        places.pipeline = kStream;
        places.ranks.assign(plan_->job_count, kElsewhere);
        for (const JobIndex job : kAllHere) places.ranks[job.value] = kHere;
        node_.on(places, 0, out_);
        for (const JobIndex job : kAllHere) {
            const TemplateIndex t = plan_->template_of(job);
            node_.start(job.value,
                        {100 + job.value, context, t, job.value - plan_->templates[t.value].first_job.value, 1});
        }
        node_.on(msg::OpenStream{kStream}, 0, out_);
        work();
        out_.take();
    }

    void work() {
        std::vector<Outcome> ended;
        while (node_.work(out_, ended)) {
        }
        for (Outcome& o : ended) ended_.push_back(std::move(o));
    }
    void item_for(JobIndex job) {
        node_.on(msg::StreamItems{kStream, kSource, job, 0, true,
                                  std::make_shared<const StreamItems>(test::encoded({Value(1)})), 0},
                 kElsewhere, out_);
        work();
    }
    void stop(const msg::StopStream& m) {
        node_.on(m, 0, out_);
        work();
    }

    std::shared_ptr<const Plan> plan_;
    IdleLanes lanes_;
    Outbox out_{kHere};
    StreamNode node_{kHere, lanes_, ::testing::TempDir()};
    std::vector<Outcome> ended_;
};

TEST_F(StreamStopTest, OtherWorkersOfAFailedStageAndWhatIsBehindItGoOn) {
    item_for(kOtherMap);
    item_for(kOther);
    ASSERT_EQ(lanes_.given.size(), 2u);
    stop({kStream, true, kMap, "it broke"});
    EXPECT_THAT(lanes_.cancelled, ElementsAre(kOther.value));
}

// No other worker of a source has what would be missing.
TEST_F(StreamStopTest, WhatIsBehindAFailedSourceGoesOn) {
    item_for(kOtherMap);
    item_for(kOther);
    stop({kStream, true, kSource, "it broke"});
    EXPECT_THAT(lanes_.cancelled, IsEmpty());
}

TEST_F(StreamStopTest, WhenTheRunEndsEverythingStops) {
    item_for(kOtherMap);
    item_for(kOther);
    stop({kStream, false, {}, "the run ends"});
    EXPECT_THAT(lanes_.cancelled, UnorderedElementsAre(kOtherMap.value, kOther.value));
}

// It was stopped in the middle of an item. Nothing is wrong with that one, and it is not said to be left out.
TEST_F(StreamStopTest, AnItemThatAStopCutsShortHasNotFailed) {
    for (const JobIndex job : {kOther, kSkips}) item_for(job);
    ASSERT_EQ(lanes_.given.size(), 2u);
    stop({kStream, true, kMap, "it broke"});
    EXPECT_THAT(ended_, IsEmpty()) << "what their lanes say is still to come";
    for (const auto& [lane, ticket] : lanes_.given) {
        Outcome outcome = test::failed_outcome(ticket, EndReason::cancelled, "it was cancelled");
        node_.take(outcome);
    }
    out_.take();
    work();
    ASSERT_EQ(ended_.size(), 2u);
    for (const Outcome& o : ended_) {
        EXPECT_FALSE(o.succeeded);
        EXPECT_EQ(o.details->reason, EndReason::cancelled);
        EXPECT_EQ(o.details->error, "the stream was stopped: it broke");
        EXPECT_EQ(o.details->log, "");
    }
    for (const msg::StageProgress& told : test::sent_of<msg::StageProgress, RouterMessage>(out_)) {
        EXPECT_EQ(told.counts.items_in, 1u);
        EXPECT_EQ(told.counts.skipped + told.counts.failed + told.counts.retried, 0u);
    }
}

// The end of a stage that has stopped may be faster than the message that says why: by itself it looks like a failure.
TEST_F(StreamStopTest, WhatIsBehindAStoppedStageWaitsToBeToldWhy) {
    for (const JobIndex job : {kMap, kOtherMap, kOther, kSkips})
        node_.on(msg::StreamEnd{kStream, kSource, job, 0, true}, kElsewhere, out_);
    work();
    EXPECT_THAT(ended_, IsEmpty());
    stop({.pipeline = kStream, .failed = false, .cause = {}, .reason = "enough", .closed = true});
    ASSERT_EQ(ended_.size(), 5u);
    for (const Outcome& o : ended_) EXPECT_TRUE(o.succeeded) << o.ticket;
}

// Such jobs run again in the next launch; others have failed, or are done.
TEST_F(StreamStopTest, OnlyAStreamThatTheRunEndsEndsWithIt) {
    EXPECT_FALSE(node_.ended_with_the_run(kStream));
    stop({kStream, true, kMap, "it broke"});
    EXPECT_FALSE(node_.ended_with_the_run(kStream));
    stop({.pipeline = kStream, .failed = false, .cause = {}, .reason = "enough", .closed = true});
    EXPECT_FALSE(node_.ended_with_the_run(kStream));
    EXPECT_FALSE(node_.run_ends());
    stop({kStream, false, {}, "the run ends"});
    EXPECT_TRUE(node_.ended_with_the_run(kStream));
    EXPECT_TRUE(node_.run_ends());
    node_.forget(kStream);
    EXPECT_FALSE(node_.run_ends());
}

}  // namespace
}  // namespace penstock
