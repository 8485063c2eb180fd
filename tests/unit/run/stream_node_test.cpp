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
using ::testing::EndsWith;
using ::testing::HasSubstr;

class StreamNodesTest : public ::testing::TestWithParam<std::uint64_t> {
protected:
    Random random_{GetParam()};
};

TEST_P(StreamNodesTest, ItemsReachTheResultsInOrder) {
    StageScript twice;
    twice.on_item = [](const Value& v) { return List{v, v}; };
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source}, {"twice", {0}, StageForm::generator, 3, true}}),
                      {{"source", source_of(1000)}, {"twice", twice}}, 3, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    List expected;
    for (std::int64_t i = 0; i < 1000; ++i)
        for (int k = 0; k < 2; ++k) expected.push_back(Value(i));
    EXPECT_EQ(text(nodes.stored["twice"].items), text(expected));
    EXPECT_TRUE(nodes.stored["twice"].in_order);
    for (const auto& e : nodes.ended) EXPECT_TRUE(e->succeeded) << e->error;
    EXPECT_EQ(nodes.ignored(), 0u);
}

TEST_P(StreamNodesTest, AFoldSeesEveryItemAndSaysWhatCameOfThem) {
    StageScript sum;
    sum.finish = [](const List& seen) {
        std::int64_t total = 0;
        for (const Value& v : seen) total += v.int64();
        return List{Value(total), Value(static_cast<std::int64_t>(seen.size()))};
    };
    StreamNodes nodes(
        plan_of({{"source", {}, StageForm::source, 2}, {"map", {0}, StageForm::map, 4}, {"sum", {1}, StageForm::fold}}),
        {{"source", source_of(5000)}, {"sum", sum}}, 4, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(text(nodes.stored["sum"].items), text((List{Value(5000 * 4999 / 2), Value(5000)})));
}

TEST_P(StreamNodesTest, AForkGivesEveryBranchEveryItem) {
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source}, {"a", {0}}, {"b", {0}, StageForm::map, 2, true}}),
                      {{"source", source_of(700)}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(text(nodes.stored["a"].items), text(numbers(700)));
    EXPECT_EQ(text(nodes.stored["b"].items), text(numbers(700)));
}

TEST_P(StreamNodesTest, EveryStageCountsItsItems) {
    StageScript odd;  // drops the even ones
    odd.on_item = [](const Value& v) { return v.int64() % 2 == 0 ? List{} : List{v}; };
    odd.raise = {7, 9};
    StageScript twice;
    twice.on_item = [](const Value& v) { return List{v, v}; };
    StageScript sum;
    sum.finish = [](const List& seen) { return List{Value(static_cast<std::int64_t>(seen.size()))}; };
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source, 2},
                               {"odd", {0}, StageForm::map, 3, false, OnError::skip},
                               {"twice", {1}, StageForm::generator, 2},
                               {"sum", {2}, StageForm::fold}}),
                      {{"source", source_of(1000)}, {"odd", odd}, {"twice", twice}, {"sum", sum}}, 3, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    const auto& counts = nodes.counts;
    EXPECT_EQ(counts.at("source").items_in, 0u);
    EXPECT_EQ(counts.at("source").items_out, 1000u);
    EXPECT_EQ(counts.at("odd").items_in, 1000u);
    EXPECT_EQ(counts.at("odd").dropped, 500u);
    EXPECT_EQ(counts.at("odd").skipped, 2u);
    EXPECT_EQ(counts.at("odd").failed, 0u);
    EXPECT_EQ(counts.at("odd").items_out, 498u);
    EXPECT_EQ(counts.at("odd").bytes_in, counts.at("source").bytes_out);
    EXPECT_EQ(counts.at("twice").items_in, 498u);
    EXPECT_EQ(counts.at("twice").items_out, 996u);
    EXPECT_EQ(counts.at("twice").dropped, 0u);
    EXPECT_EQ(counts.at("sum").items_in, 996u);
    EXPECT_EQ(counts.at("sum").items_out, 1u);
    EXPECT_EQ(counts.at("sum@results").items_in, 1u);
    Nanoseconds busy = 0;
    for (const auto& [stage, c] : counts) {
        busy += c.busy;
        EXPECT_LE(c.blocked + c.starved, c.alive) << stage;
        EXPECT_GT(c.alive, 0) << stage;
    }
    EXPECT_EQ(busy, static_cast<Nanoseconds>(nodes.tickets) * StreamNodes::kTicketTime);
    EXPECT_FALSE(nodes.went_back);
}

TEST_P(StreamNodesTest, WhatFailsAndWhatIsRetriedIsCounted) {
    StageScript shaky;
    shaky.raise = {3};
    StreamNodes nodes(
        plan_of({{"source", {}, StageForm::source}, {"shaky", {0}, StageForm::map, 1, false, OnError::retry, 2}}),
        {{"source", source_of(10)}, {"shaky", shaky}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(nodes.counts.at("shaky").retried, 2u);
    EXPECT_EQ(nodes.counts.at("shaky").failed, 1u);
    EXPECT_EQ(nodes.counts.at("shaky").items_out, 3u);
}

TEST_P(StreamNodesTest, AnItemThatFailsIsSkippedWhenAsked) {
    for (const bool dies : {false, true}) {
        StageScript picky;
        (dies ? picky.crash : picky.raise) = {0, 7, 8, 299};
        StreamNodes nodes(plan_of({{"source", {}, StageForm::source},
                                   {"picky", {0}, StageForm::map, 2, true, OnError::skip},
                                   {"next", {1}, StageForm::map, 2, true}}),
                          {{"source", source_of(300)}, {"picky", picky}}, 3, random_);
        nodes.run();
        ASSERT_TRUE(nodes.all_ended());
        List expected;
        for (std::int64_t i = 0; i < 300; ++i)
            if (!(dies ? picky.crash : picky.raise).contains(i)) expected.push_back(Value(i));
        EXPECT_EQ(text(nodes.stored["next"].items), text(expected));
        for (const auto& e : nodes.ended) EXPECT_TRUE(e->succeeded) << e->error;
        const std::string logs = nodes.ended[1]->log + nodes.ended[2]->log;
        EXPECT_EQ(std::count(logs.begin(), logs.end(), '\n'), 4);
        EXPECT_THAT(logs, HasSubstr(dies ? " was skipped: it was ended by SIGSEGV" : " was skipped: cannot do it"));
    }
}

TEST_P(StreamNodesTest, ARetriedItemTakesItsPlace) {
    for (const bool dies : {false, true}) {
        StageScript moody;
        (dies ? moody.crash : moody.raise) = {3, 4, 150};
        moody.calm_after = 3;
        StreamNodes nodes(
            plan_of({{"source", {}, StageForm::source}, {"moody", {0}, StageForm::map, 3, true, OnError::retry, 2}}),
            {{"source", source_of(200)}, {"moody", moody}}, 2, random_);
        nodes.run();
        ASSERT_TRUE(nodes.all_ended());
        EXPECT_EQ(text(nodes.stored["moody"].items), text(numbers(200)));
    }
}

TEST_P(StreamNodesTest, AnItemThatFailsEndsTheStreamAfterTheResultsBeforeIt) {
    for (const bool dies : {false, true}) {
        StageScript picky;
        (dies ? picky.crash : picky.raise) = {120};
        StageScript sum;
        sum.finish = [](const List&) { return List{Value("never")}; };
        StreamNodes nodes(
            plan_of({{"source", {}, StageForm::source}, {"picky", {0}}, {"keep", {1}}, {"sum", {1}, StageForm::fold}}),
            {{"source", source_of(3000)}, {"picky", picky}, {"sum", sum}}, 3, random_);
        nodes.run();
        ASSERT_TRUE(nodes.all_ended());
        EXPECT_EQ(text(nodes.stored["keep"].items), text(numbers(120))) << "all good results, and none after them";
        EXPECT_TRUE(nodes.stored["sum"].items.empty()) << "a fold of a part of its input is no result";
        ASSERT_TRUE(nodes.ended[1]);
        EXPECT_FALSE(nodes.ended[1]->succeeded);
        EXPECT_EQ(nodes.ended[1]->error, dies ? "item 120: it was ended by SIGSEGV" : "item 120: cannot do it");
        EXPECT_EQ(nodes.ended[1]->reason, dies ? EndReason::signal : EndReason::exception);
        for (std::size_t j = 2; j < nodes.ended.size(); ++j) EXPECT_FALSE(nodes.ended[j]->succeeded) << j;
        EXPECT_EQ(nodes.ended[2]->reason, EndReason::cancelled);
        EXPECT_THAT(nodes.ended[2]->error, HasSubstr("the stream was stopped"));
    }
}

// Not by the number that it had where it came from: two inputs have items of the same numbers.
TEST_P(StreamNodesTest, AnItemOfAMergeIsCalledByItsNumberAmongAllThatTheStageSees) {
    StageScript more, picky;
    for (std::int64_t i = 0; i < 30; ++i) more.source.push_back(Value(1000 + i));
    picky.raise = {1017};
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source},
                               {"more", {}, StageForm::source},
                               {.name = "picky", .from = {0, 1}, .merge = Merge::concat}}),
                      {{"source", source_of(40)}, {"more", more}, {"picky", picky}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(nodes.ended[2]->error, "item 57: cannot do it");
}

TEST_P(StreamNodesTest, ARetryThatNeverSucceedsEndsTheStream) {
    StageScript stubborn;
    stubborn.raise = {5};
    StreamNodes nodes(
        plan_of({{"source", {}, StageForm::source}, {"stubborn", {0}, StageForm::map, 1, false, OnError::retry, 3}}),
        {{"source", source_of(50)}, {"stubborn", stubborn}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(nodes.ended[1]->error, "item 5: cannot do it");
    EXPECT_EQ(text(nodes.stored["stubborn"].items), text(numbers(5)));
}

TEST_P(StreamNodesTest, ACrashedFoldFailsTheStream) {
    StageScript sum;
    sum.crash = {99};
    sum.finish = [](const List&) { return List{Value("never")}; };
    StreamNodes nodes(
        plan_of({{"source", {}, StageForm::source}, {"sum", {0}, StageForm::fold, 1, false, OnError::skip}}),
        {{"source", source_of(200)}, {"sum", sum}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_FALSE(nodes.ended[1]->succeeded);
    EXPECT_TRUE(nodes.stored["sum"].items.empty());
}

TEST_P(StreamNodesTest, WorkersGetItemsWithoutWaitingForOneAnotherHoweverLargeTheyAre) {
    List blocks;
    for (int i = 0; i < 40; ++i) blocks.push_back(Value(std::string(300'000, 'x')));
    StageScript source;
    source.source = blocks;
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source}, {"map", {0}, StageForm::map, 4}}),
                      {{"source", source}, {"map", {}}}, 2, random_);
    nodes.hold("map");
    nodes.run();
    EXPECT_EQ(nodes.held_lanes(), 4u) << "each has something to do before any is done with anything";
    nodes.hold("");
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(nodes.stored["map"].items.size(), 40u);
}

TEST_P(StreamNodesTest, NothingSpinsWhileTheWriterIsFull) {
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source}, {"map", {0}}}), {{"source", source_of(20'000)}}, 2,
                      random_);
    nodes.disk_is_slow = true;
    nodes.run();  // returns only when no node says that it has something to do
    EXPECT_FALSE(nodes.all_ended());
    EXPECT_TRUE(nodes.stored["map"].items.empty());
    nodes.disk_is_slow = false;
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(text(nodes.stored["map"].items), text(numbers(20'000)));
}

// What the other workers have made lies behind the item that never comes: they must not wait for room there.
TEST_P(StreamNodesTest, WhatIsBehindAFailedItemStopsNobody) {
    StageScript picky;
    picky.on_item = [](const Value& v) { return List{v, v, v}; };
    picky.raise = {50};
    StreamNodes nodes(
        plan_of(
            {{"source", {}, StageForm::source},
             {.name = "picky", .from = {0}, .form = StageForm::generator, .workers = 3, .ordered = true, .queue = 3},
             {.name = "next", .from = {1}}}),
        {{"source", source_of(300)}, {"picky", picky}}, 3, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended()) << nodes.waiting();
    EXPECT_EQ(nodes.stored["next"].items.size(), 150u) << "of the items before it";
}

TEST_P(StreamNodesTest, AZipWhoseInputFailedEndsThoughAnotherHasMore) {
    StageScript picky;
    picky.raise = {7};
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source},
                               {.name = "picky", .from = {0}, .queue = 2},
                               {.name = "more", .from = {1}, .queue = 2},
                               {.name = "pairs", .from = {1, 2}, .merge = Merge::zip}}),
                      {{"source", source_of(300)}, {"picky", picky}}, 3, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended()) << nodes.waiting();
    EXPECT_EQ(nodes.stored["pairs"].items.size(), 7u);
}

TEST_P(StreamNodesTest, AZipEndsWithItsShorterInputAndTheLongerOneEndsToo) {
    const auto plan = plan_of({{"long", {}, StageForm::source},
                               {"short", {}, StageForm::source},
                               {.name = "pairs", .from = {0, 1}, .merge = Merge::zip}});
    StreamNodes nodes(plan, {{"long", source_of(20'000)}, {"short", source_of(50)}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(nodes.stored["pairs"].items.size(), 50u);
    for (const auto& e : nodes.ended) EXPECT_TRUE(e->succeeded) << e->error;
}

TEST_P(StreamNodesTest, AStopEndsEveryJob) {
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source}, {"map", {0}, StageForm::map, 2, true}}),
                      {{"source", source_of(100'000)}}, 2, random_);
    nodes.stop(false);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    for (const auto& e : nodes.ended) EXPECT_EQ(e->error, "the stream was stopped: told to");
}

INSTANTIATE_TEST_SUITE_P(Seeds, StreamNodesTest, ::testing::Range<std::uint64_t>(1, 21));

TEST(StreamNode, MessagesOfNobodysStreamAreCountedAndDropped) {
    StreamNodes nodes(plan_of({{"source", {}, StageForm::source}, {"map", {0}}}), {{"source", source_of(10)}}, 1,
                      Random(1));
    nodes.run();
    EXPECT_TRUE(nodes.all_ended());
    EXPECT_EQ(nodes.ignored(), 0u);
}

}  // namespace
}  // namespace penstock
