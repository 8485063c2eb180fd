// Branches of one source that a merge lets wait: what comes meanwhile is kept, in memory and then on disk.
#include "sim/stream_plans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::numbers;
using test::plan_of;
using test::Random;
using test::source_of;
using test::StageScript;
using test::StreamNodes;
using test::text;
using ::testing::AllOf;
using ::testing::HasSubstr;

// source -> left, right -> both, a merge of the two
std::shared_ptr<const Plan> fork_into(Merge merge) {
    return plan_of({{"source", {}, StageForm::source},
                    {"left", {0}},
                    {"right", {0}, StageForm::map, 2, true},
                    {.name = "both", .from = {1, 2}, .merge = merge}});
}

// Each 100,000 bytes: far more of them than all links together may have.
StageScript large_items(std::int64_t n) {
    StageScript s;
    for (std::int64_t i = 0; i < n; ++i) s.source.push_back(Value(List{Value(i), Value(std::string(100'000, 'x'))}));
    return s;
}

StageScript only_the_number() {
    StageScript s;
    s.on_item = [](const Value& v) { return List{v.list().at(0)}; };
    return s;
}

class StreamBufferTest : public ::testing::TestWithParam<std::uint64_t> {
protected:
    Random random_{GetParam()};
};

TEST_P(StreamBufferTest, AForkIntoConcatKeepsTheSecondBranchUntilTheFirstHasEnded) {
    StreamNodes nodes(fork_into(Merge::concat), {{"source", large_items(400)}, {"left", only_the_number()}}, 3,
                      random_);
    nodes.hold("left");
    nodes.run();
    EXPECT_FALSE(nodes.all_ended());
    EXPECT_TRUE(nodes.stored["both"].items.empty());
    nodes.hold("");
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    const List& got = nodes.stored["both"].items;
    ASSERT_EQ(got.size(), 800u);
    EXPECT_TRUE(nodes.stored["both"].in_order);
    for (std::int64_t i = 0; i < 400; ++i) {
        EXPECT_EQ(got[static_cast<std::size_t>(i)], Value(i));
        EXPECT_EQ(got[static_cast<std::size_t>(400 + i)].list().at(0), Value(i));
    }
    for (const auto& e : nodes.ended) EXPECT_TRUE(e->succeeded) << e->error;
    EXPECT_EQ(nodes.ignored(), 0u);
}

TEST_P(StreamBufferTest, ABranchThatDropsNearlyAllDoesNotStopAZip) {
    StageScript few;
    few.on_item = [](const Value& v) { return v.int64() % 1000 == 999 ? List{v} : List{}; };
    StreamNodes nodes(fork_into(Merge::zip), {{"source", source_of(20'000)}, {"left", few}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    List expected;
    for (std::int64_t i = 0; i < 20; ++i) expected.push_back(Value(List{Value(i * 1000 + 999), Value(i)}));
    EXPECT_EQ(text(nodes.stored["both"].items), text(expected));
}

TEST_P(StreamBufferTest, InterleaveTakesOneOfEachInTurn) {
    StageScript none_of_the_first_half;
    none_of_the_first_half.on_item = [](const Value& v) { return v.int64() < 5000 ? List{} : List{v}; };
    StreamNodes nodes(fork_into(Merge::interleave), {{"source", source_of(10'000)}, {"left", none_of_the_first_half}},
                      2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    List expected;
    for (std::int64_t i = 0; i < 5000; ++i) {
        expected.push_back(Value(5000 + i));
        expected.push_back(Value(i));
    }
    for (std::int64_t i = 5000; i < 10'000; ++i) expected.push_back(Value(i));
    EXPECT_EQ(text(nodes.stored["both"].items), text(expected));
}

TEST_P(StreamBufferTest, WhatFailsBeforeABufferEndsTheStreamBehindIt) {
    StageScript picky;
    picky.raise = {700};
    StreamNodes nodes(fork_into(Merge::concat), {{"source", source_of(5000)}, {"right", picky}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    const List& got = nodes.stored["both"].items;
    EXPECT_EQ(text(got), text(numbers(static_cast<std::int64_t>(got.size()))))
        << "no more than the left branch has made";
    EXPECT_FALSE(nodes.ended.back()->succeeded);
}

TEST_P(StreamBufferTest, AStopForgetsWhatABufferHas) {
    StreamNodes nodes(fork_into(Merge::concat), {{"source", large_items(400)}}, 3, random_);
    nodes.hold("left");
    nodes.run();
    nodes.stop(false);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    for (const auto& e : nodes.ended) EXPECT_FALSE(e->succeeded);
}

TEST_P(StreamBufferTest, ADiskThatCannotBeWrittenFailsTheStreamAndNothingHangs) {
    const auto plan = fork_into(Merge::concat);
    StreamNodes nodes(plan, {{"source", large_items(400)}}, 3, random_, "/dev/null/spill");
    nodes.hold("left");
    nodes.run();
    nodes.hold("");
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    for (std::uint32_t j = 0; j < nodes.ended.size(); ++j) {
        if (plan->templates[plan->template_of(JobIndex(j)).value].name != "both@buffer1") continue;
        EXPECT_FALSE(nodes.ended[j]->succeeded);
        EXPECT_EQ(nodes.ended[j]->reason, EndReason::store);
        EXPECT_THAT(nodes.ended[j]->error,
                    AllOf(HasSubstr("items that wait for their turn cannot be written to /dev/null/spill"),
                          HasSubstr("put the results on a larger disk with -o")));
        return;
    }
    FAIL() << "there is no buffer";
}

INSTANTIATE_TEST_SUITE_P(Seeds, StreamBufferTest, ::testing::Range<std::uint64_t>(1, 6));

}  // namespace
}  // namespace penstock
