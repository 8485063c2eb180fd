#include "lanes_fixture.hpp"

#include <unistd.h>

#include <thread>

namespace penstock::testing {

namespace {

// Runs nothing: the test says when a job ends.
class FakeRunner : public ExternalRunner {
public:
    FakeRunner(ExternalDone done, std::function<void()> later) : done_(std::move(done)), later_(std::move(later)) {}

    void start(std::uint32_t lane, Ticket ticket) override {
        const std::scoped_lock lock(mutex_);
        started_.push_back(ticket.id);
        running_[ticket.id] = lane;
    }
    void cancel(std::uint32_t, std::uint64_t ticket, EndReason reason) override { end(ticket, reason); }
    void stop() override {
        std::vector<std::uint64_t> left;
        for (const auto& [ticket, lane] : running_) left.push_back(ticket);
        for (const std::uint64_t ticket : left) end(ticket, EndReason::cancelled);
    }

    void end(std::uint64_t ticket, EndReason reason) {
        Outcome outcome;
        outcome.ticket = ticket;
        outcome.succeeded = reason == EndReason::succeeded;
        outcome.details = std::make_unique<OutcomeDetails>();
        outcome.details->reason = reason;
        {
            const std::scoped_lock lock(mutex_);
            outcome.lane = running_.at(ticket);
            running_.erase(ticket);
        }
        done_(std::move(outcome));
        if (later_at_once) later_();
    }
    void later() { later_(); }
    std::vector<std::uint64_t> started() {
        const std::scoped_lock lock(mutex_);
        return started_;
    }

    bool later_at_once = true;

private:
    ExternalDone done_;
    std::function<void()> later_;
    std::mutex mutex_;
    std::vector<std::uint64_t> started_;
    std::map<std::uint64_t, std::uint32_t> running_;
};

using Ids = std::vector<std::uint64_t>;

}  // namespace

class ExternalLanes : public LanesTest {
protected:
    ExternalLanes() {
        options_.external = [this](const LaneOptions&, ExternalDone done, std::function<void()> later) {
            auto made = std::make_unique<FakeRunner>(std::move(done), std::move(later));
            runner_ = made.get();
            return made;
        };
    }
    FakeRunner* runner_ = nullptr;
};

TEST_F(ExternalLanes, OneAfterAnotherStartedAtOnceWithoutThePump) {
    const auto outside = one_job("outside");
    run(0, ticket(outside), ticket(outside), ticket(outside));
    run(1, ticket(outside));
    EXPECT_EQ(runner_->started(), (Ids{1, 4})) << "one a lane";
    runner_->end(1, EndReason::succeeded);
    EXPECT_EQ(runner_->started(), (Ids{1, 4, 2})) << "nobody drained in between";
    runner_->end(2, EndReason::exit_code);
    runner_->end(4, EndReason::succeeded);
    runner_->end(3, EndReason::succeeded);
    const auto outcomes = collect(4);
    EXPECT_EQ(outcomes[0].ticket, 1u);
    EXPECT_EQ(outcomes[1].details->reason, EndReason::exit_code);
}

TEST_F(ExternalLanes, TheEndOfOneThatHasOthersBehindItWakesThePumpLater) {
    const auto outside = one_job("outside");
    run(0, ticket(outside), ticket(outside), ticket(outside));
    runner_->later_at_once = false;
    runner_->end(1, EndReason::succeeded);
    EXPECT_EQ(wakes_, 0) << "there are two more";
    runner_->later();
    EXPECT_EQ(wakes_, 1);
    runner_->later();
    EXPECT_EQ(wakes_, 1) << "it has been told";
    EXPECT_EQ(collect(1)[0].ticket, 1u);
    runner_->later();
    EXPECT_EQ(wakes_, 1) << "there is nothing new";
    runner_->end(2, EndReason::succeeded);
    EXPECT_EQ(wakes_, 2) << "there is one more only";
}

TEST_F(ExternalLanes, CancelTakeBackAndStopReachThem) {
    const auto outside = one_job("outside");
    run(0, ticket(outside), ticket(outside), ticket(outside));
    lanes().cancel(0, 1, EndReason::timeout);
    EXPECT_EQ(collect(1)[0].details->reason, EndReason::timeout);
    EXPECT_EQ(runner_->started(), (Ids{1, 2}));
    const auto back = lanes().take_back(0);
    ASSERT_EQ(back.size(), 1u);
    EXPECT_EQ(back[0].id, 3u);
    run(0, ticket(outside));
    lanes().stop();
    std::map<std::uint64_t, EndReason> ends;
    for (const Outcome& outcome : collect(2)) ends[outcome.ticket] = outcome.details->reason;
    EXPECT_EQ(ends, (std::map<std::uint64_t, EndReason>{{2, EndReason::cancelled}, {4, EndReason::cancelled}}));
    EXPECT_EQ(runner_->started(), (Ids{1, 2})) << "nothing starts once it stops";
}

TEST_F(ExternalLanes, MixWithJobsOfOtherKindsInOrder) {
    fork_zygote();
    TestPlan plan;
    plan.job("o", "outside", Isolation::process)
        .job("i", "pid", Isolation::in_line)
        .job("p", "pid", Isolation::process);
    const auto context = plan.context();
    run(0, ticket(context, 2), ticket(context, 0), ticket(context, 1), ticket(context, 0), ticket(context, 2));
    EXPECT_EQ(collect(1)[0].ticket, 1u);
    while (runner_->started() != Ids{2}) std::this_thread::yield();
    runner_->end(2, EndReason::succeeded);
    EXPECT_EQ(collect(2)[1].ticket, 3u);
    while (runner_->started() != Ids{2, 4}) std::this_thread::yield();
    runner_->end(4, EndReason::succeeded);
    const auto outcomes = collect(2);
    EXPECT_EQ(outcomes[0].ticket, 4u);
    EXPECT_EQ(outcomes[1].ticket, 5u);
}

}  // namespace penstock::testing
