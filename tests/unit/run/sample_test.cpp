// `sample`: what is on its way behind it is counted up to the end of its branch.
#include "sim/stream_nodes.hpp"

#include "value/value_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::Random;
using test::StageScript;
using test::StreamNodes;

constexpr std::int64_t kItems = 5000;

List numbers(std::int64_t n) {
    List list;
    for (std::int64_t i = 0; i < n; ++i) list.push_back(Value(i));
    return list;
}

//  source --> sample --> first --> slow
class SampleTest : public ::testing::TestWithParam<std::uint64_t> {
protected:
    std::uint32_t add(const std::string& name, std::vector<std::uint32_t> from, std::uint32_t workers = 1) {
        JobTemplate t;
        t.name = t.worker = name;
        t.count = workers;
        plan_->templates.push_back(t);
        Stage s;
        for (const std::uint32_t f : from) s.from.push_back(TemplateIndex(f));
        if (from.empty()) s.form = StageForm::source;
        plan_->stages.push_back(std::move(s));
        return static_cast<std::uint32_t>(plan_->stages.size() - 1);
    }
    Stage& stage(std::uint32_t s) { return plan_->stages[s]; }

    void branch(std::uint32_t limit, bool keep_latest, std::uint32_t workers = 1) {
        add("source", {});
        const auto sample = add("sample", {0});
        add("first", {sample}, workers);
        const auto slow = add("slow", {2}, workers);
        stage(sample).role = Stage::Role::sample;
        stage(sample).limit = limit;
        stage(sample).until = {TemplateIndex(slow)};
        stage(sample).keep_latest = keep_latest;
    }

    std::unique_ptr<StreamNodes> nodes() {
        complete_stream(*plan_);
        StageScript source, first, slow;
        source.source = numbers(kItems);
        first.on_item = [this](const Value& v) {
            most_ = std::max(most_, ++inside_);
            return List{v};
        };
        slow.on_item = [this](const Value& v) {
            --inside_;
            return List{Value(v.int64() * 10)};
        };
        return std::make_unique<StreamNodes>(
            plan_, std::map<std::string, StageScript>{{"source", source}, {"first", first}, {"slow", slow}}, 3,
            random_);
    }

    Random random_{GetParam()};
    std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
    int inside_ = 0, most_ = 0;
};

TEST_P(SampleTest, NeverMoreThanTheLimitAreOnTheirWay) {
    for (const std::uint32_t workers : {1u, 3u}) {
        plan_ = std::make_shared<Plan>();
        most_ = inside_ = 0;
        branch(3, false, workers);
        auto all = nodes();
        all->run();
        ASSERT_TRUE(all->all_ended());
        for (const auto& e : all->ended) EXPECT_TRUE(e->succeeded) << e->error;
        EXPECT_LE(most_, 3);
        EXPECT_GE(most_, 1);
        const auto& c = all->counts;
        EXPECT_EQ(c.at("sample").items_in, static_cast<std::uint64_t>(kItems));
        EXPECT_EQ(c.at("sample").items_out + c.at("sample").dropped, static_cast<std::uint64_t>(kItems));
        EXPECT_EQ(all->stored["slow"].items.size(), c.at("sample").items_out);
        EXPECT_LT(c.at("sample").items_out, static_cast<std::uint64_t>(kItems));
        EXPECT_EQ(all->ignored(), 0u);
    }
}

TEST_P(SampleTest, WhatIsSlowDoesNotHoldUpWhatComesBefore) {
    branch(2, false);
    auto all = nodes();
    all->hold("slow");
    all->run();
    EXPECT_TRUE(all->ended[0].has_value()) << "the source went to its end";
    EXPECT_EQ(all->counts.at("sample").items_out, 2u);
    all->hold("");
    all->run();
    ASSERT_TRUE(all->all_ended());
    EXPECT_EQ(all->stored["slow"].items.size(), 2u);
}

TEST_P(SampleTest, EveryItemComesWithTheLatestResult) {
    branch(1, true);
    const auto shown = add("shown", {1});
    (void)shown;
    auto all = nodes();
    all->run();
    ASSERT_TRUE(all->all_ended());
    const List& pairs = all->stored["shown"].items;
    ASSERT_EQ(pairs.size(), static_cast<std::size_t>(kItems));
    std::int64_t latest = -1;
    bool some = false;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const List& pair = pairs[i].list();
        ASSERT_EQ(pair.size(), 2u);
        EXPECT_EQ(pair[0].int64(), static_cast<std::int64_t>(i));
        if (pair[1].is_null()) {
            EXPECT_FALSE(some) << "once there is a result there is always one";
            continue;
        }
        some = true;
        EXPECT_GE(pair[1].int64(), latest);
        latest = pair[1].int64();
        EXPECT_EQ(latest % 10, 0);
        EXPECT_LT(latest / 10, kItems);
    }
    EXPECT_LE(most_, 1);
    EXPECT_EQ(all->ignored(), 0u);
}

TEST_P(SampleTest, PairsThatNobodyTakesAreResultsOfTheSample) {
    branch(1, true);
    auto all = nodes();
    all->run();
    ASSERT_TRUE(all->all_ended());
    EXPECT_EQ(all->stored["sample"].items.size(), static_cast<std::size_t>(kItems));
    EXPECT_FALSE(all->stored.contains("slow")) << "its items are taken";
}

INSTANTIATE_TEST_SUITE_P(Seeds, SampleTest, ::testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace penstock
