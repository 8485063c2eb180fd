// What earlier launches have left, as the roles take it.
#include "core/job_history.hpp"
#include "core/pipeliner.hpp"

#include "support/plans.hpp"
#include "support/router_fixture.hpp"
#include "support/transcript.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::Lines;
using test::sent;

using Kept = JobHistory::Kept;

std::shared_ptr<const JobHistory> history_of(std::vector<Kept> kept, std::vector<JobHistory::Tried> tried = {}) {
    auto history = std::make_shared<JobHistory>();
    history->kept = std::move(kept);
    history->tried = std::move(tried);
    return history;
}

TEST(JobHistoryRuns, GrowByJobs) {
    JobHistory h;
    for (std::uint32_t job : {0, 1, 2, 7}) h.keep(job, true);
    h.keep(8, false);
    EXPECT_EQ(h.kept, (std::vector<Kept>{{0, 3, true}, {7, 1, true}, {8, 1, false}}));
    EXPECT_EQ(h.succeeded(), 4u);
    EXPECT_EQ(h.failed(), 1u);
    h.note_attempts(0, 1);
    h.note_attempts(1, 1);
    h.note_attempts(2, 0);
    h.note_attempts(3, 4);
    EXPECT_EQ(h.tried.size(), 2u);
    EXPECT_TRUE(h.fits(9));
    EXPECT_FALSE(h.fits(8));
    EXPECT_FALSE(history_of({{3, 2}, {4, 1}})->fits(9));
    EXPECT_FALSE(history_of({{3, 0}})->fits(9));
    EXPECT_FALSE(history_of({{0xffffffff, 0xffffffff}})->fits(9));
}

TEST(JobHistoryRuns, AreFoundByJob) {
    const auto h = history_of({}, {{2, 3, 1}, {5, 1, 7}, {9, 2, 2}});
    std::vector<std::uint32_t> attempts, until;
    for (std::uint32_t job = 0; job < 12; ++job) {
        attempts.push_back(h->attempts_of(job));
        until.push_back(h->same_attempts_until(job, 12));
    }
    EXPECT_EQ(attempts, (std::vector<std::uint32_t>{0, 0, 1, 1, 1, 7, 0, 0, 0, 2, 2, 0}));
    EXPECT_EQ(until, (std::vector<std::uint32_t>{2, 2, 5, 5, 5, 6, 9, 9, 9, 11, 11, 12}));
    EXPECT_EQ(h->same_attempts_until(2, 4), 4u);
}

class ResumedPipelines : public ::testing::Test {
protected:
    Lines start(std::string_view graph, std::shared_ptr<const JobHistory> history) {
        auto structure = std::make_shared<const Structure>(structure_of(*test::plan_of(graph)));
        pipeliner_.on(msg::StartPlan{PlanId(1), std::move(structure)}, 0, out_);
        pipeliner_.on(msg::Earlier{PipelineId(1), std::move(history)}, 0, out_);
        pipeliner_.on(msg::StartPipelines{PipelineId(1), 1, PlanId(1)}, 0, out_);
        return sent(out_);
    }
    Lines ended(std::uint32_t job, bool ok = true) {
        msg::Ended m;
        m.jobs = {PipelineId(1), JobIndex(job), 1};
        m.succeeded = ok;
        pipeliner_.on(m, 2, out_);
        return sent(out_);
    }

    Pipeliner pipeliner_;
    Outbox out_{1};
};

TEST_F(ResumedPipelines, GoOnWhereTheyWere) {
    EXPECT_EQ(start("a -> b -> c", history_of({{0, 1, true}})), (Lines{"0: Ready 1:1 t1 attempt 1"}));
    EXPECT_EQ(ended(1), (Lines{"0: Ready 1:2 t2 attempt 1"}));
    ended(2);
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
    EXPECT_EQ(pipeliner_.ignored(), 0u);
}

TEST_F(ResumedPipelines, OnlyWhatIsLeftOfAFanRuns) {
    EXPECT_EQ(start("a[10] -> b", history_of({{0, 4, true}, {6, 4, true}})), (Lines{"0: Ready 1:[4,6) t0 attempt 1"}));
    EXPECT_EQ(ended(4), Lines());
    EXPECT_EQ(ended(5), (Lines{"0: Ready 1:10 t1 attempt 1"}));
}

TEST_F(ResumedPipelines, TwinsOfWhatIsDoneAreReady) {
    EXPECT_EQ(start("a[4] => b : twin", history_of({{0, 2, true}, {4, 1, true}})),
              (Lines{"0: Ready 1:[2,4) t0 attempt 1", "0: Ready 1:5 t1 attempt 1 to be located"}));
}

TEST_F(ResumedPipelines, OutputsAreStored) {
    start("a[2] => b", history_of({{0, 1, true}}));
    EXPECT_EQ(ended(1), (Lines{"0: Ready 1:2 t1 attempt 1 holder 2 to be located"}));
    pipeliner_.on(msg::Locate{9, PipelineId(1), {{PipelineId(1), JobIndex(0), 2}}}, 3, out_);
    EXPECT_EQ(sent(out_), (Lines{"3: Located #9 0 stored, 1 at 2"}));
    EXPECT_EQ(ended(2), (Lines{"2: Release 1:1"})) << "nobody keeps what is stored";
}

TEST_F(ResumedPipelines, WhatHadFailedIsTheCauseOfWhatIsSkipped) {
    EXPECT_EQ(start("a[3] -> b : twin; b -> c", history_of({{0, 3, false}})),
              (Lines{"0: Skipped 1:[5,7) because of 2", "0: Skipped 1:4 because of 1", "0: Skipped 1:3 because of 0"}));
    EXPECT_EQ(pipeliner_.active_pipelines(), 0u);
}

TEST_F(ResumedPipelines, AttemptsGoOn) {
    EXPECT_EQ(start("a[6]", history_of({}, {{1, 2, 1}, {3, 1, 4}})),
              (Lines{"0: Ready 1:0 t0 attempt 1", "0: Ready 1:[1,3) t0 attempt 2", "0: Ready 1:3 t0 attempt 5",
                     "0: Ready 1:[4,6) t0 attempt 1"}));
}

TEST_F(ResumedPipelines, AHistoryOfAnotherPlanIsNotBelieved) {
    EXPECT_EQ(start("a", history_of({{0, 2, true}})), (Lines{"0: Ready 1:0 t0 attempt 1"}));
    EXPECT_EQ(pipeliner_.ignored(), 1u);
}

class ResumedAtTheRouter : public test::RouterTest {};

TEST_F(ResumedAtTheRouter, OnlyWhatIsLeftHasToEnd) {
    make(one_host({1}));
    const auto plan = test::plan_of("a[4] -> b");
    Outbox out(0);
    router_->submit(PlanId(1), plan, {}, 0, out, history_of({{0, 3, true}}));
    EXPECT_EQ(sent(out), (Lines{"1: StartPlan 1: 2 templates, 5 jobs, 1 edges", "1: Earlier 1: 3 succeeded, 0 failed",
                                "1: StartPipelines 1 of plan 1"}));
    EXPECT_EQ(router_->counts().succeeded, 3u);
    EXPECT_EQ(router_->counts().kept, 3u);
    router_->on(msg::Ready{{PipelineId(1), JobIndex(3), 1}, TemplateIndex(0), 2}, 1, out);
    router_->schedule(0, out);
    EXPECT_EQ(sent(out),
              (Lines{"2: PlanBlock 1 templates [0,2) with header",
                     "2: IntroducePipeline 1 of plan 1 pipeliner 1 step by step", "2: Assign 1:3 t0 attempt 2"}));
}

TEST_F(ResumedAtTheRouter, APipelineThatIsDoneIsOverAtOnce) {
    make(one_host({1}));
    Outbox out(0);
    router_->submit(PlanId(1), test::plan_of("a[4] -> b"), {}, 0, out, history_of({{0, 4, true}, {4, 1, false}}));
    EXPECT_EQ(sent(out), Lines()) << "nobody has to know";
    EXPECT_EQ(events_.take(), (Lines{"over 1"}));
    EXPECT_EQ(router_->counts().failed, 1u);
    router_->close(out);
    EXPECT_TRUE(router_->stopping());
}

}  // namespace
}  // namespace penstock
