#include "run/told_to_end.hpp"

#include "exec/signal_text.hpp"

#include <gtest/gtest.h>

#include <signal.h>

namespace penstock {
namespace {

constexpr Nanoseconds kPatience = ToldToEnd::kSignalPatience;

class ToldToEndTest : public ::testing::Test {
protected:
    static Outcome failed(std::uint64_t ticket, EndReason reason, int number, Nanoseconds started,
                          Nanoseconds finished) {
        Outcome o;
        o.ticket = ticket;
        o.succeeded = false;
        o.started = started;
        o.finished = finished;
        o.details = std::make_unique<OutcomeDetails>();
        o.details->reason = reason;
        (reason == EndReason::signal ? o.details->signal : o.details->exit_code) = number;
        return o;
    }
    static Outcome killed(int signal, Nanoseconds started = 100, Nanoseconds finished = 200) {
        return failed(1, EndReason::signal, signal, started, finished);
    }
    // Tickets that can be judged then.
    std::vector<std::uint64_t> sorted(std::vector<Outcome> outcomes, Nanoseconds now) {
        told_.sort(outcomes, now);
        std::vector<std::uint64_t> tickets;
        for (const Outcome& o : outcomes) tickets.push_back(o.ticket);
        return tickets;
    }
    static std::vector<Outcome> one(Outcome outcome) {
        std::vector<Outcome> all;
        all.push_back(std::move(outcome));
        return all;
    }

    std::atomic<Nanoseconds> signal_at_{0};
    ToldToEnd told_{&signal_at_};
};

TEST_F(ToldToEndTest, WithoutASignalAnAttemptThatWasKilledHasFailed) {
    Outcome o = killed(SIGTERM);
    EXPECT_FALSE(told_.was_ended(o));
    EXPECT_FALSE(ToldToEnd(nullptr).was_ended(o));
}

TEST_F(ToldToEndTest, WhatRanWhenTheRankWasSignalledAndDiedHasNot) {
    signal_at_ = 150;
    for (const int number : {SIGTERM, SIGINT, SIGUSR1, SIGKILL}) {
        Outcome o = killed(number);
        EXPECT_TRUE(told_.was_ended(o)) << number;
        EXPECT_NE(o.details->error.find("rank was sent a stop signal"), std::string::npos) << o.details->error;
    }
    for (const int code : {1, 143, 130}) {
        Outcome o = failed(1, EndReason::exit_code, code, 100, 200);
        EXPECT_TRUE(told_.was_ended(o)) << code;
    }
}

TEST_F(ToldToEndTest, WhatStartedAfterwardsIsJudgedAsEver) {
    signal_at_ = 150;
    Outcome o = killed(SIGTERM, 151);
    EXPECT_FALSE(told_.was_ended(o));
    EXPECT_EQ(sorted(one(killed(SIGTERM, 151)), 200), std::vector<std::uint64_t>{})
        << "another signal may be on its way";
    EXPECT_EQ(sorted({}, 200 + kPatience), std::vector<std::uint64_t>{1});
}

TEST_F(ToldToEndTest, OtherFailuresAreTheJobsOwn) {
    signal_at_ = 150;
    for (const EndReason reason :
         {EndReason::exception, EndReason::timeout, EndReason::memory, EndReason::bad_output}) {
        Outcome o = failed(1, reason, 0, 100, 200);
        EXPECT_FALSE(told_.was_ended(o)) << end_reason_name(reason);
    }
    Outcome said = failed(1, EndReason::exception, 0, 100, 200);
    said.details->error = "tar was killed by " + signal_text(SIGTERM);
    EXPECT_TRUE(told_.was_ended(said)) << "what it ran for itself was ended";
    Outcome good;
    EXPECT_FALSE(told_.was_ended(good));
}

TEST_F(ToldToEndTest, WhatTheRunItselfEndedHasNotFailed) {
    Outcome o = failed(1, EndReason::cancelled, 0, 100, 200);
    EXPECT_TRUE(told_.was_ended(o));
}

TEST_F(ToldToEndTest, OneThatIsSeenDeadBeforeTheRanksSignalIsKeptForAMoment) {
    EXPECT_TRUE(sorted(one(killed(SIGTERM)), 210).empty());
    EXPECT_TRUE(sorted({}, 220).empty());
    signal_at_ = 230;
    std::vector<Outcome> outcomes;
    told_.sort(outcomes, 240);
    ASSERT_EQ(outcomes.size(), 1u);
    EXPECT_TRUE(told_.was_ended(outcomes[0]));
    EXPECT_TRUE(sorted({}, 250).empty());
}

TEST_F(ToldToEndTest, WithoutASignalItIsJudgedAfterThatMoment) {
    EXPECT_TRUE(sorted(one(failed(7, EndReason::exit_code, 128 + SIGTERM, 100, 200)), 210).empty());
    EXPECT_TRUE(sorted({}, 199 + kPatience).empty());
    std::vector<Outcome> outcomes;
    told_.sort(outcomes, 200 + kPatience);
    ASSERT_EQ(outcomes.size(), 1u);
    EXPECT_EQ(outcomes[0].ticket, 7u);
    EXPECT_FALSE(told_.was_ended(outcomes[0]));
}

TEST_F(ToldToEndTest, AllElseIsJudgedAtOnceAndInItsOrder) {
    std::vector<Outcome> all;
    for (std::uint64_t i = 1; i <= 6; ++i) {
        Outcome good;
        good.ticket = i;
        all.push_back(i == 3   ? failed(3, EndReason::signal, SIGTERM, 100, 200)
                      : i == 4 ? failed(4, EndReason::signal, SIGSEGV, 100, 200)
                      : i == 5 ? failed(5, EndReason::exit_code, 1, 100, 200)
                               : std::move(good));
    }
    EXPECT_EQ(sorted(std::move(all), 210), (std::vector<std::uint64_t>{1, 2, 4, 5, 6}));
}

TEST_F(ToldToEndTest, AStageThatFailsAfterTheSignalHasBeenEndedWhateverItSays) {
    const Outcome o = failed(1, EndReason::exception, 0, 100, 200);
    EXPECT_FALSE(told_.stage_was_ended(o));
    signal_at_ = 150;
    EXPECT_TRUE(told_.stage_was_ended(o));
    signal_at_ = 99;
    EXPECT_FALSE(told_.stage_was_ended(o)) << "the stream began after it";
}

}  // namespace
}  // namespace penstock
