// What leaves a job together, and when.
#include "core/stream_output.hpp"

#include "sim/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

namespace penstock {
namespace {

Plan source_and_map(std::uint32_t workers = 1) {
    Plan plan;
    for (const char* name : {"source", "map"}) {
        JobTemplate t;
        t.name = name;
        t.worker = "work";
        t.first_job = JobIndex(static_cast<std::uint32_t>(plan.templates.size()));
        t.count = plan.templates.empty() ? 1 : workers;
        plan.templates.push_back(std::move(t));
        plan.stages.emplace_back();
    }
    plan.stages[0].form = StageForm::source;
    plan.stages[1].from = {TemplateIndex(0)};
    return plan;
}

StreamItemsPtr items_of(std::size_t count, std::uint32_t bytes) {
    StreamItems items;
    items.sizes.assign(count, bytes);
    items.bytes = std::vector<std::byte>(count * bytes);
    return std::make_shared<const StreamItems>(std::move(items));
}

// Whatever room is given back when: once cut, a batch stays in parts on all links behind, and every part costs as much
// as a whole one (64 KiB items went half as fast).
TEST(StreamOutput, AMessageThatDoesNotFitWaitsInsteadOfLeavingInParts) {
    constexpr std::uint32_t kItem = 64 * 1024 + 10;  // sixteen of them fill a message
    const StreamItemsPtr batch = items_of(16, kItem);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        sim::Random random(seed);
        StreamOutput out(source_and_map(), TemplateIndex(0));
        std::deque<StreamOutput::Sent> there;
        std::size_t most = 0, messages = 0;
        for (std::size_t made = 0; made < 100;) {
            if (!out.full()) {
                out.add(batch, made++, true);
            } else if (!there.empty()) {
                out.taken(JobIndex(1), there.front().items->count(), there.front().items->bytes.size(), -1);
                there.pop_front();
            }
            if (random.chance(0.5)) continue;
            for (StreamOutput::Sent& sent : out.take_sendable()) {
                EXPECT_EQ(sent.items->count(), 16u);
                there.push_back(std::move(sent));
                ++messages;
            }
            most = std::max(most, there.size());
        }
        EXPECT_EQ(most, StreamOutput::kLinkBytes / batch->bytes.size());
        EXPECT_GE(messages, 90u);
    }
}

// The same of the number of items: a worker with two pieces of a few items has nothing to do before more can come.
// `parts`: of what a link may have.
void expect_parts_of_about_one_size(Nanoseconds each, std::uint64_t parts) {
    constexpr std::size_t kItems = 2048;
    const std::uint64_t limit = std::min<std::uint64_t>(StreamOutput::kHorizon / each, kDefaultQueue / 2);
    const std::uint64_t most = limit / parts;
    const StreamItemsPtr batch = items_of(kItems, 9);
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        sim::Random random(seed);
        StreamOutput out(source_and_map(2), TemplateIndex(0));
        for (const std::uint32_t worker : {1u, 2u}) EXPECT_TRUE(out.taken(JobIndex(worker), 0, 0, each));
        std::deque<StreamOutput::Sent> there[2];
        for (std::size_t made = 0; made < 100;) {
            if (!out.full()) {
                out.add(batch, made++, true);
            } else if (auto& some = there[random.below(2)]; !some.empty()) {
                out.taken(some.front().to, some.front().items->count(), some.front().items->bytes.size(), each);
                some.pop_front();
            }
            if (random.chance(0.5)) continue;
            for (StreamOutput::Sent& sent : out.take_sendable()) {
                EXPECT_GE(sent.items->count(), kItems / (kItems / most + 1) - 1);
                EXPECT_LE(sent.items->count(), most);
                there[sent.to.value - 1].push_back(std::move(sent));
            }
        }
    }
}

// The limits are no multiples of anything.
TEST(StreamOutput, ABatchLeavesInPartsOfAboutOneSize) { expect_parts_of_about_one_size(3'100, StreamOutput::kParts); }

TEST(StreamOutput, OfItemsThatTakeLongABatchLeavesInFewParts) {
    expect_parts_of_about_one_size(13'500, StreamOutput::kLongParts);
}

TEST(StreamOutput, FewItemsThatTakeLongAreSharedAmongAllWorkers) {
    StreamOutput out(source_and_map(4), TemplateIndex(0));
    for (std::uint32_t worker = 1; worker <= 4; ++worker) EXPECT_TRUE(out.taken(JobIndex(worker), 0, 0, 100'000));
    out.add(items_of(82, 9), 0, true);
    std::map<std::uint32_t, std::size_t> each;
    for (const StreamOutput::Sent& sent : out.take_sendable()) each[sent.to.value] += sent.items->count();
    EXPECT_EQ(each.size(), 4u);
    for (const auto& [worker, items] : each)
        EXPECT_THAT(items, ::testing::AllOf(::testing::Ge(20u), ::testing::Le(21u)));
}

TEST(StreamOutput, WhatIsLargerThanTheRoomOfALinkLeavesWhenNothingElseIsThere) {
    StreamOutput out(source_and_map(), TemplateIndex(0));
    out.add(items_of(1, 100), 0, true);
    ASSERT_EQ(out.take_sendable().size(), 1u);
    out.add(items_of(2, StreamOutput::kLinkBytes), 1, true);
    EXPECT_TRUE(out.take_sendable().empty());
    EXPECT_TRUE(out.taken(JobIndex(1), 1, 100, -1));
    for (int i = 0; i < 2; ++i) {
        const auto sent = out.take_sendable();
        ASSERT_EQ(sent.size(), 1u);
        EXPECT_EQ(sent.front().items->count(), 1u);
        EXPECT_TRUE(out.taken(JobIndex(1), 1, StreamOutput::kLinkBytes, -1));
    }
    EXPECT_FALSE(out.full());
}

TEST(StreamOutput, AFewLargeItemsMayBeOnTheirWayAtOnce) {
    constexpr std::uint32_t kMiB = 1 << 20;
    StreamOutput out(source_and_map(), TemplateIndex(0));
    for (int i = 0; i < 6; ++i) out.add(items_of(1, kMiB), static_cast<std::uint64_t>(i), true);
    EXPECT_EQ(out.take_sendable().size(), 3u);
    EXPECT_TRUE(out.taken(JobIndex(1), 1, kMiB, -1));
    EXPECT_EQ(out.take_sendable().size(), 1u);
}

}  // namespace
}  // namespace penstock
