// Attempts that failed: when the next one is made, and where.
#include "support/router_fixture.hpp"

namespace penstock {
namespace {

using test::Lines;
using test::plan_of;

constexpr Nanoseconds kSecond = 1'000'000'000;

class RouterRetries : public test::RouterTest {
protected:
    void failed(std::uint32_t broker, std::uint32_t job, std::uint32_t attempt = 1, std::uint32_t of = 0) {
        msg::AttemptFailed m;
        m.jobs = {PipelineId(1), JobIndex(job), 1};
        m.job = TemplateIndex(of);
        m.attempt = attempt;
        m.past = {static_cast<std::uint16_t>(attempt), 0, broker, 0};
        m.record = ++records_[broker];
        m.busy_ns = 1000;
        m.error = "it broke";
        router_->on(m, broker, out_);
    }
    // Assignments at each moment at which something is due, until there is one.
    Lines next_assigned() {
        for (int looks = 0; looks < 10; ++looks) {
            if (Lines lines = assigned(); !lines.empty()) return lines;
            if (!router_->next_due()) return {};
            now_ = *router_->next_due();
        }
        return {"nothing in ten looks"};
    }
};

TEST_F(RouterRetries, TheJobComesBackAfterItsPauseWithTheNextNumber) {
    make({1});
    begin("a : retries 2");
    ready(0, 1, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1"}));
    failed(2, 0);
    EXPECT_EQ(router_->counts().assigned, 0u);
    EXPECT_EQ(router_->counts().retried, 1u);
    EXPECT_EQ(router_->counts().ended(), 0u);
    EXPECT_EQ(assigned(), Lines());
    const Nanoseconds due = router_->next_due().value();
    EXPECT_GE(due, kSecond / 4);
    EXPECT_LE(due, kSecond / 2);
    now_ = due - 1;
    EXPECT_EQ(assigned(), Lines());
    now_ = due;
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 2 after 1 failed, not at 2 slot 0"}));
    EXPECT_FALSE(router_->next_due());
}

TEST_F(RouterRetries, PausesDoubleUpToABound) {
    make({1});
    begin("a : retries 100");
    ready(0, 1, 0);
    assigned();
    Nanoseconds whole = kSecond / 2;
    for (std::uint32_t attempt = 1; attempt < 12; ++attempt) {
        const Nanoseconds at = now_;
        failed(2, 0, attempt);
        EXPECT_EQ(next_assigned().size(), 1u);
        EXPECT_GE(now_ - at, whole / 2) << attempt;
        EXPECT_LE(now_ - at, whole) << attempt;
        whole = std::min(2 * whole, Router::kLongestRetryDelay);
    }
}

TEST_F(RouterRetries, JobsThatFailTogetherComeBackOneByOne) {
    make({8});
    begin("a[8] : retries 1");
    ready(0, 8, 0);
    assigned();
    for (std::uint32_t job = 0; job < 8; ++job) failed(2, job);
    std::set<Nanoseconds> times;
    for (int i = 0; i < 8; ++i) {
        next_assigned();
        times.insert(now_);
    }
    EXPECT_GT(times.size(), 4u);
}

TEST_F(RouterRetries, AnotherBrokerIsTakenWhenItHasRoom) {
    make({2, 1});
    begin("a[3] : retries 1");
    ready(0, 3, 0);
    EXPECT_EQ(assigned().size(), 2u);  // two at 2, one at 3
    failed(2, 0);
    EXPECT_EQ(assigned(), Lines());
    now_ = router_->next_due().value();
    EXPECT_EQ(assigned(), Lines());  // 2 has room, but it failed there
    ended(3, 2);
    EXPECT_EQ(assigned(), (Lines{"3: Assign 1:0 t0 attempt 2 after 1 failed, not at 2 slot 0"}));
}

TEST_F(RouterRetries, ItDoesNotLookForAnotherBrokerForEver) {
    make({2, 1});
    begin("a[3] : retries 1");
    ready(0, 3, 0);
    assigned();
    failed(2, 0);
    EXPECT_EQ(assigned(), Lines());
    const Nanoseconds pause = router_->next_due().value();
    EXPECT_EQ(next_assigned(), (Lines{"2: Assign 1:0 t0 attempt 2 after 1 failed, not at 2 slot 0"}));
    EXPECT_EQ(now_, 2 * pause);
}

TEST_F(RouterRetries, AReservedJobGoesToAnotherHostToo) {
    make({4, 4});
    begin("a : cpus 4 retries 1");
    ready(0, 1, 0);
    EXPECT_EQ(assigned(), (Lines{"2: Assign 1:0 t0 attempt 1 reserved"}));
    failed(2, 0);
    EXPECT_EQ(next_assigned(), (Lines{"3: Assign 1:0 t0 attempt 2 reserved after 1 failed, not at 2 slot 0"}));
    // And gives its CPUs back there.
    ended(3, 0);
    EXPECT_EQ(router_->counts().assigned, 0u);
}

TEST_F(RouterRetries, AFanInWaitsAndThePipelineIsOverWhenEveryRecordIsDurable) {
    make({1, 1});
    begin("a : retries 1");
    ready(0, 1, 0);
    assigned();
    failed(2, 0);
    next_assigned();
    ended(3, 0);
    events_.take();
    durable(3, 1);
    EXPECT_EQ(events_.take(), Lines());  // the first attempt's record is at 2
    durable(2, 1);
    EXPECT_EQ(events_.take(), (Lines{"over 1"}));
}

TEST_F(RouterRetries, ADrainDoesNotWaitForThem) {
    make({1});
    begin("a : retries 1");
    ready(0, 1, 0);
    assigned();
    router_->drain(out_);
    out_.take();
    failed(2, 0);
    EXPECT_EQ(only("Stop").size(), 2u);
    EXPECT_FALSE(router_->next_due());
    EXPECT_EQ(router_->counts().failed, 0u);
}

TEST_F(RouterRetries, OnlyTheLastFailureCountsForFailFast) {
    Setup s = own_hosts({1});
    s.fail_fast = true;
    make(s);
    begin("a : retries 1");
    ready(0, 1, 0);
    assigned();
    failed(2, 0);
    EXPECT_FALSE(router_->draining());
    next_assigned();
    ended(2, 0, 1, false);
    EXPECT_TRUE(router_->draining());
}

TEST_F(RouterRetries, NonsenseIsCounted) {
    make({1});
    begin("a : retries 1");
    failed(2, 0);  // nothing is there
    failed(9, 0);
    failed(2, 7);
    ready(0, 1, 0);
    assigned();
    failed(2, 0, 1, 5);
    EXPECT_EQ(router_->counts().ignored, 4u);
    EXPECT_EQ(router_->counts().retried, 0u);
}

// ------------------------------------------------------------------------------------------ what waits

class RouterWaiting : public RouterRetries {
protected:
    // "jobs x CPUs: what" of each kind, the numbers of WaitingJobs::For in its order.
    Lines waiting() {
        static constexpr const char* kWords[] = {"slot", "cpus", "memory", "named", "pause", "elsewhere"};
        Lines lines;
        for (const WaitingJobs& w : router_->waiting()) {
            std::string line = std::to_string(w.jobs) + " x " + std::to_string(w.needs.cpus) + ": " +
                               kWords[static_cast<std::size_t>(w.what)];
            for (const std::string& name : w.named) line += " " + name;
            lines.push_back(line);
        }
        return lines;
    }
};

TEST_F(RouterWaiting, WhatIsShortIsTold) {
    Setup s = own_hosts({4, 4});
    s.named = {{"licence", 1}};
    for (HostDescription& h : s.hosts) h.memory_bytes = 100;
    make(s);
    begin("big : cpus 4; mem[3] : memory 60; lic[3] : named licence 1; one[9]");
    EXPECT_EQ(waiting(), Lines());
    ready(1, 3, 1);  // two fit, one on each host
    assigned();
    EXPECT_EQ(waiting(), (Lines{"1 x 1: memory"}));
    ready(4, 3, 2);
    assigned();
    EXPECT_EQ(waiting(), (Lines{"2 x 1: named licence", "1 x 1: memory"}));
    ready(0, 1, 0);
    assigned();
    EXPECT_EQ(waiting(), (Lines{"2 x 1: named licence", "1 x 1: memory", "1 x 4: cpus"}));
}

TEST_F(RouterWaiting, JobsThatFailedAreCountedWhileTheyPause) {
    make({2, 1});
    begin("a[4] : retries 1");
    ready(0, 4, 0);
    assigned();
    EXPECT_EQ(waiting(), (Lines{"1 x 1: slot"}));
    failed(2, 0);
    assigned();
    EXPECT_EQ(waiting(), (Lines{"1 x 1: pause"}));
    now_ = router_->next_due().value();
    assigned();
    EXPECT_EQ(waiting(), (Lines{"1 x 1: elsewhere"}));
}

}  // namespace
}  // namespace penstock
