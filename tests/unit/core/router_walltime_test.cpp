// The end of the launch is known: what does not start any more, and what is ended.
#include "support/router_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::plan_of;
using test::sent;

constexpr Nanoseconds kSecond = 1'000'000'000;

class RouterWalltime : public test::RouterTest {
protected:
    void make_until(Nanoseconds ends_at, const std::vector<std::uint32_t>& slots = {1}) {
        const Setup s = own_hosts(slots);
        RouterOptions options;
        options.pipeliners = s.pipeliners;
        options.brokers = s.brokers;
        options.hosts = HostLedger(s.hosts, s.named);
        options.ends_at = ends_at;
        router_ = std::make_unique<Router>(std::move(options), events_);
    }
    std::shared_ptr<Plan> plan_with_timeout(std::string_view graph, double timeout_s) {
        auto plan = plan_of(graph);
        for (JobTemplate& t : plan->templates) t.timeout_s = timeout_s;
        return plan;
    }
    void begin_plan(const std::shared_ptr<Plan>& plan) {
        submit(plan);
        out_.take();
    }
    void was_ended(std::uint32_t broker, std::uint32_t job) {
        msg::AttemptFailed m;
        m.jobs = {PipelineId(1), JobIndex(job), 1};
        m.record = ++records_[broker];
        m.told_to_end = true;
        router_->on(m, broker, out_);
    }
    // What happens by time alone, up to then: messages of each look.
    Lines pass_until(Nanoseconds until) {
        Lines all;
        for (int looks = 0; looks < 1000; ++looks) {
            const auto due = router_->next_due();
            if (!due || *due > until) break;
            now_ = std::max(now_, *due);
            for (std::string& line : scheduled()) all.push_back(std::move(line));
        }
        now_ = std::max(now_, until);
        return all;
    }
};

TEST_F(RouterWalltime, WithoutAnEndNothingIsDue) {
    make_until(0);
    begin_plan(plan_with_timeout("a", 1e6));
    ready(0, 1, 0);
    EXPECT_EQ(assigned().size(), 1u);
    EXPECT_FALSE(router_->next_due());
}

TEST_F(RouterWalltime, AJobOfUnknownLengthStarts) {
    make_until(kSecond);
    begin("a");
    ready(0, 1, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
    EXPECT_EQ(router_->next_due(), kSecond);
}

TEST_F(RouterWalltime, ATimeoutThatIsLongerThanWhatIsLeftKeepsAJobFromStarting) {
    make_until(100 * kSecond);
    begin_plan(plan_with_timeout("a; b", 100));
    now_ = 1;
    ready(0, 1, 0);
    ready(1, 1, 1);
    EXPECT_EQ(assigned(), Lines());
    const auto waiting = router_->waiting();
    ASSERT_EQ(waiting.size(), 2u);
    EXPECT_EQ(waiting[0].what, WaitingJobs::For::time);
    EXPECT_EQ(waiting[0].jobs, 1u);
    EXPECT_EQ(waiting[0].job, "test/a");
    EXPECT_EQ(waiting[0].likely_s, 100);
    EXPECT_NEAR(waiting[0].left_s, 100, 1e-6);
}

TEST_F(RouterWalltime, WhatSuchJobsTookCountsMoreThanTheirTimeout) {
    make_until(100 * kSecond);
    begin_plan(plan_with_timeout("a[40]", 50));
    router_->close(out_);
    ready(0, 40, 0);
    EXPECT_EQ(assigned().size(), 1u);
    int started = 1;
    for (std::uint32_t job = 0; now_ < 94 * kSecond; ++job) {
        now_ += 4 * kSecond;
        ended(2, job, 1, true, 4 * kSecond);
        started += static_cast<int>(assigned().size());
    }
    // The last one starts at 92 s: at 96 s, 6 s are too long.
    EXPECT_EQ(started, 24);
    EXPECT_EQ(router_->waiting().at(0).jobs, 16u);
    EXPECT_EQ(router_->waiting().at(0).likely_s, 6);
    EXPECT_EQ(router_->waiting().at(0).left_s, 4);
}

TEST_F(RouterWalltime, ItDrainsWhenNothingElseIsLeft) {
    make_until(100 * kSecond);
    begin_plan(plan_with_timeout("a", 200));
    router_->close(out_);
    ready(0, 1, 0);
    EXPECT_EQ(scheduled(), Lines());
    EXPECT_FALSE(router_->draining());
    EXPECT_EQ(pass_until(Router::kNothingElse - 1), Lines());
    EXPECT_EQ(pass_until(Router::kNothingElse), (Lines{"2: Stop", "1: Stop"}));
    EXPECT_TRUE(router_->out_of_time());
}

// While nothing ran it had begun to wait for the moment to drain: that must not stay due.
TEST_F(RouterWalltime, NothingIsDueAnyMoreOnceWhatWasPutOffIsGivenOut) {
    make_until(100 * kSecond);
    auto plan = plan_of("a; b");
    plan->templates[0].worker = plan->templates[1].worker = "same";
    plan->templates[1].timeout_s = 200;
    begin_plan(plan);
    router_->close(out_);
    ready(0, 1, 0);
    ready(1, 1, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
    now_ = kSecond / 2;
    ended(2, 0, 1, true, kSecond / 2);
    EXPECT_EQ(scheduled(), Lines());
    now_ = Router::kNothingElse;
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:1 t1 attempt 1"}));
    EXPECT_EQ(router_->next_due(), 100 * kSecond);
}

TEST_F(RouterWalltime, WhatIsPutOffLaterDoesNotKeepItFromLookingAgainAtWhatWasBefore) {
    make_until(100 * kSecond);
    auto plan = plan_of("a; b; c");
    plan->templates[0].worker = plan->templates[1].worker = "same";
    plan->templates[1].timeout_s = plan->templates[2].timeout_s = 200;
    begin_plan(plan);
    ready(0, 1, 0);
    ready(1, 1, 1);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
    now_ = kSecond / 2;
    ended(2, 0, 1, true, kSecond / 2);
    ready(2, 1, 2);
    EXPECT_EQ(scheduled(), Lines());
    now_ = Router::kNothingElse;
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:1 t1 attempt 1"}));
}

TEST_F(RouterWalltime, ItWaitsLongerForWhatIsStillToBeSubmitted) {
    make_until(100 * kSecond);
    begin_plan(plan_with_timeout("a", 200));
    ready(0, 1, 0);
    EXPECT_EQ(scheduled(), Lines());
    EXPECT_EQ(pass_until(Router::kNothingSubmitted - 1), Lines());
    submit("b", 2);
    out_.take();
    ready(0, 1, 0, msg::kNobody, 2);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 2:0 t0 attempt 1"}));
    EXPECT_EQ(pass_until(2 * Router::kNothingSubmitted), Lines());
    EXPECT_FALSE(router_->draining());
}

TEST_F(RouterWalltime, OtherJobsGoOnBesideThoseThatDoNotFit) {
    make_until(100 * kSecond, {2});
    auto plan = plan_of("long[3]; wide : cpus 2; short[3]");
    plan->templates[0].timeout_s = 200;
    plan->templates[1].timeout_s = 200;
    begin_plan(plan);
    router_->close(out_);
    ready(0, 3, 0);
    ready(3, 1, 1);
    ready(4, 3, 2);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:[4,6) t2 attempt 1"}));
    ended(2, 4);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:6 t2 attempt 1"}));
    ended(2, 5);
    EXPECT_EQ(pass_until(10 * kSecond), Lines()) << "one still runs";
    ended(2, 6);
    now_ = 11 * kSecond;
    EXPECT_EQ(scheduled(), Lines());
    EXPECT_EQ(pass_until(13 * kSecond).size(), 2u) << "two times Stop";
    EXPECT_TRUE(router_->draining());
    EXPECT_EQ(router_->waiting().size(), 2u);
}

TEST_F(RouterWalltime, JobsThatTurnOutToBeShortStartAfterAll) {
    make_until(100 * kSecond, {1, 1});
    begin("a[100]");
    router_->close(out_);
    ready(0, 2, 0);
    EXPECT_EQ(assigned().size(), 2u);
    ended(2, 0, 1, true, 68 * kSecond);
    now_ = 1;
    ready(2, 98, 0);
    EXPECT_EQ(assigned(), Lines()) << "102 s, by what is known";
    ended(3, 1, 1, true, kSecond);
    EXPECT_EQ(pass_until(2 * kSecond).size(), 2u) << "96 s";
    EXPECT_FALSE(router_->draining());
}

TEST_F(RouterWalltime, AtTheEndWhatRunsIsEnded) {
    make_until(100 * kSecond, {1, 1});
    begin("a[5]");
    ready(0, 5, 0);
    EXPECT_EQ(assigned().size(), 2u);
    EXPECT_EQ(pass_until(100 * kSecond - 1), Lines());
    EXPECT_EQ(pass_until(100 * kSecond),
              (Lines{"2: Recall 4294967295", "3: Recall 4294967295", "2: Recall 4294967295 end-running",
                     "3: Recall 4294967295 end-running"}));
    EXPECT_TRUE(router_->out_of_time());
    was_ended(2, 0);
    was_ended(3, 1);
    EXPECT_EQ(sent(out_), (Lines{"2: Stop", "3: Stop", "1: Stop"}));
    EXPECT_EQ(router_->counts().cut_short, 2u);
    EXPECT_EQ(router_->counts().retried, 0u);
    EXPECT_FALSE(router_->next_due());
}

TEST_F(RouterWalltime, ADrainEndsAtTheEndToo) {
    make_until(100 * kSecond);
    begin("a[5]");
    ready(0, 5, 0);
    assigned();
    router_->drain(out_);
    out_.take();
    EXPECT_EQ(router_->next_due(), 100 * kSecond);
    EXPECT_EQ(pass_until(100 * kSecond), (Lines{"2: Recall 4294967295 end-running"}));
}

TEST_F(RouterWalltime, ARunThatIsDoneIsNotCalledShortOfTime) {
    make_until(100 * kSecond);
    begin("a");
    router_->close(out_);
    ready(0, 1, 0);
    assigned();
    ended(2, 0);
    out_.take();
    EXPECT_EQ(pass_until(100 * kSecond), Lines()) << "only its record is not durable yet";
    EXPECT_FALSE(router_->out_of_time());
}

TEST_F(RouterWalltime, AJobThatFailedAndWouldNotEndInTimeIsNotTriedAgain) {
    make_until(100 * kSecond, {1, 1});
    auto plan = plan_with_timeout("a : retries 5", 60);
    begin_plan(plan);
    router_->close(out_);
    ready(0, 1, 0);
    assigned();
    now_ = 50 * kSecond;
    msg::AttemptFailed m;
    m.jobs = {PipelineId(1), JobIndex(0), 1};
    m.past = {1, 0, 2, 0};
    m.record = ++records_[2];
    router_->on(m, 2, out_);
    EXPECT_EQ(scheduled(), Lines());
    EXPECT_EQ(pass_until(60 * kSecond), (Lines{"2: Stop", "3: Stop", "1: Stop"}));
    EXPECT_EQ(router_->waiting().at(0).what, WaitingJobs::For::time);
}

TEST_F(RouterWalltime, AJobThatPausesAndWouldEndInTimeIsWaitedFor) {
    make_until(100 * kSecond);
    auto plan = plan_of("a : retries 9; b");
    plan->templates[0].timeout_s = 10;
    plan->templates[1].timeout_s = 200;
    begin_plan(plan);
    router_->close(out_);
    ready(0, 1, 0);
    ready(1, 1, 1);
    assigned();
    msg::AttemptFailed m;
    m.jobs = {PipelineId(1), JobIndex(0), 1};
    m.attempt = 5;
    m.past = {5, 0, 2, 0};
    m.record = ++records_[2];
    router_->on(m, 2, out_);
    EXPECT_EQ(scheduled(), Lines());
    EXPECT_EQ(pass_until(2 * Router::kNothingElse), Lines()) << "the fifth pause is longer";
    EXPECT_FALSE(router_->draining());
    EXPECT_EQ(pass_until(10 * kSecond), (Lines{"2: Assign 1:0 t0 attempt 6 after 5 failed, not at 2 slot 0"}));
}

TEST_F(RouterWalltime, BrokersAskAgainOnceAFollowerMightNotFit) {
    make_until(100 * kSecond);
    auto plan = plan_of("a[2]; b[2]; a -> b : twin");
    find_followers(*plan);
    plan->templates[1].timeout_s = 30;
    begin_plan(plan);
    ready(0, 2, 0);
    EXPECT_EQ(assigned().size(), 1u);
    EXPECT_EQ(pass_until(70 * kSecond), Lines());
    EXPECT_EQ(pass_until(71 * kSecond), (Lines{"2: Recall 0 no-followers"}));
    EXPECT_EQ(pass_until(99 * kSecond), Lines()) << "once";
}

TEST_F(RouterWalltime, ToldTwiceToStopItEndsWhatRuns) {
    make_until(0, {1, 1});
    begin("a[5]");
    ready(0, 5, 0);
    assigned();
    ended(2, 0);
    router_->drain(out_);
    out_.take();
    router_->end_now(out_);
    EXPECT_EQ(sent(out_), (Lines{"3: Recall 4294967295 end-running"}));
    router_->end_now(out_);
    EXPECT_EQ(sent(out_), Lines());
    EXPECT_FALSE(router_->out_of_time());
    was_ended(3, 1);
    EXPECT_EQ(only("Stop").size(), 3u);
}

TEST_F(RouterWalltime, ToldTwiceToStopItEndsReservedJobsToo) {
    make_until(0, {2, 2});
    begin("a : cpus 2");
    ready(0, 1, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1 reserved"}));
    router_->drain(out_);
    out_.take();
    router_->end_now(out_);
    EXPECT_EQ(sent(out_), (Lines{"2: Recall 4294967295 end-running"}));
}

}  // namespace
}  // namespace penstock
