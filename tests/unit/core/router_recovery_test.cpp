#include "support/router_fixture.hpp"

#include <algorithm>

namespace penstock {
namespace {

using test::Lines;

// A router whose driver is told what is durable by the test.
class RouterRecovery : public test::RouterTest {
protected:
    static constexpr std::uint32_t kSpare = 0;

    Lines lose(std::uint32_t rank) {
        router_->lose(rank, out_);
        return test::sent(out_);
    }
    void withdrawn(std::uint32_t broker, std::uint32_t epoch, std::vector<JobRun> running = {},
                   std::vector<JobRun> held = {}) {
        router_->on(msg::Withdrawn{PipelineId(1), epoch, std::move(running), std::move(held)}, broker, out_);
    }
    Lines rebuilt(std::uint32_t epoch, const JobHistory& history) {
        router_->rebuilt(PipelineId(1), epoch, history, out_);
        return test::sent(out_);
    }
    Lines restarted(std::uint32_t epoch, std::uint32_t from = kPipeliner) {
        router_->on(msg::Restarted{PipelineId(1), epoch}, from, out_);
        return test::sent(out_);
    }
    static JobRun jobs(std::uint32_t first, std::uint32_t count = 1) { return {PipelineId(1), JobIndex(first), count}; }
    static JobHistory kept(std::vector<JobHistory::Kept> kept, std::vector<JobHistory::Tried> tried = {}) {
        return {std::move(kept), std::move(tried), {}};
    }
    void failed(std::uint32_t broker, std::uint32_t job) {
        msg::AttemptFailed m;
        m.jobs = jobs(job);
        m.record = ++records_[broker];
        m.past = {1, 0, broker, 0};
        router_->on(m, broker, out_);
    }
    // One run of two jobs at each of two brokers, and two that wait.
    void two_brokers_at_work() {
        make({2, 2});
        begin("a[6]");
        ready(0, 6, 0);
        EXPECT_EQ(assigned(), (Lines{"2: Assign 1:[0,2) t0 attempt 1", "3: Assign 1:[2,4) t0 attempt 1"}));
    }
};

TEST_F(RouterRecovery, WhatWasAtALostRankRunsElsewhere) {
    two_brokers_at_work();
    EXPECT_EQ(lose(3), (Lines{"2: Withdraw 1 epoch 1 pipeliner 1"}));
    EXPECT_EQ(router_->counts().assigned, 2u);
    EXPECT_EQ(assigned(), Lines()) << "nothing before it is known what there is";
    withdrawn(2, 1, {jobs(0, 2)});
    EXPECT_EQ(rebuilt(1, kept({{2, 1}}, {{2, 1, 1}})),
              (Lines{"1: Restart 1 of plan 1 epoch 1: 1 succeeded, 0 failed, running [0,2)"}));
    EXPECT_EQ(router_->counts().succeeded, 1u);
    EXPECT_EQ(restarted(1), (Lines{"2: Continue 1 epoch 1"}));
    router_->on(msg::Ready{jobs(3), TemplateIndex(0), 2}, kPipeliner, out_);
    router_->on(msg::Ready{jobs(4, 2), TemplateIndex(0), 1}, kPipeliner, out_);
    EXPECT_EQ(assigned(), Lines()) << "the broker that is left is busy";
    ended(2, 0, 2);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:3 t0 attempt 2 after 1 lost ranks", "2: Assign 1:4 t0 attempt 1"}));
    EXPECT_FALSE(router_->recovering());
}

TEST_F(RouterRecovery, StaleMessagesOfItsPipelinerAreNotHeard) {
    two_brokers_at_work();
    lose(3);
    router_->on(msg::Ready{jobs(4), TemplateIndex(0), 1}, kPipeliner, out_);
    skipped(5, 1, 0);
    withdrawn(2, 1);
    rebuilt(1, kept({{0, 4}}));
    EXPECT_EQ(router_->counts().skipped, 0u);
    EXPECT_EQ(restarted(0), Lines()) << "of another epoch";
    EXPECT_EQ(restarted(1), (Lines{"2: Continue 1 epoch 1"}));
    EXPECT_EQ(assigned(), Lines()) << "what was told before is told again, or is not true any more";
}

TEST_F(RouterRecovery, AnEndThatIsOnItsWayCountsOnce) {
    two_brokers_at_work();
    lose(3);
    withdrawn(2, 1, {jobs(0, 2)});
    rebuilt(1, kept({{0, 2}, {4, 2}}));  // they have become durable since
    EXPECT_EQ(router_->counts().succeeded, 2u) << "0 and 1 are still to be told";
    restarted(1);
    ended(2, 0, 2);
    EXPECT_EQ(router_->counts().succeeded, 4u);
}

TEST_F(RouterRecovery, ASecondLossBeginsItAnew) {
    make({1, 1, 1});
    begin("a[3]");
    ready(0, 3, 0);
    scheduled();
    EXPECT_EQ(lose(3), (Lines{"2: Withdraw 1 epoch 1 pipeliner 1", "4: Withdraw 1 epoch 1 pipeliner 1"}));
    withdrawn(2, 1, {jobs(0)});
    EXPECT_EQ(lose(4), (Lines{"2: Withdraw 1 epoch 2 pipeliner 1"}));
    withdrawn(2, 1);
    EXPECT_EQ(rebuilt(1, kept({})), Lines()) << "an answer to a question that is out of date";
    withdrawn(2, 2, {jobs(0)});
    const Lines lines = rebuilt(2, kept({}));
    EXPECT_EQ(lines, (Lines{"1: Restart 1 of plan 1 epoch 2: 0 succeeded, 0 failed, running 0"}));
}

TEST_F(RouterRecovery, LostAttemptsAreRecordedAndTheirNumbersUsedUp) {
    two_brokers_at_work();
    lose(3);
    withdrawn(2, 1, {jobs(0, 2)});
    events_.take();
    rebuilt(1, kept({}));
    EXPECT_EQ(events_.take(), (Lines{"lost 1: 2 attempt 1 with 3", "lost 1: 3 attempt 1 with 3", "rebuilt 1: 0"}));
    restarted(1);
}

TEST_F(RouterRecovery, AJobUnderWhichRanksDieIsGivenUp) {
    Setup s = own_hosts({2, 2, 2});
    s.crash_limit = 2;
    make(s);
    begin("a[1]");
    ready(0, 1, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
    lose(2);
    rebuilt(1, kept({}));
    restarted(1);
    router_->on(msg::Ready{jobs(0), TemplateIndex(0), 2}, kPipeliner, out_);
    ASSERT_EQ(only("").size(), 0u);
    const Lines second = assigned();
    ASSERT_EQ(second.size(), 1u);
    events_.take();
    lose(static_cast<std::uint32_t>(second[0][0] - '0'));
    EXPECT_EQ(rebuilt(2, kept({}, {{0, 1, 1}})),
              (Lines{"1: Restart 1 of plan 1 epoch 2: 0 succeeded, 1 failed, running nothing"}));
    EXPECT_EQ(router_->counts().failed, 1u);
    const Lines told = events_.take();
    EXPECT_TRUE(std::any_of(told.begin(), told.end(), [](const std::string& line) {
        return line.find("lost 1: 0 attempt 2") == 0 && line.find("for good") != std::string::npos;
    }));
}

TEST_F(RouterRecovery, BeforeAJobIsGivenUpItRunsApartFromOthersUnderSuspicion) {
    Setup s = own_hosts({2, 2, 2});
    s.crash_limit = 2;
    make(s);
    begin("a[2]");
    ready(0, 2, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:[0,2) t0 attempt 1"}));
    lose(2);
    rebuilt(1, kept({}));
    restarted(1);
    router_->on(msg::Ready{jobs(0, 2), TemplateIndex(0), 2}, kPipeliner, out_);
    EXPECT_EQ(assigned(), (Lines{"3: Assign 1:0 t0 attempt 2 after 1 lost ranks",
                                 "4: Assign 1:1 t0 attempt 2 after 1 lost ranks"}));
}

TEST_F(RouterRecovery, ALostPipelinersPipelinesGoToAnother) {
    Setup s = one_host({2});
    s.pipeliners = {1, 7};
    make(s);
    submit("a[1]");
    submit("a[1]");
    out_.take();
    EXPECT_EQ(lose(1), Lines()) << "no broker has anything of it";
    EXPECT_EQ(rebuilt(1, kept({})), (Lines{"7: Restart 1 of plan 1 epoch 1: 0 succeeded, 0 failed, running nothing"}));
    router_->on(msg::Restarted{PipelineId(1), 1}, 7, out_);
    router_->on(msg::Ready{jobs(0), TemplateIndex(0), 1}, 7, out_);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
}

TEST_F(RouterRecovery, RankZeroIsSpareForTheLastPipeliner) {
    Setup s = one_host({2});
    s.spare_pipeliner = kSpare;
    make(s);
    begin("a[1]");
    lose(1);
    EXPECT_EQ(rebuilt(1, kept({})), (Lines{"0: StartPlan 1: 1 templates, 1 jobs, 0 edges",
                                           "0: Restart 1 of plan 1 epoch 1: 0 succeeded, 0 failed, running nothing"}));
}

TEST_F(RouterRecovery, WithoutBrokersTheRunEnds) {
    two_brokers_at_work();
    lose(2);
    events_.take();
    lose(3);
    EXPECT_EQ(events_.take(), (Lines{"cannot go on: no rank is left that runs jobs"}));
    EXPECT_TRUE(router_->draining());
    EXPECT_TRUE(router_->over());
}

TEST_F(RouterRecovery, ADrainLetsWhatRunsEnd) {
    two_brokers_at_work();
    lose(3);
    router_->drain(out_);
    EXPECT_EQ(only("Continue"), (Lines{"2: Continue 1 epoch 1"}));
    ended(2, 0, 2);
    EXPECT_TRUE(router_->stopping());
    bye(2);
    EXPECT_TRUE(router_->over()) << "nobody waits for the lost one's farewell";
}

TEST_F(RouterRecovery, WhatWasDroppedBeforeADrainIsNotWaitedFor) {
    two_brokers_at_work();
    lose(3);
    router_->drain(out_);
    withdrawn(2, 1, {jobs(0)});  // it was asked before, and has dropped what had not started
    EXPECT_EQ(router_->counts().assigned, 1u);
    EXPECT_FALSE(router_->stopping());
    ended(2, 0, 1);
    EXPECT_TRUE(router_->stopping());
    EXPECT_EQ(router_->counts().ignored, 0u);
}

TEST_F(RouterRecovery, APipelineThatHadEndedButWasNotDurableGoesOn) {
    make({1, 1});
    begin("a[2]");
    ready(0, 2, 0);
    scheduled();
    ended(2, 0);
    ended(3, 1);
    durable(2, 1);
    out_.take();
    events_.take();
    EXPECT_EQ(lose(3), (Lines{"2: Withdraw 1 epoch 1 pipeliner 1"})) << "it has forgotten it, but says what is durable";
    withdrawn(2, 1);
    EXPECT_EQ(rebuilt(1, kept({{0, 1}})),
              (Lines{"1: Restart 1 of plan 1 epoch 1: 1 succeeded, 0 failed, running nothing"}));
    restarted(1);
    router_->on(msg::Ready{jobs(1), TemplateIndex(0), 2}, kPipeliner, out_);
    const Lines again = assigned();
    EXPECT_EQ(again, (Lines{"2: Assign 1:1 t0 attempt 2"}));
    ended(2, 1);
    durable(2, 2);
    router_->own_records_durable(1, out_);  // of the attempt that was lost
    const Lines told = events_.take();
    EXPECT_EQ(std::count(told.begin(), told.end(), "over 1"), 1);
}

// What had ended at the first one was durable, and did not matter; then what had ended at the second one did.
TEST_F(RouterRecovery, NobodyWaitsForARankThatWasLostWhileThePipelineOnlyWaitedForAnother) {
    make({1, 1, 1});
    begin("a[3]");
    ready(0, 3, 0);
    scheduled();
    ended(2, 0);
    ended(3, 1);
    ended(4, 2);
    router_->on(msg::Durable{1}, 2, out_);
    router_->on(msg::Durable{1}, 3, out_);
    test::sent(out_);
    EXPECT_EQ(lose(3), Lines()) << "all that ended there is durable";
    EXPECT_EQ(lose(4), (Lines{"2: Withdraw 1 epoch 1 pipeliner 1"}));
    withdrawn(2, 1);
    EXPECT_EQ(rebuilt(1, kept({{0, 2}})),
              (Lines{"1: Restart 1 of plan 1 epoch 1: 2 succeeded, 0 failed, running nothing"}));
}

// A turn may hear of a failed attempt and of a loss.
TEST_F(RouterRecovery, AJobThatHasJustFailedIsWithdrawnToo) {
    make({1, 1});
    begin("a[2] : retries 2");
    ready(0, 2, 0);
    scheduled();
    failed(2, 0);
    lose(3);
    withdrawn(2, 1);
    rebuilt(1, kept({}, {{0, 1, 1}}));
    restarted(1);
    for (int second = 0; second < 100; ++second) {
        now_ += 1'000'000'000;
        EXPECT_EQ(assigned(), Lines()) << "it is told ready again";
    }
    router_->on(msg::Ready{jobs(0), TemplateIndex(0), 2}, kPipeliner, out_);
    Lines lines = assigned();
    for (int second = 0; second < 100 && lines.empty(); ++second) {
        now_ += 1'000'000'000;
        lines = assigned();
    }
    EXPECT_EQ(lines, (Lines{"2: Assign 1:0 t0 attempt 2 after 1 failed, not at 2 slot 0"}));
}

// Neither is durable, and the one that has been lost first is the later one.
TEST_F(RouterRecovery, OfSeveralLostAttemptsOfAJobAllNumbersAreUsedUp) {
    make({1, 1, 1});
    begin("a : retries 2");
    ready(0, 1, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
    failed(2, 0);
    Lines lines;
    for (int second = 0; second < 100 && lines.empty(); ++second) {
        now_ += 1'000'000'000;
        lines = assigned();
    }
    ASSERT_EQ(lines, (Lines{"3: Assign 1:0 t0 attempt 2 after 1 failed, not at 2 slot 0"}));
    lose(3);
    lose(2);
    out_.take();
    router_->rebuilt(PipelineId(1), 2, kept({}), out_);
    std::uint32_t used = 0;
    for (const Envelope& e : out_.take())
        if (const auto* m = std::get_if<PipelinerMessage>(&e.message))
            if (const auto* restart = std::get_if<msg::Restart>(m)) used = restart->history->attempts_of(0);
    EXPECT_EQ(used, 2u);
}

// The record of the first lost attempt need not be durable when the second rank is lost.
TEST_F(RouterRecovery, NumbersThatOneLossUsedUpStayUsedUpAfterTheNext) {
    make({1, 1, 1});
    begin("a[3]");
    ready(0, 3, 0);
    EXPECT_EQ(assigned(),
              (Lines{"2: Assign 1:0 t0 attempt 1", "3: Assign 1:1 t0 attempt 1", "4: Assign 1:2 t0 attempt 1"}));
    lose(2);
    withdrawn(3, 1, {jobs(1)});
    withdrawn(4, 1, {jobs(2)});
    rebuilt(1, kept({}));
    restarted(1);
    lose(3);
    withdrawn(4, 2, {jobs(2)});
    router_->rebuilt(PipelineId(1), 2, kept({}), out_);
    const auto restarts = test::sent_of<msg::Restart, PipelinerMessage>(out_);
    ASSERT_EQ(restarts.size(), 1u);
    EXPECT_EQ(restarts[0].history->attempts_of(0), 1u);
    EXPECT_EQ(restarts[0].history->attempts_of(1), 1u);
    EXPECT_EQ(restarts[0].history->attempts_of(2), 0u) << "it runs";
}

// Which of them ran is not known: no job is suspected because it waited behind others.
TEST_F(RouterRecovery, ARankThatHadMoreJobsThanSlotsIsLostUnderNone) {
    make({1, 1});
    begin("a[40]");
    ready(0, 2, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1", "3: Assign 1:1 t0 attempt 1"}));
    ended(2, 0, 1, true, 1'000'000);
    ended(3, 1, 1, true, 1'000'000);
    durable(3, 1);
    ready(2, 38, 0);
    const Lines ahead = assigned();
    ASSERT_GT(std::count_if(ahead.begin(), ahead.end(), [](const std::string& line) { return line[0] == '3'; }), 1);
    lose(3);
    withdrawn(2, 1);
    rebuilt(1, kept({{0, 2}}));
    restarted(1);
    router_->on(msg::Ready{jobs(2, 38), TemplateIndex(0), 2}, kPipeliner, out_);
    const Lines again = assigned();
    EXPECT_FALSE(again.empty());
    for (const std::string& line : again) EXPECT_EQ(line.find("lost ranks"), std::string::npos) << line;
}

TEST_F(RouterRecovery, AnAttemptThatHadEndedAndWasNotDurableIsLostToo) {
    two_brokers_at_work();
    ended(3, 2);
    ended(3, 3);
    durable(3, 1);
    lose(3);
    withdrawn(2, 1, {jobs(0, 2)});
    events_.take();
    rebuilt(1, kept({{2, 1}}));
    EXPECT_EQ(events_.take(), (Lines{"lost 1: 3 attempt 1 with 3", "rebuilt 1: 1"}));
}

TEST_F(RouterRecovery, WhatALostRankHoldsIsNotFetchedFromIt) {
    make({1, 1});
    begin("a[2] => b[2]");
    ready(0, 2, 0);
    scheduled();
    ended(2, 0);
    ended(3, 1);
    ready(2, 1, 1, 3);
    scheduled();
    lose(3);
    withdrawn(2, 1);
    rebuilt(1, kept({{0, 2}}));
    restarted(1);
    router_->on(msg::Ready{jobs(2), TemplateIndex(1), 2, 3, true}, kPipeliner, out_);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:2 t1 attempt 2 to be located after 1 lost ranks"}));
}

TEST_F(RouterRecovery, WhatIsLeftMustHoldTheJobsThatAreLeft) {
    make(own_hosts({1, 4}));
    auto plan = test::plan_of("a[1]");
    plan->templates[0].resources.cpus = 4;
    submit(plan);
    ready(0, 1, 0);
    scheduled();
    lose(3);
    rebuilt(1, kept({}));
    restarted(1);
    events_.take();
    router_->on(msg::Ready{jobs(0), TemplateIndex(0), 2}, kPipeliner, out_);
    scheduled();
    EXPECT_EQ(events_.take(),
              (Lines{"cannot go on: what is left of the launch cannot hold jobs that are still to run"}));
}

// Its last chance is apart from others, but not at another broker than the one where it failed when there is none.
TEST_F(RouterRecovery, ALastChanceMayBeWhereTheJobFailed) {
    Setup s = own_hosts({1, 1});
    s.crash_limit = 2;
    make(s);
    begin("a[1]");
    ready(0, 1, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
    lose(2);
    rebuilt(1, kept({}));
    restarted(1);
    router_->on(msg::Ready{jobs(0), TemplateIndex(0), 2}, kPipeliner, out_);
    EXPECT_EQ(assigned(), (Lines{"3: Assign 1:0 t0 attempt 2 after 1 lost ranks"}));
    msg::AttemptFailed failed;
    failed.jobs = jobs(0);
    failed.attempt = 2;
    failed.record = 1;
    failed.past = {1, 0, 3, 0, 1};
    router_->on(failed, 3, out_);
    std::size_t tries = 0;
    for (int second = 0; second < 10; ++second) {
        now_ += 1'000'000'000;
        tries += assigned().size();
    }
    EXPECT_EQ(tries, 1u);
}

TEST_F(RouterRecovery, ALastChanceThatFitsNowhereIsNotWaitedFor) {
    Setup s = own_hosts({1, 4});
    s.crash_limit = 2;
    make(s);
    auto plan = test::plan_of("a[1]");
    plan->templates[0].resources.cpus = 4;
    submit(plan);
    ready(0, 1, 0);
    scheduled();
    lose(3);
    rebuilt(1, kept({}));
    restarted(1);
    events_.take();
    router_->on(msg::Ready{jobs(0), TemplateIndex(0), 2}, kPipeliner, out_);
    scheduled();
    EXPECT_EQ(events_.take(),
              (Lines{"cannot go on: what is left of the launch cannot hold jobs that are still to run"}));
}

}  // namespace
}  // namespace penstock
