// Folds that offer snapshots, and folds with several workers.
#include "sim/stream_nodes.hpp"

#include "value/value_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace penstock {
namespace {

using test::Random;
using test::StageScript;
using test::StreamNodes;
using ::testing::HasSubstr;

constexpr std::int64_t kItems = 30'000;

List numbers(std::int64_t n) {
    List list;
    for (std::int64_t i = 0; i < n; ++i) list.push_back(Value(i));
    return list;
}

StageScript source() {
    StageScript s;
    s.source = numbers(kItems);
    return s;
}

// How many there were, their sum, and whether all were different.
StageScript fold() {
    StageScript s;
    s.finish = [](const List& seen) {
        std::int64_t total = 0;
        std::set<std::int64_t> different;
        for (const Value& v : seen) {
            total += v.int64();
            different.insert(v.int64());
        }
        return List{Value(static_cast<std::int64_t>(seen.size())), Value(total),
                    Value(different.size() == seen.size())};
    };
    return s;
}

std::string text(const List& values) { return to_json(Value(values)); }

std::shared_ptr<const Plan> plan_of(bool snapshots, std::uint32_t workers, OnError on_error = OnError::fail) {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    for (const std::string name : {"source", "fold"}) {
        JobTemplate t;
        t.name = t.worker = name;
        plan->templates.push_back(t);
        plan->stages.emplace_back();
    }
    plan->stages[0].form = StageForm::source;
    plan->stages[1].form = StageForm::fold;
    plan->stages[1].from = {TemplateIndex(0)};
    plan->stages[1].snapshots = snapshots;
    plan->stages[1].on_error = on_error;
    plan->templates[1].count = workers;
    if (workers > 1)
        plan->templates[1].for_each =
            std::make_shared<const ForEach>(ForEach{{{Axis{"worker", Range{0, 1, workers}}}}});
    complete_stream(*plan);
    return plan;
}

const std::string kAll = text(List{Value(kItems), Value(kItems*(kItems - 1) / 2), Value(true)});

class FoldRestartTest : public ::testing::TestWithParam<std::uint64_t> {
protected:
    Random random_{GetParam()};
};

TEST_P(FoldRestartTest, AProcessThatEndsBetweenTicketsCostsNothing) {
    StreamNodes nodes(plan_of(true, 1), {{"source", source()}, {"fold", fold()}}, 2, random_);
    nodes.dies_idle = 0.1;
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(text(nodes.stored["fold"].items), kAll);
    EXPECT_GT(nodes.restored, 0u);
}

TEST_P(FoldRestartTest, WhatIsReplayedIsBounded) {
    StreamNodes nodes(plan_of(true, 1), {{"source", source()}, {"fold", fold()}}, 2, random_);
    nodes.dies_idle = 0.4;
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(text(nodes.stored["fold"].items), kAll);
    EXPECT_GT(nodes.most_replayed, 1000u);
    EXPECT_LE(nodes.most_replayed, 16u * 1024);
}

TEST_P(FoldRestartTest, WithoutSnapshotsTheStreamFails) {
    StreamNodes nodes(plan_of(false, 1), {{"source", source()}, {"fold", fold()}}, 2, random_);
    nodes.dies_idle = 0.9;
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_FALSE(nodes.ended[1]->succeeded);
    EXPECT_EQ(nodes.restored, 0u);
}

TEST_P(FoldRestartTest, AnItemThatAlwaysCrashesIsFoundAndLeftOut) {
    StageScript crashes = fold();
    crashes.crash = {7, 20'000};
    StreamNodes nodes(plan_of(true, 1, OnError::skip), {{"source", source()}, {"fold", crashes}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(text(nodes.stored["fold"].items),
              text(List{Value(kItems - 2), Value(kItems * (kItems - 1) / 2 - 20'007), Value(true)}));
    EXPECT_THAT(nodes.ended[1]->log, HasSubstr("item 7 was skipped"));
}

TEST_P(FoldRestartTest, AnItemThatAlwaysCrashesFailsTheStreamOtherwise) {
    StageScript crashes = fold();
    crashes.crash = {20'000};
    StreamNodes nodes(plan_of(true, 1), {{"source", source()}, {"fold", crashes}}, 2, random_);
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_FALSE(nodes.ended[1]->succeeded);
    EXPECT_THAT(nodes.ended[1]->error, HasSubstr("item 20000: "));
}

TEST_P(FoldRestartTest, PartialFoldsAreCombined) {
    const auto plan = plan_of(true, 3);
    StreamNodes nodes(plan, {{"source", source()}, {"fold", fold()}, {"fold@part", fold()}}, 3, random_);
    nodes.dies_idle = 0.05;
    nodes.run();
    ASSERT_TRUE(nodes.all_ended());
    EXPECT_EQ(text(nodes.stored["fold"].items), kAll);
    EXPECT_EQ(plan->templates[1].count, 1u);
    EXPECT_EQ(nodes.counts["fold@part"].items_in, static_cast<std::uint64_t>(kItems));
    EXPECT_EQ(nodes.counts["fold"].items_in, 3u);
    EXPECT_EQ(nodes.ignored(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FoldRestartTest, ::testing::Range<std::uint64_t>(1, 4));

}  // namespace
}  // namespace penstock
