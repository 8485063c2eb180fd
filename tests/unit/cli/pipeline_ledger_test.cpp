// Counterparts of pypelinin's tests of its manager: add, id, errors, all pipelines; and finished, wait.
#include "cli/pipeline_ledger.hpp"

#include "fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace penstock {
namespace {

using State = PipelineStatus::State;

struct Ledger : testing::Test {
    PipelineNumber start(const std::string& name, const std::string& instance = "") {
        return ledger.start({plan_named(name), instance, {}},
                            [this](Submission s) { return feed.submit(std::move(s)); });
    }
    void end(PipelineNumber number, std::uint64_t failed = 0) {
        tell_ended(ledger, PipelineId(number.value), feed.submitted.at(number.value - 1), failed);
    }
    std::vector<std::uint32_t> numbers(PipelineLedger::Which which) const {
        std::vector<std::uint32_t> out;
        for (const PipelineStatus& status : ledger.list(which)) out.push_back(status.number.value);
        return out;
    }

    FakeFeed feed;
    PipelineLedger ledger;
    const PipelineLedger::Stopping stopping = [this] { return feed.stopping(); };
};

TEST_F(Ledger, AStartedPipelineHasANumberOfItsOwn) {
    EXPECT_EQ(start("a").value, 1u);
    EXPECT_EQ(start("b").value, 2u);
    EXPECT_EQ(start("b", "x=1").value, 3u);
    const PipelineStatus status = ledger.status(PipelineNumber{3});
    EXPECT_EQ(status.name, "b");
    EXPECT_EQ(status.instance, "x=1");
    EXPECT_EQ(status.jobs, 1u);
    EXPECT_EQ(status.state, State::running);
}

TEST_F(Ledger, AllStartedAndFinishedPipelinesAreListedInOrder) {
    for (const char* name : {"a", "b", "c"}) start(name);
    end(PipelineNumber{2});
    using Which = PipelineLedger::Which;
    EXPECT_THAT(numbers(Which::all), testing::ElementsAre(1, 2, 3));
    EXPECT_THAT(numbers(Which::running), testing::ElementsAre(1, 3));
    EXPECT_THAT(numbers(Which::finished), testing::ElementsAre(2));
}

TEST_F(Ledger, AForeignPipelineIsAnError) {
    start("a");
    EXPECT_THROW(ledger.status(PipelineNumber{7}), PipelineError);
    EXPECT_THROW(ledger.wait(PipelineNumber{7}, stopping), PipelineError);
    EXPECT_THROW(ledger.plan(PipelineNumber{0}), PipelineError);
    EXPECT_EQ(ledger.find("b", ""), std::nullopt);
    EXPECT_EQ(ledger.find("a", ""), PipelineNumber{1});
}

TEST_F(Ledger, TheOutcomeIsTold) {
    const PipelineNumber good = start("good");
    const PipelineNumber bad = start("bad");
    end(good);
    end(bad, 1);
    EXPECT_EQ(ledger.wait(good, stopping).state, State::succeeded);
    const PipelineStatus status = ledger.wait(bad, stopping);
    EXPECT_EQ(status.state, State::failed);
    EXPECT_EQ(status.failed, 1u);
    EXPECT_EQ(status.duration_s, 0.5);
    EXPECT_EQ(status.name, "bad");
}

TEST_F(Ledger, APipelineThatEndsBeforeStartReturnsIsNotMissed) {
    feed.on_submit = [this](PipelineId id, const Submission& submission) { tell_ended(ledger, id, submission); };
    for (int i = 0; i < 100; ++i) {
        const PipelineNumber number = start("p" + std::to_string(i));
        EXPECT_TRUE(ledger.status(number).finished());
        EXPECT_EQ(ledger.wait(number, stopping).state, State::succeeded);
    }
    EXPECT_EQ(ledger.finished(), 100u);
}

TEST_F(Ledger, PipelinesOfOthersAreNotRemembered) {
    Submission foreign{plan_named("foreign"), "", {}};
    tell_ended(ledger, PipelineId(1), foreign);
    const PipelineNumber mine = start("mine");
    EXPECT_EQ(mine.value, 1u) << "the fake feed counts from 1: the same number as the foreign one's";
    EXPECT_FALSE(ledger.status(mine).finished());
}

TEST_F(Ledger, WaitingWakesWhenThePumpTells) {
    std::vector<PipelineNumber> all;
    for (int i = 0; i < 50; ++i) all.push_back(start("p" + std::to_string(i)));
    std::thread pump([&] {
        for (auto number = all.rbegin(); number != all.rend(); ++number) end(*number);
    });
    for (const PipelineNumber number : all) EXPECT_EQ(ledger.wait(number, stopping).state, State::succeeded);
    pump.join();
    EXPECT_EQ(ledger.wait_all(stopping).size(), 50u);
}

TEST_F(Ledger, WaitAnyReturnsEachOnceInOrderOfTheirEnd) {
    EXPECT_EQ(ledger.wait_any(stopping), std::nullopt) << "nothing was started";
    for (const char* name : {"a", "b", "c"}) start(name);
    end(PipelineNumber{3});
    end(PipelineNumber{1});
    EXPECT_EQ(ledger.wait_any(stopping)->name, "c");
    EXPECT_EQ(ledger.wait_any(stopping)->name, "a");
    std::thread pump([&] { end(PipelineNumber{2}); });
    EXPECT_EQ(ledger.wait_any(stopping)->name, "b");
    pump.join();
    EXPECT_EQ(ledger.wait_any(stopping), std::nullopt);
}

TEST_F(Ledger, WaitingEndsWhenTheRunDoes) {
    const PipelineNumber number = start("a");
    feed.stops = true;
    EXPECT_THROW(ledger.wait(number, stopping), RunStopped);
    EXPECT_THROW(ledger.wait_any(stopping), RunStopped);
    EXPECT_THROW(ledger.wait_all(stopping), RunStopped);
    end(number);
    EXPECT_EQ(ledger.wait(number, stopping).state, State::succeeded) << "what has finished is told all the same";
}

TEST_F(Ledger, AStartThatFailsLeavesNothingBehind) {
    feed.stops = true;
    EXPECT_THROW(start("a"), FeedStopped);
    EXPECT_TRUE(ledger.list(PipelineLedger::Which::all).empty());
    feed.stops = false;
    EXPECT_EQ(start("a").value, 1u);
}

}  // namespace

// For messages of failed expectations.
void PrintTo(const PipelineStatus& status, std::ostream* out) { *out << status.name; }
bool operator==(const PipelineStatus& a, const PipelineStatus& b) { return a.number == b.number && a.state == b.state; }

}  // namespace penstock
