// The column rules, and columns in memory.
#include "sample_run.hpp"

#include "store/column_buffer.hpp"
#include "value/value_json.hpp"

#include <gmock/gmock.h>

namespace penstock {

namespace {

Layout layout_of(const std::vector<Value>& values) {
    ColumnContents contents;
    for (const Value& value : values) contents.add(value);
    return contents.layout();
}

const Value kFloats3 = std::vector<double>{1, 2, 3}, kFloats2 = std::vector<double>{1, 2},
            kInts2 = std::vector<std::int32_t>{1, 2};

}  // namespace

TEST(ColumnRules, FollowFromTheTypesAlone) {
    EXPECT_EQ(layout_of({}), Layout::none);
    EXPECT_EQ(layout_of({true, false}), Layout::boolean);
    EXPECT_EQ(layout_of({1, 2}), Layout::int64);
    EXPECT_EQ(layout_of({1.5}), Layout::float64);
    EXPECT_EQ(layout_of({1, 2, 2.5}), Layout::float64);
    EXPECT_EQ(layout_of({true, 2}), Layout::float64);
    EXPECT_EQ(layout_of({"a", "b"}), Layout::string);
    EXPECT_EQ(layout_of({"a", 1}), Layout::json);
    EXPECT_EQ(layout_of({Bytes()}), Layout::bytes);
    EXPECT_EQ(layout_of({kFloats3, kFloats3}), Layout::stacked);
    EXPECT_EQ(layout_of({kFloats3, kFloats2}), Layout::ragged);
    EXPECT_EQ(layout_of({kFloats2, kInts2}), Layout::json);
    EXPECT_EQ(layout_of({kFloats2, Array::of<double>({1, 2}, std::vector<double>{1, 2})}), Layout::json);
    EXPECT_EQ(layout_of({kFloats2, 1.0}), Layout::json);
    EXPECT_EQ(layout_of({Value(List{})}), Layout::json);
    EXPECT_EQ(layout_of({Value(Map{})}), Layout::json);
}

TEST(ColumnRules, NullsChangeNothingUnlessTheyAreAlone) {
    EXPECT_EQ(layout_of({Value()}), Layout::json);
    EXPECT_EQ(layout_of({Value(), 1}), Layout::int64);
    EXPECT_EQ(layout_of({Value(), "a"}), Layout::string);
    EXPECT_EQ(layout_of({kFloats3, Value()}), Layout::stacked);
}

TEST(ColumnRules, PartsJoinToTheSameWhateverTheCut) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    for (int round = 0; round < 300; ++round) {
        std::vector<ColumnContents> parts(3);
        ColumnContents all, joined;
        for (int i = 0; i < 8; ++i) {
            const Value value = random.value_of_kind(random.below(RandomValues::kKinds));
            all.add(value);
            parts[random.below(3)].add(value);
        }
        for (const ColumnContents& part : parts) joined.add(ColumnContents::of(part.numbers()));
        EXPECT_EQ(joined, all);
    }
    EXPECT_THROW(ColumnContents::of({1u << 20}), StoreError);
    EXPECT_THROW(ColumnContents::of({1, 2}), StoreError);
}

TEST(ColumnBuffer, KeepsEveryValueThroughEveryChangeOfLayout) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    for (int round = 0; round < 200; ++round) {
        ColumnBuffer column;
        std::vector<std::optional<Value>> rows;
        std::uint64_t kind = random.below(RandomValues::kKinds);
        for (int i = 0; i < 30; ++i) {
            if (random.one_in(10)) kind = random.below(RandomValues::kKinds);
            if (random.one_in(6)) {
                column.add_absent();
                rows.push_back(std::nullopt);
            } else {
                rows.push_back(random.value_of_kind(kind));
                column.add(*rows.back(), {});
            }
        }
        ASSERT_EQ(column.rows(), rows.size());
        for (std::uint64_t i = 0; i < rows.size(); ++i) {
            ASSERT_EQ(column.type(i) != kAbsent, rows[i].has_value());
            if (!rows[i]) continue;
            ASSERT_TRUE(column.at(i, {}) == *rows[i]) << to_json(column.at(i, {})) << " " << to_json(*rows[i]);
        }
    }
}

}  // namespace penstock
