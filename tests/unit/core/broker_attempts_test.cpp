// Attempts that fail at a broker: which are tried again, and what is told of them.
#include "support/broker_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::sent;

class BrokerAttempts : public test::BrokerTest {
protected:
    JobEnd fail(std::uint32_t lane, bool crashed = false) {
        return broker_->ended(host_.pop(lane), {false, 5, crashed, "it broke"}, out_);
    }
    // Failed so often before, the last time at `slot` of this broker.
    void assign_again(std::uint32_t job, std::uint32_t failed, std::uint32_t slot, std::uint32_t crashed = 0) {
        msg::Assign again{jobs(job), TemplateIndex(0)};
        again.attempt = failed + 1;
        again.past = {static_cast<std::uint16_t>(failed), static_cast<std::uint16_t>(crashed), kSelf, slot};
        on(again);
    }
};

TEST_F(BrokerAttempts, AFailureWithRetriesLeftIsToldToTheRouterAlone) {
    make(1, "a : retries 2");
    assign(0, 1, 0);
    settled();
    const JobEnd end = fail(0);
    EXPECT_EQ(end.next, NextAttempt::yes);
    settled();
    EXPECT_EQ(sent(out_),
              (Lines{"0: AttemptFailed 1:0 t0 attempt 1 record 1 busy 5 ns after 1 failed, not at 5 slot 0: "
                     "it broke"}));
    EXPECT_EQ(broker_->records(), 1u);
    EXPECT_EQ(broker_->running(), 0u);
}

TEST_F(BrokerAttempts, TheLastFailureEndsTheJob) {
    make(1, "a : retries 2");
    assign_again(0, 2, 0);
    settled();
    EXPECT_EQ(fail(0).next, NextAttempt::no_retries);
    settled();
    EXPECT_EQ(sent(out_), (Lines{"1: Ended 1:0 failed attempt 3 records 1 busy 5 ns: it broke",
                                 "0: Ended 1:0 failed attempt 3 records 1 busy 5 ns: it broke"}));
}

TEST_F(BrokerAttempts, ASuccessEndsTheJobWhateverWasBefore) {
    make(1, "a : retries 2");
    assign_again(0, 1, 0);
    settled();
    end(0, true, 7);
    settled();
    EXPECT_EQ(sent(out_), (Lines{"1: Ended 1:0 succeeded attempt 2 records 1 busy 7 ns",
                                 "0: Ended 1:0 succeeded attempt 2 records 1 busy 7 ns"}));
}

TEST_F(BrokerAttempts, WhatEndedBeforeIsToldBefore) {
    make(1, "a[2] : retries 1");
    assign(0, 2, 0);
    settled();
    end(0, true, 5);
    broker_->settle(out_);
    out_.take();
    fail(0);
    settled();
    EXPECT_EQ(sent(out_).size(), 1u);
}

// The router learns of a follower by the end of what it follows: told the other way round, it would know of no job that
// has failed.
TEST_F(BrokerAttempts, WhatEndedInTheSameTurnIsToldBeforeToo) {
    make(2, "a[2] : retries 1");
    assign(0, 2, 0);
    settled();
    end(0, true, 5);
    fail(1);
    settled();
    EXPECT_EQ(sent(out_), (Lines{"1: Ended 1:0 succeeded attempt 1 records 1 busy 5 ns",
                                 "0: Ended 1:0 succeeded attempt 1 records 1 busy 5 ns",
                                 "0: AttemptFailed 1:1 t0 attempt 1 record 2 busy 5 ns after 1 failed, not at 5 slot "
                                 "1: it broke"}));
}

TEST_F(BrokerAttempts, CrashesInARowEndAJobThatHasRetriesLeft) {
    make(1, "a : retries 9");
    assign_again(0, 2, 0, 2);
    settled();
    EXPECT_EQ(fail(0, true).next, NextAttempt::crash_limit);
    settled();
    EXPECT_EQ(sent(out_).front(), "1: Ended 1:0 failed attempt 3 records 1 busy 5 ns: it broke");
}

TEST_F(BrokerAttempts, AFailureBetweenCrashesBeginsTheirCountAnew) {
    make(1, "a : retries 9");
    assign_again(0, 2, 0, 2);
    settled();
    EXPECT_EQ(fail(0, false).next, NextAttempt::yes);
    settled();
    EXPECT_EQ(sent(out_),
              (Lines{"0: AttemptFailed 1:0 t0 attempt 3 record 1 busy 5 ns after 3 failed, not at 5 slot 0: "
                     "it broke"}));
}

TEST_F(BrokerAttempts, AnotherSlotIsTakenWhenOneIsFree) {
    make(2, "a[3] : retries 1");
    assign_again(0, 1, 0);
    EXPECT_EQ(settled(), (Lines{"start in lane 1: 0"}));
    assign_again(1, 1, 0);  // the only free one is where it failed: better than none
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 1"}));
}

TEST_F(BrokerAttempts, TheSlotItFailedInTakesWhatIsBehindIt) {
    make(2, "a[3] : retries 1");
    assign_again(0, 1, 0);
    assign(1, 1, 0);
    EXPECT_EQ(settled(), (Lines{"start in lane 0: 1", "start in lane 1: 0"}));
}

TEST_F(BrokerAttempts, AReservedJobGetsAnotherLane) {
    make(1, "a : retries 1 cpus 2");
    msg::Assign again{jobs(0), TemplateIndex(0)};
    again.reserved = true;
    on(again);
    EXPECT_EQ(host_.take(), (Lines{"start in lane 1: 0"}));
    fail(1);
    again.past = {1, 0, kSelf, 1};
    on(again);
    EXPECT_EQ(settled(), (Lines{"start in lane 2: 0"}));
}

TEST_F(BrokerAttempts, WhatIsGivenBackKeepsWhatIsKnownOfIt) {
    make(1, "a[2] : retries 1");
    assign(0, 1, 0);
    settled();
    assign_again(1, 1, 0);
    on(msg::Recall{1});
    EXPECT_EQ(sent(out_), (Lines{"0: Returned 1:1 t0 attempt 2 after 1 failed, not at 5 slot 0"}));
}

TEST_F(BrokerAttempts, AFollowerThatFailsIsTriedAgain) {
    make(1, "a -> b", true);
    plan_->templates[1].retries = 1;
    assign(0, 1, 0);
    settled();
    const JobEnd first = end(0, true, 5);
    ASSERT_TRUE(first.follow);
    broker_->follow(first);
    settled();
    out_.take();
    fail(0);
    settled();
    EXPECT_EQ(sent(out_),
              (Lines{"0: AttemptFailed 1:1 t1 attempt 1 holder 5 record 2 busy 5 ns after 1 failed, not at 5 "
                     "slot 0: it broke"}));
}

// ------------------------------------------------------------------------------------------ ended from outside

TEST_F(BrokerAttempts, WhatWasToldToEndHasNotFailed) {
    make(1, "a");
    assign(0, 1, 0);
    settled();
    AttemptEnd how{false, 5, true, "SIGTERM"};
    how.told_to_end = true;
    EXPECT_EQ(broker_->ended(host_.pop(0), how, out_).next, NextAttempt::yes) << "though it has no retries";
    settled();
    EXPECT_EQ(sent(out_), (Lines{"0: AttemptFailed 1:0 t0 attempt 1 record 1 busy 5 ns told to end: SIGTERM"}));
}

TEST_F(BrokerAttempts, WhatRunsIsEndedOnceWhenTheRunIsToEndNow) {
    make(2, "a[9]; wide : cpus 4");
    assign(0, 9, 0);
    on(msg::Assign{jobs(9), TemplateIndex(1), 1, msg::kNobody, true, true});
    settled();
    on(msg::Recall{0xffffffff});
    settled();
    EXPECT_EQ(host_.ended_, (std::vector<std::uint32_t>{}));
    out_.take();
    on(msg::Recall{0xffffffff, true});
    settled();
    EXPECT_EQ(host_.ended_, (std::vector<std::uint32_t>{9, 0, 1}));
    settled();
    EXPECT_EQ(host_.ended_.size(), 3u);
}

TEST_F(BrokerAttempts, AReservedJobWhoseInputsComeAfterwardsIsEndedAtOnce) {
    make(2, "a; wide : cpus 4; a => wide");
    on(msg::Assign{jobs(1), TemplateIndex(1), 1, 7, true, true});
    settled();
    on(msg::Recall{0xffffffff, true});
    settled();
    EXPECT_TRUE(host_.ended_.empty());
    broker_->inputs_arrived(host_.fetched(1));
    settled();
    EXPECT_EQ(host_.ended_, (std::vector<std::uint32_t>{1}));
}

TEST_F(BrokerAttempts, NobodyFollowsOnceTheRouterWantsToBeAsked) {
    make(1, "a -> b", true);
    assign(0, 1, 0);
    settled();
    on(msg::Recall{0, false, true});
    EXPECT_EQ(sent(out_), Lines());
    EXPECT_FALSE(end(0).follow);
}

}  // namespace
}  // namespace penstock
