#include "core/plan.hpp"

#include "support/print_value.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::EndsWith;

Axis range(std::string name, std::int64_t start, std::int64_t step, std::uint64_t count) {
    return {std::move(name), Range{start, step, count}};
}
Axis values(std::string name, std::vector<Value> list) { return {std::move(name), std::move(list)}; }

std::vector<std::string> labels(const ForEach& for_each) {
    std::vector<std::string> labels;
    for (std::uint32_t i = 0; i < for_each.count(); ++i) labels.push_back(for_each.label(i));
    return labels;
}

std::string label_of_one(Value value) { return ForEach{{{values("x", {std::move(value)})}}}.label(0); }

TEST(Axis, RangeCountsInSteps) {
    const Axis axis = range("seed", 10, -3, 4);
    EXPECT_EQ(axis.size(), 4u);
    EXPECT_EQ(axis.at(0), Value(10));
    EXPECT_EQ(axis.at(3), Value(1));
    EXPECT_THROW(axis.at(4), std::out_of_range);
}

TEST(Axis, LinspaceHasBothEndsExactly) {
    const Axis axis{"beta", Linspace{0.1, 0.7, 7}};
    EXPECT_EQ(axis.at(0), Value(0.1));
    EXPECT_EQ(axis.at(6), Value(0.7));
    EXPECT_DOUBLE_EQ(axis.at(3).float64(), 0.4);
    EXPECT_EQ((Axis{"beta", Linspace{5, 9, 1}}.at(0)), Value(5.0));
}

TEST(ForEach, TheLastDimensionVariesFastest) {
    const ForEach product{{{range("seed", 0, 1, 2)}, {values("beta", {0.1, 0.2, 1.0})}}};
    EXPECT_EQ(product.count(), 6u);
    EXPECT_THAT(product.names(), ElementsAre("seed", "beta"));
    EXPECT_THAT(labels(product), ElementsAre("seed=0,beta=0.1", "seed=0,beta=0.2", "seed=0,beta=1.0", "seed=1,beta=0.1",
                                             "seed=1,beta=0.2", "seed=1,beta=1.0"));
    EXPECT_EQ(product.parameters(4), (Document{{"seed", 1}, {"beta", 0.2}}));
    EXPECT_EQ(product.value("beta", 4), Value(0.2));
    EXPECT_THROW(product.value("gamma", 4), std::out_of_range);
}

TEST(ForEach, AxesOfOneDimensionAdvanceTogether) {
    const ForEach zip{{{range("a", 1, 1, 2), values("b", {"x", "y"})}, {range("c", 0, 1, 2)}}};
    EXPECT_EQ(zip.count(), 4u);
    EXPECT_THAT(labels(zip), ElementsAre("a=1,b=x,c=0", "a=1,b=x,c=1", "a=2,b=y,c=0", "a=2,b=y,c=1"));
}

TEST(ForEach, EveryInstanceOfThreeDimensionsIsADifferentOne) {
    const ForEach product{{{range("a", 0, 1, 3)}, {range("b", 0, 1, 4)}, {range("c", 0, 1, 5)}}};
    std::uint32_t instance = 0;
    for (int a = 0; a < 3; ++a)
        for (int b = 0; b < 4; ++b)
            for (int c = 0; c < 5; ++c)
                EXPECT_EQ(product.parameters(instance++), (Document{{"a", a}, {"b", b}, {"c", c}}));
    EXPECT_EQ(product.count(), instance);
}

TEST(ForEach, CountOfNoneOfAnEmptyAxisAndOfTooMany) {
    EXPECT_EQ(ForEach{}.count(), 1u);
    EXPECT_EQ(ForEach{}.label(0), "");
    EXPECT_EQ((ForEach{{{range("a", 0, 1, 1000)}, {values("b", {})}}}.count()), 0u);
    const ForEach huge{{{range("a", 0, 1, 1ull << 40)}, {range("b", 0, 1, 1ull << 40)}}};
    EXPECT_EQ(huge.count(), UINT32_MAX);
    const ForEach huge_and_empty{{{range("a", 0, 1, 1ull << 40)}, {range("b", 0, 1, 0)}}};
    EXPECT_EQ(huge_and_empty.count(), 0u);
}

TEST(ForEachLabel, WritesEachTypeSoThatNoTwoLookAlike) {
    EXPECT_EQ(label_of_one(1), "x=1");
    EXPECT_EQ(label_of_one(1.0), "x=1.0");
    EXPECT_EQ(label_of_one(INT64_MIN), "x=-9223372036854775808");
    EXPECT_EQ(label_of_one(1e-7), "x=1e-07");
    EXPECT_EQ(label_of_one(true), "x=true");
    EXPECT_EQ(label_of_one(nullptr), "x=null");
    EXPECT_EQ(label_of_one("plain-word_1.txt"), "x=plain-word_1.txt");
    EXPECT_EQ(label_of_one("true"), "x=\"true\"");
    EXPECT_EQ(label_of_one("nan"), "x=\"nan\"");
    EXPECT_EQ(label_of_one("1"), "x=\"1\"");
    EXPECT_EQ(label_of_one(""), "x=\"\"");
    EXPECT_EQ(label_of_one("a b,c=\"d\"]"), R"(x="a b,c=\"d\"]")");
    EXPECT_EQ(label_of_one(List{1, "a"}), R"(x=[1,"a"])");
}

TEST(ForEachLabel, LongValuesAreCutAndEndInTheirHash) {
    const std::string a = label_of_one(std::string(100'000, 'a'));
    const std::string b = label_of_one(std::string(99'999, 'a') + "b");
    EXPECT_LE(a.size(), kMaxLabelValue + 2);
    EXPECT_THAT(a, testing::StartsWith("x=\"aaaa"));
    EXPECT_THAT(a, testing::ContainsRegex("\\.\\.\\.#[0-9a-f]+$"));
    EXPECT_NE(a, b);
    EXPECT_EQ(label_of_one(std::string(kMaxLabelValue, 'a')), "x=" + std::string(kMaxLabelValue, 'a'));
    // Cut between characters, never within one.
    std::string waves = " ";
    for (int i = 0; i < 100; ++i) waves += "🌊";
    const std::string cut = label_of_one(waves);
    EXPECT_THAT(cut.substr(0, cut.find("...#")), EndsWith("🌊"));
}

TEST(LabelOf, IsInTheOrderOfKeys) {
    EXPECT_EQ(label_of({{"url", "http://127.0.0.1/"}, {"n", 3}}), "n=3,url=\"http://127.0.0.1/\"");
    EXPECT_EQ(label_of({}), "");
}

}  // namespace
}  // namespace penstock
