// Sum, Mean, Minimum, Maximum, Median, Count and Concat.
#include "support/fake_context.hpp"
#include "support/print_value.hpp"
#include "support/seed.hpp"
#include "workers/concat.hpp"
#include "workers/count.hpp"
#include "workers/maximum.hpp"
#include "workers/mean.hpp"
#include "workers/median.hpp"
#include "workers/minimum.hpp"
#include "workers/sum.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

template <class Fold>
Value fold(Value values) {
    test::FakeContext context;
    const Document made = Fold().process({{"values", std::move(values)}}, context);
    EXPECT_EQ(made.size(), 1u);
    EXPECT_EQ(made.begin()->first, Fold::makes().at(0));
    return made.begin()->second;
}

const Value kMixed = List{1, List{2, List{}}, std::vector<float>{0.5f, 4}, -1.5};
const Value kIntegers = List{3, std::vector<std::uint8_t>{200, 7}, -4};

TEST(Folds, NeedValues) {
    EXPECT_THAT(Sum::needs(), ElementsAre("values"));
    EXPECT_THAT(Mean::makes(), ElementsAre("mean"));
    test::FakeContext context;
    EXPECT_THAT([&] { Sum().process({}, context); }, ThrowsMessage<ValueError>(HasSubstr("\"values\" is missing")));
}

TEST(Folds, OverNumbersArraysAndListsWithinOneAnother) {
    EXPECT_EQ(fold<Sum>(kMixed), Value(6.0));
    EXPECT_EQ(fold<Mean>(kMixed), Value(1.2));
    EXPECT_EQ(fold<Minimum>(kMixed), Value(-1.5));
    EXPECT_EQ(fold<Maximum>(kMixed), Value(4.0));
    EXPECT_EQ(fold<Median>(kMixed), Value(1.0));
    EXPECT_EQ(fold<Count>(kMixed), Value(5));
}

TEST(Folds, OverIntegersStayIntegers) {
    EXPECT_EQ(fold<Sum>(kIntegers), Value(206));
    EXPECT_EQ(fold<Minimum>(kIntegers), Value(-4));
    EXPECT_EQ(fold<Maximum>(kIntegers), Value(200));
    EXPECT_EQ(fold<Mean>(kIntegers), Value(51.5));
    EXPECT_EQ(fold<Median>(kIntegers), Value(5.0));
    EXPECT_EQ(fold<Sum>(7), Value(7));
}

TEST(Folds, IntegersAboveTheReals) {
    EXPECT_EQ(fold<Maximum>(List{7, 2.5}), Value(7.0));
    EXPECT_EQ(fold<Minimum>(List{-7, 2.5}), Value(-7.0));
    EXPECT_EQ(fold<Maximum>(List{-7, -2.5}), Value(-2.5));
}

TEST(Folds, NothingAddsUpToZeroAndHasNoMean) {
    EXPECT_EQ(fold<Sum>(List{}), Value(0));
    EXPECT_EQ(fold<Count>(List{}), Value(0));
    EXPECT_EQ(fold<Concat>(List{}), Value(List{}));
    EXPECT_THAT([] { fold<Mean>(List{}); },
                ThrowsMessage<ValueError>(HasSubstr("`values` is empty, and nothing has no mean")));
    EXPECT_THROW(fold<Minimum>(List{List{}}), ValueError);
    EXPECT_THROW(fold<Maximum>(std::vector<double>{}), ValueError);
    EXPECT_THROW(fold<Median>(List{}), ValueError);
}

TEST(Folds, WhatIsNoNumberIsAnErrorThatSaysWhatToDo) {
    EXPECT_THAT([] { fold<Sum>(List{1, "2"}); }, ThrowsMessage<ValueError>(HasSubstr("it holds string")));
    EXPECT_THAT([] { fold<Mean>(List{1, true}); }, ThrowsMessage<ValueError>(HasSubstr("it holds bool")));
    EXPECT_THAT([] { fold<Median>(List{1, nullptr}); }, ThrowsMessage<ValueError>(HasSubstr("`missing: drop`")));
}

TEST(Sum, OfIntegersIsExactOrAnError) {
    EXPECT_EQ(fold<Sum>(List{INT64_MAX, INT64_MAX, -INT64_MAX, -1}), Value(INT64_MAX - 1));
    EXPECT_EQ(fold<Sum>(List{9007199254740993, 0}), Value(9007199254740993));
    EXPECT_THAT(
        [] {
            fold<Sum>(List{INT64_MAX, 1});
        },
        ThrowsMessage<ValueError>(HasSubstr("the sum of these integers is beyond int64")));
    EXPECT_EQ(fold<Sum>(List{INT64_MAX, 1.0}), Value(9223372036854775808.0));
    EXPECT_THROW(fold<Maximum>(std::vector<std::uint64_t>{UINT64_MAX}), ValueError);
}

TEST(Sum, OfRealsLosesNothingToTheirNumber) {
    EXPECT_EQ(fold<Sum>(List{1.0, 1e100, 1.0, -1e100}), Value(2.0));
    EXPECT_EQ(fold<Sum>(std::vector<double>(1'000'000, 0.1)), Value(100000.0));
    EXPECT_EQ(fold<Sum>(List{HUGE_VAL, 1.0}), Value(HUGE_VAL));
    EXPECT_EQ(fold<Sum>(List{HUGE_VAL, -HUGE_VAL}), Value(NAN));
}

TEST(Folds, NaNInNaNOut) {
    for (const Value& values : {Value(List{1.0, NAN, 2.0}), Value(List{NAN, 1}), Value(List{3, 1.0, NAN})}) {
        EXPECT_EQ(fold<Sum>(values), Value(NAN));
        EXPECT_EQ(fold<Mean>(values), Value(NAN));
        EXPECT_EQ(fold<Minimum>(values), Value(NAN));
        EXPECT_EQ(fold<Maximum>(values), Value(NAN));
        EXPECT_EQ(fold<Median>(values), Value(NAN));
    }
}

TEST(Median, OfAnyNumberOfValuesIsTheMiddleOfTheirOrder) {
    PENSTOCK_TRACE_SEED();
    std::mt19937_64 random(test::seed());
    for (std::size_t count = 1; count < 100; ++count) {
        std::vector<double> values(count);
        for (double& v : values) v = std::uniform_real_distribution<double>(-10, 10)(random);
        const Value median = fold<Median>(values);
        std::sort(values.begin(), values.end());
        const double low = values[(count - 1) / 2], high = values[count / 2];
        ASSERT_EQ(median, Value((low + high) / 2)) << count;
    }
    EXPECT_EQ(fold<Median>(List{1e308, 1e308}), Value(1e308));
}

TEST(Count, OfEverythingButNull) {
    EXPECT_EQ(fold<Count>(List{"a", Map{{"x", 1}}, nullptr, List{nullptr, Bytes(7)}}), Value(3));
    EXPECT_EQ(fold<Count>(Array::of<double>({2, 3}, std::vector<double>(6))), Value(6));
    EXPECT_EQ(fold<Count>("abc"), Value(1));
    EXPECT_EQ(fold<Count>(nullptr), Value(0));
}

TEST(Concat, OpensListsOnce) {
    EXPECT_EQ(fold<Concat>(List{List{1, List{2}}, "a", List{}, Map{{"k", 1}}}),
              Value(List{1, List{2}, "a", Map{{"k", 1}}}));
    EXPECT_EQ(fold<Concat>(List{List{1}, std::vector<std::int32_t>{2, 3}, 0.5}), Value(List{1, 2, 3, 0.5}));
    EXPECT_THROW(fold<Concat>("abc"), ValueError);
}

TEST(Concat, JoinsArraysAlongTheirFirstDimension) {
    EXPECT_EQ(fold<Concat>(List{std::vector<float>{1, 2}, std::vector<float>{}, std::vector<float>{3}}),
              Value(std::vector<float>{1, 2, 3}));
    const auto rows = [](std::uint64_t count, std::int16_t from) {
        std::vector<std::int16_t> elements(count * 2);
        for (std::int16_t& e : elements) e = from++;
        return Array::of<std::int16_t>({count, 2}, elements);
    };
    EXPECT_EQ(fold<Concat>(List{rows(1, 0), rows(2, 2)}), Value(rows(3, 0)));
    EXPECT_EQ(fold<Concat>(rows(2, 5)), Value(rows(2, 5)));
}

TEST(Concat, ArraysThatDoNotFitBecomeOneListOfElements) {
    EXPECT_EQ(fold<Concat>(List{std::vector<float>{1}, std::vector<double>{2}}), Value(List{1.0, 2.0}));
    EXPECT_EQ(fold<Concat>(
                  List{Array::of<double>({}, std::vector<double>{4}), Array::of<double>({}, std::vector<double>{5})}),
              Value(List{4.0, 5.0}));
    EXPECT_EQ(fold<Concat>(List{Array::of<double>({1, 2}, std::vector<double>{1, 2}), std::vector<double>{3}}),
              Value(List{1.0, 2.0, 3.0}));
}

}  // namespace
}  // namespace penstock
