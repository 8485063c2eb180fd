#include "value/value_json.hpp"

#include "support/print_value.hpp"
#include "support/random_values.hpp"
#include "support/seed.hpp"

#include <gmock/gmock.h>

#include <cmath>

namespace penstock {
namespace {

using test::RandomValues;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::string plain(const Value& value) { return to_json(value, JsonForm::plain); }

TEST(ValueJson, EveryValueReadsBackTheSame) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    for (int i = 0; i < 3000; ++i) {
        const Value value = random.value(4);
        ASSERT_EQ(from_json(to_json(value)), value) << to_json(value);
    }
}

TEST(ValueJson, PlainFormIsAlwaysJsonThatReadsBackToItself) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    for (int i = 0; i < 1000; ++i) {
        const std::string text = plain(random.value(4));
        ASSERT_EQ(plain(from_json(text, JsonForm::plain)),
                  plain(from_json(plain(from_json(text, JsonForm::plain)), JsonForm::plain)));
    }
}

TEST(ValueJson, TaggedForm) {
    EXPECT_EQ(to_json(Value(List{1, 1.0, true, nullptr, "a\"b\né"})), R"([1,1.0,true,null,"a\"b\né"])");
    EXPECT_EQ(to_json(Value(Bytes{std::byte{1}, std::byte{2}})), R"({"@bytes":"AQI="})");
    EXPECT_EQ(to_json(Value(std::vector<std::uint8_t>{1, 2})),
              R"({"@array":{"type":"uint8","shape":[2],"data":"AQI="}})");
    EXPECT_EQ(to_json(Value(List{NAN, HUGE_VAL, -HUGE_VAL})),
              R"([{"@float":"nan"},{"@float":"inf"},{"@float":"-inf"}])");
    EXPECT_EQ(to_json(Document{{"a", 1}, {"b", Map{}}}), R"({"a":1,"b":{}})");
}

TEST(ValueJson, AMapThatLooksLikeATagStaysAMap) {
    EXPECT_EQ(to_json(Document{{"@bytes", "AQI="}}), R"({"@@bytes":"AQI="})");
    EXPECT_EQ(from_json(R"({"@@bytes":"AQI="})"), Value(Map{{"@bytes", "AQI="}}));
    EXPECT_EQ(from_json(R"({"@other":1})"), Value(Map{{"@other", 1}}));
    EXPECT_EQ(from_json(R"({"@bytes":"AQI=","x":1})"), Value(Map{{"@bytes", "AQI="}, {"x", 1}}));
    EXPECT_EQ(from_json(R"({"@bytes":"AQI="})", JsonForm::plain), Value(Map{{"@bytes", "AQI="}}));
}

TEST(ValueJson, BytesThatAreNoUtf8AreKept) {
    const Value value = std::string("a\xff");
    EXPECT_EQ(to_json(value), R"({"@string":"Yf8="})");
    EXPECT_EQ(from_json(to_json(value)), value);
    EXPECT_EQ(plain(value), "\"a\xef\xbf\xbd\"");
    const Value map = Map{{"\xff", 1}};
    EXPECT_EQ(to_json(map), R"({"@map":[[{"@string":"/w=="},1]]})");
    EXPECT_EQ(from_json(to_json(map)), map);
}

TEST(ValueJson, PlainFormIsForOtherPrograms) {
    EXPECT_EQ(plain(Array::of<std::int32_t>({2, 2}, std::vector<std::int32_t>{1, 2, 3, 4})), "[[1,2],[3,4]]");
    EXPECT_EQ(plain(Array::of<float>({}, std::vector<float>{0.1f})), "0.1");
    EXPECT_EQ(plain(std::vector<float>{1, NAN}), "[1.0,null]");
    EXPECT_EQ(plain(std::vector<std::uint64_t>{UINT64_MAX}), "[18446744073709551615]");
    EXPECT_EQ(plain(std::vector<std::int8_t>{-1}), "[-1]");
    EXPECT_EQ(plain(Array::of<double>({1'000'000'000, 0}, std::vector<double>{})), "[]");
    EXPECT_EQ(plain(Bytes{std::byte{1}}), "\"AQ==\"");
    EXPECT_EQ(plain(List{NAN, HUGE_VAL, 2.0}), "[null,null,2.0]");
}

TEST(ValueJson, NumbersKeepTheirTypeAndGrowIntoFloat64) {
    EXPECT_EQ(from_json("9223372036854775807"), Value(INT64_MAX));
    EXPECT_EQ(from_json("-9223372036854775808"), Value(INT64_MIN));
    EXPECT_EQ(from_json("9223372036854775808"), Value(9223372036854775808.0));
    EXPECT_EQ(from_json("123456789012345678901234567890"), Value(123456789012345678901234567890.0));
    EXPECT_EQ(from_json("1.0"), Value(1.0));
    EXPECT_EQ(from_json("1e2"), Value(100.0));
}

TEST(ValueJson, OfAKeyThatOccursTwiceTheLastCounts) { EXPECT_EQ(from_json(R"({"a":1,"a":2})"), Value(Map{{"a", 2}})); }

TEST(ValueJson, SaysWhereTheTextIsNoJson) {
    EXPECT_THAT([] { from_json("[1, }"); },
                ThrowsMessage<ValueError>(AllOf(HasSubstr("byte 5"), HasSubstr("line 1, column 5"))));
    EXPECT_THAT([] { from_json(""); }, ThrowsMessage<ValueError>(HasSubstr("this is no JSON")));
    EXPECT_THAT([] { from_json("1 2"); }, ThrowsMessage<ValueError>(HasSubstr("byte 3")));
    EXPECT_THAT([] { from_json("1e999"); }, ThrowsMessage<ValueError>(HasSubstr("this is no JSON")));
    EXPECT_THAT([] { from_json("\"\xff\""); }, ThrowsMessage<ValueError>(HasSubstr("this is no JSON")));
}

TEST(ValueJson, SaysWhatATagNeeds) {
    EXPECT_THAT([] { from_json(R"({"@bytes":1})"); },
                ThrowsMessage<ValueError>(HasSubstr("\"@bytes\" needs a string in base64")));
    EXPECT_THAT([] { from_json(R"({"@bytes":"A"})"); }, ThrowsMessage<ValueError>(HasSubstr("\"@bytes\" needs")));
    EXPECT_THAT([] { from_json(R"({"@float":"1"})"); }, ThrowsMessage<ValueError>(HasSubstr("\"@float\" needs")));
    EXPECT_THAT([] { from_json(R"({"@map":[[1,2]]})"); }, ThrowsMessage<ValueError>(HasSubstr("\"@map\" needs")));
    EXPECT_THAT([] { from_json(R"({"@array":{"type":"int8","shape":[-1],"data":""}})"); },
                ThrowsMessage<ValueError>(HasSubstr("\"@array\" needs")));
    EXPECT_THAT([] { from_json(R"({"@array":{"type":"int8","shape":[3],"data":"AQI="}})"); },
                ThrowsMessage<ValueError>(HasSubstr("3 bytes, not 2")));
}

TEST(ValueJson, NestingIsBoundedBothWays) {
    const auto brackets = [](int n) { return std::string(n, '[') + std::string(n, ']'); };
    EXPECT_EQ(plain(from_json(brackets(kMaxNesting), JsonForm::plain)), brackets(kMaxNesting));
    EXPECT_THAT([&] { from_json(brackets(kMaxNesting + 2), JsonForm::plain); },
                ThrowsMessage<ValueError>(HasSubstr("more than 200 deep")));
    EXPECT_THAT([&] { from_json(brackets(1'000'000)); }, ThrowsMessage<ValueError>(HasSubstr("more than 200 deep")));
    Value deep = 1;
    for (int i = 0; i <= kMaxNesting; ++i) deep = List{std::move(deep)};
    EXPECT_THAT([&] { to_json(deep); }, ThrowsMessage<ValueError>(HasSubstr("more than 200 deep")));
}

TEST(ValueJson, DamagedTextNeverDoesMoreThanThrow) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    int refused = 0;
    for (int i = 0; i < 3000; ++i) {
        std::string text = to_json(random.map(3));
        text[random.below(text.size())] = static_cast<char>(random.below(256));
        try {
            const Value read = from_json(text);
            ASSERT_EQ(from_json(to_json(read)), read);
        } catch (const ValueError&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 100);
}

TEST(NumberText, IsTheShortestThatReadsBack) {
    EXPECT_EQ(number_text(0.1), "0.1");
    EXPECT_EQ(number_text(1e300), "1e+300");
    EXPECT_EQ(number_text(42), "42");
    EXPECT_EQ(number_text(42, true), "42.0");
    EXPECT_EQ(number_text(1e22, true), "1e+22");
    EXPECT_EQ(number_text(-0.0, true), "-0.0");
    EXPECT_EQ(number_text(-NAN, true), "nan");
    EXPECT_EQ(number_text(-HUGE_VAL, true), "-inf");
    EXPECT_EQ(number_text(1.0 / 3.0), "0.3333333333333333");
}

TEST(PlainText, IsWhatStandsInAString) {
    EXPECT_EQ(plain_text("a b"), "a b");
    EXPECT_EQ(plain_text(3), "3");
    EXPECT_EQ(plain_text(3.0), "3");
    EXPECT_EQ(plain_text(0.25), "0.25");
    EXPECT_EQ(plain_text(true), "true");
    EXPECT_EQ(plain_text(nullptr), "null");
    EXPECT_EQ(plain_text(List{1, 2.0, "x"}), R"([1,2.0,"x"])");
}

}  // namespace
}  // namespace penstock
