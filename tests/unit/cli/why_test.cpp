#include "cli/why.hpp"

#include "support/plans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::plan_of;
using ::testing::HasSubstr;
using ::testing::Not;

class Why : public ::testing::Test {
protected:
    JobRow& row(const std::string& name, JobStatus status, std::uint32_t attempts = 1) {
        JobRow r;
        r.pipeline = "test";
        r.name = name;
        r.status = status;
        r.attempts = attempts;
        rows_.push_back(r);
        return rows_.back();
    }
    AttemptRow& attempt(EndReason reason, const std::string& error) {
        AttemptRow a;
        a.number = static_cast<std::uint32_t>(attempts_.size()) + 1;
        a.broker = 3;
        a.slot = 1;
        a.started = 1e9;
        a.finished = 1e9 + 1.5;
        a.reason = reason;
        a.error = error;
        attempts_.push_back(a);
        return attempts_.back();
    }
    RunSoFar run() {
        RunSoFar r;
        r.run = "X.h5";
        r.rows = &rows_;
        r.attempts = [this](const JobRow&) { return attempts_; };
        r.plan = plan_.get();
        r.state = state_;
        r.owner = "process 7 on here";
        return r;
    }
    std::string why() { return why_text(run(), rows_.back()); }
    std::string why_not(std::uint32_t job, std::uint32_t instance = 0) {
        return why_not_yet_text(run(), "", plan_->templates[job], instance);
    }

    std::vector<JobRow> rows_;
    std::vector<AttemptRow> attempts_;
    std::shared_ptr<Plan> plan_;
    RunSoFar::State state_ = RunSoFar::State::goes_on;
};

TEST_F(Why, AFailedJobIsToldAttemptByAttempt) {
    row("a", JobStatus::failed, 3);
    attempt(EndReason::exception, "no such host\nis the network there?");
    attempt(EndReason::signal, "the worker process was killed").signal = 11;
    attempt(EndReason::exit_code, "it ended").exit_code = 7;
    const std::string text = why();
    EXPECT_THAT(text, HasSubstr("test/a failed: none of its 3 attempts succeeded.\n"
                                "  attempt 1: failed after 1.5 s, on broker 3 slot 1, "));
    EXPECT_THAT(text, HasSubstr("\n      no such host\n      is the network there?\n"));
    EXPECT_THAT(text, HasSubstr("  attempt 2: was killed by SIGSEGV"));
    EXPECT_THAT(text, HasSubstr("  attempt 3: ended with exit code 7 after"));
    EXPECT_THAT(text, HasSubstr("What it printed: penstock log X.h5 test/a\n"));
}

TEST_F(Why, OfManyAttemptsTheFirstAndTheLastAreTold) {
    row("a", JobStatus::failed, 20);
    for (int i = 0; i < 20; ++i) attempt(EndReason::timeout, "");
    const std::string text = why();
    EXPECT_THAT(text, HasSubstr("  attempt 1: its time was up"));
    EXPECT_THAT(text, Not(HasSubstr("  attempt 2:")));
    EXPECT_THAT(text, HasSubstr("  ... 14 further attempts in /attempts\n  attempt 16:"));
    EXPECT_THAT(text, HasSubstr("  attempt 20:"));
}

TEST_F(Why, WithoutRetriesItSaysSo) {
    plan_ = plan_of("a; b : retries 1");
    attempt(EndReason::memory, "out of memory: used 2 GiB of 1 GiB");
    row("a", JobStatus::failed);
    EXPECT_THAT(why(), HasSubstr("It has no `retries`"));
    row("b", JobStatus::failed);
    EXPECT_THAT(why(), Not(HasSubstr("It has no `retries`")));
}

TEST_F(Why, ASkippedJobNamesItsCauseAndWhyThatFailed) {
    row("sim", JobStatus::failed).instance = "seed=3";
    attempt(EndReason::exception, "diverged");
    row("mean", JobStatus::skipped, 0).error = "sim[seed=3]";
    const std::string text = why();
    EXPECT_THAT(text, HasSubstr("test/mean was skipped: it follows sim[seed=3], which failed.\n\n"
                                "test/sim[seed=3] failed: its only attempt did not succeed.\n"));
    EXPECT_THAT(text, HasSubstr("diverged"));
}

TEST_F(Why, ACauseOfAnotherPipelineIsNotTaken) {
    row("a", JobStatus::failed).pipeline = "other";
    row("b", JobStatus::skipped, 0).error = "a";
    EXPECT_THAT(why(), HasSubstr("What became of that one is not durable (yet)."));
}

TEST_F(Why, AJobThatWillBeTriedAgainSaysSo) {
    row("a", JobStatus::ready);
    attempt(EndReason::exception, "busy");
    EXPECT_THAT(why(), HasSubstr("test/a has failed 1 time and has attempts left.\n  attempt 1:"));
    EXPECT_THAT(why(), HasSubstr("The run goes on (process 7 on here): it waits for its next attempt"));
    state_ = RunSoFar::State::ended;
    EXPECT_THAT(why(), HasSubstr("The run has ended before its next attempt.\n"));
}

TEST_F(Why, NothingIsWrongWithASuccess) {
    row("a", JobStatus::succeeded);
    EXPECT_EQ(why(), "test/a succeeded: nothing is wrong with it.\n");
}

TEST_F(Why, AJobThatHasNotEndedWaitsForItsAncestors) {
    plan_ = plan_of("a, b -> c");
    row("a", JobStatus::succeeded);
    EXPECT_THAT(why_not(2), HasSubstr("test/c has not ended. It waits for 1 job that has not ended: b.\n"));
    EXPECT_THAT(why_not(2), HasSubstr("The run goes on (process 7 on here)."));
    row("b", JobStatus::succeeded);
    EXPECT_THAT(why_not(2), HasSubstr("All it follows has ended: it runs, or waits for a free slot.\n"));
}

TEST_F(Why, OfManyAncestorsAFewAreNamed) {
    plan_ = plan_of("a[100] -> c");
    EXPECT_THAT(why_not(1), HasSubstr("It waits for 100 jobs that have not ended: a"));
    EXPECT_THAT(why_not(1), HasSubstr(" and 95 more.\n"));
}

TEST_F(Why, ATwinWaitsForItsTwin) {
    plan_ = plan_of("a[3] => c : twin");
    row("a", JobStatus::succeeded).number = 1;
    EXPECT_THAT(why_not(1, 0), HasSubstr("It waits for 1 job"));
    EXPECT_THAT(why_not(1, 1), HasSubstr("All it follows has ended"));
}

TEST_F(Why, OneAboveItHasFailed) {
    plan_ = plan_of("a, b -> c");
    row("a", JobStatus::failed);
    EXPECT_THAT(why_not(2), HasSubstr("and will be skipped: a did not succeed.\n"));
}

TEST_F(Why, WhatItNeedsIsTold) {
    plan_ = plan_of("a : cpus 4 memory 2048 named matlab 1");
    EXPECT_THAT(why_not(0), HasSubstr("it runs, or waits for what it needs (4 CPUs, 2 KiB of memory, 1 of matlab).\n"));
    EXPECT_THAT(why_not(0), HasSubstr("The run has not said yet what is short.\n"));
    state_ = RunSoFar::State::ended;
    EXPECT_THAT(why_not(0),
                HasSubstr("All it follows had when the run ended: it was running then, or waited for what it needs (4 "
                          "CPUs, 2 KiB of memory, 1 of matlab).\n"));
    EXPECT_THAT(why_not(0), HasSubstr("The run is over, or was interrupted: nothing of it runs now.\n"));
}

TEST_F(Why, WhatIsShortIsWhatTheRunSaidLast) {
    plan_ = plan_of("a : cpus 4; b");
    RunSoFar so_far = run();
    so_far.waiting = {{"4 CPUs", "3 jobs that need 4 CPUs wait: no host has 4 CPUs free"}};
    so_far.waiting_written_s = 1e9;
    EXPECT_THAT(why_not_yet_text(so_far, "", plan_->templates[0], 0),
                HasSubstr("): 3 jobs that need 4 CPUs wait: no host has 4 CPUs free.\n"));
    EXPECT_THAT(why_not_yet_text(so_far, "", plan_->templates[1], 0),
                HasSubstr("): no job that needs 1 CPU waits, so this one runs.\n"));
}

TEST_F(Why, WhatTheTimeDidNotSufficeForIsToldWhenTheRunIsOver) {
    plan_ = plan_of("a; b");
    RunSoFar so_far = run();
    so_far.state = RunSoFar::State::ended;
    so_far.waiting = {
        {"1 CPU", "1 job of test/a was left for the next launch: one takes about 1 h, and 2 s were left", "test/a"}};
    so_far.waiting_written_s = 1e9;
    EXPECT_THAT(
        why_not_yet_text(so_far, "", plan_->templates[0], 0),
        HasSubstr("): 1 job of test/a was left for the next launch: one takes about 1 h, and 2 s were left.\n"));
    EXPECT_THAT(why_not_yet_text(so_far, "", plan_->templates[1], 0), Not(HasSubstr("As the run saw it")));
}

}  // namespace
}  // namespace penstock
