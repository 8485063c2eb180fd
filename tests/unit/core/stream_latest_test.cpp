// The merge with the latest: each item of the first stage, beside the last that has come of each of the others.
#include "stream_model.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::Item;

constexpr JobIndex kFirst{0}, kSecond{1}, kThird{2};  // and 3 is another worker of the third

class StreamLatest : public ::testing::Test {
protected:
    static Plan three_into_one() {
        Plan plan;
        for (std::uint32_t s = 0; s < 4; ++s) {
            JobTemplate t;
            t.first_job = JobIndex(s == 3 ? 4 : s);
            t.count = s == 2 ? 2 : 1;
            plan.templates.push_back(t);
            plan.stages.emplace_back();
        }
        plan.stages[3].from = {TemplateIndex(0), TemplateIndex(1), TemplateIndex(2)};
        plan.stages[3].merge = Merge::latest;
        plan.job_count = 5;
        return plan;
    }
    void come(JobIndex from, const std::vector<Item>& items) {
        ASSERT_TRUE(in_.push(from, {.items = std::make_shared<const StreamItems>(test::encoded(items, 1))}));
        come_[from] += items.size();
    }
    void end(JobIndex from, bool failed = false) { ASSERT_TRUE(in_.end(from, come_[from], failed)); }

    // 0: none yet.
    using Rows = std::vector<std::vector<Item>>;
    Rows pop() {
        const auto work = in_.pop();
        if (!work) return {};
        EXPECT_EQ(work->zipped, 3u);
        for (const auto& of : work->taken) {
            taken_[of.from].items += of.items;
            taken_[of.from].bytes += of.bytes;
        }
        const StreamItems& items = *work->batch.items;
        EXPECT_EQ(items.count() % 3, 0u);
        Rows rows;
        std::size_t at = 0;
        for (std::size_t i = 0; i < items.count(); at += items.sizes[i++]) {
            if (i % 3 == 0) rows.emplace_back();
            Item item = 0;
            if (items.sizes[i] >= sizeof item) __builtin_memcpy(&item, items.bytes.data() + at, sizeof item);
            rows.back().push_back(item);
        }
        return rows;
    }

    StreamInput in_{three_into_one(), TemplateIndex(3)};
    std::map<JobIndex, std::uint64_t> come_;
    std::map<JobIndex, StreamInput::Work::Of> taken_;
};

TEST_F(StreamLatest, EachItemOfTheFirstHasTheLastOfEachOther) {
    come(kFirst, {10});
    EXPECT_EQ(pop(), (Rows{{10, 0, 0}})) << "there is none of the others";
    come(kSecond, {1, 2, 3});
    come(kFirst, {11, 12});
    EXPECT_EQ(pop(), (Rows{{11, 3, 0}, {12, 3, 0}}));
    come(kThird, {7});
    come(kFirst, {13});
    EXPECT_EQ(pop(), (Rows{{13, 3, 7}}));
    come(JobIndex(3), {8, 9});
    come(kSecond, {4});
    come(kSecond, {});
    come(kFirst, {14});
    EXPECT_EQ(pop(), (Rows{{14, 4, 9}})) << "of whichever worker";
    EXPECT_FALSE(in_.has_next());
}

// Who sends it must not wait for the first stage.
TEST_F(StreamLatest, RoomOfTheOthersIsGivenBackWithoutAnItemOfTheFirst) {
    come(kSecond, {1, 2, 3});
    EXPECT_TRUE(in_.has_next());
    EXPECT_EQ(pop(), Rows());
    EXPECT_EQ(taken_[kSecond].items, 3u);
    EXPECT_EQ(taken_[kSecond].bytes, test::encoded({1, 2, 3}, 1).bytes.size());
    EXPECT_FALSE(in_.pop());
    come(kFirst, {10, 11});
    EXPECT_EQ(pop(), (Rows{{10, 3, 0}, {11, 3, 0}}));
    EXPECT_EQ(taken_[kSecond].items, 3u) << "once";
    EXPECT_EQ(taken_[kFirst].items, 2u);
    EXPECT_EQ(taken_[kFirst].bytes, test::encoded({10, 11}, 1).bytes.size());
}

TEST_F(StreamLatest, EndsWithTheFirst) {
    come(kSecond, {1});
    end(kSecond);
    end(JobIndex(3));
    come(kFirst, {10});
    EXPECT_EQ(pop(), (Rows{{10, 1, 0}}));
    EXPECT_FALSE(in_.ended());
    come(kThird, {7, 8});
    end(kFirst);
    EXPECT_TRUE(in_.ended());
    EXPECT_FALSE(in_.all_links_ended());
    const auto rest = in_.drop_rest();
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].from, kThird);
    EXPECT_EQ(rest[0].items, 2u);
}

TEST_F(StreamLatest, WhatTheOthersMadeBeforeTheyFailedStays) {
    come(kSecond, {1, 2});
    end(kSecond, true);
    EXPECT_TRUE(in_.failed());
    EXPECT_TRUE(in_.drop_behind_gaps().empty());
    come(kFirst, {10});
    EXPECT_EQ(pop(), (Rows{{10, 2, 0}}));
    EXPECT_FALSE(in_.ended());
}

}  // namespace
}  // namespace penstock
