// The constants were computed by a separate program from the description in hash.hpp. They are stored in results files:
// a change here makes every old result look changed.
#include "value/hash.hpp"

#include "support/random_values.hpp"
#include "support/seed.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace penstock {
namespace {

std::uint64_t hash(const Value& value) { return Hasher().add(value).value(); }

TEST(Hash, MeansTheSameInEveryVersion) {
    EXPECT_EQ(Hasher().value(), 0xefd01f60ba992926u);
    EXPECT_EQ(Hasher().add("penstock").value(), 0x58c9ab327b38fce8u);
    EXPECT_EQ(Hasher().add(std::uint64_t{42}).value(), 0xa6245a5dcf278758u);
    EXPECT_EQ(hash(nullptr), 0xb9034ad37056f5fbu);
    EXPECT_EQ(hash(true), 0xfead53f7dfcabe65u);
    EXPECT_EQ(hash(-7), 0x6dbb592253dff5d1u);
    EXPECT_EQ(hash(0.1), 0xb6d05b54f292289cu);
    EXPECT_EQ(hash("水"), 0x83dcc8d296fe93d7u);
    EXPECT_EQ(hash(Bytes{std::byte{1}, std::byte{0xff}}), 0xe0616e99186628f0u);
    EXPECT_EQ(hash(List{1, 2.0, "x"}), 0x407c0bf73f072751u);
    EXPECT_EQ(hash(Map{{"a", 1}, {"b", List{nullptr}}}), 0x7c1180c322536b25u);
    EXPECT_EQ(hash(Array::of<std::int32_t>({2, 2}, std::vector<std::int32_t>{1, 2, 3, 4})), 0xb11f63a1e920208fu);
}

TEST(Hash, EqualValuesHaveEqualHashes) {
    EXPECT_EQ(hash(NAN), hash(-NAN));
    EXPECT_EQ(hash(0.0), hash(-0.0));
    EXPECT_EQ(hash(std::vector<float>{-0.0f, NAN}), hash(std::vector<float>{0.0f, -NAN}));
}

TEST(Hash, DifferentValuesHaveDifferentHashes) {
    PENSTOCK_TRACE_SEED();
    test::RandomValues random(test::seed());
    std::vector<Value> values{1, 1.0, true, "1", List{1}, List{List{1}}, Map{{"1", 1}}, List{"a", "b"}, List{"ab"}, ""};
    for (int i = 0; i < 300; ++i) values.push_back(random.value());
    for (std::size_t i = 0; i < values.size(); ++i)
        for (std::size_t k = 0; k < i; ++k) ASSERT_EQ(hash(values[i]) == hash(values[k]), values[i] == values[k]);
}

}  // namespace
}  // namespace penstock
