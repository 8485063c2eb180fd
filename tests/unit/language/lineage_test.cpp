#include "language/lineage.hpp"

#include <gtest/gtest.h>

#include <random>

namespace penstock {
namespace {

Axis axis(std::string name, std::vector<Value> values) {
    Axis a;
    a.name = std::move(name);
    a.values = std::move(values);
    return a;
}

Axis range(std::string name, std::uint64_t count) {
    Axis a;
    a.name = std::move(name);
    a.values = Range{0, 1, count};
    return a;
}

ForEach random_for_each(std::mt19937_64& random, std::vector<std::string>& names) {
    const auto number = [&](int least, int most) { return std::uniform_int_distribution<>(least, most)(random); };
    ForEach for_each;
    const int dimensions = number(1, 4);
    for (int d = 0; d < dimensions; ++d) {
        const int size = number(1, 6), axes = number(1, 3);
        std::vector<Axis> dimension;
        for (int a = 0; a < axes; ++a) {
            names.push_back("n" + std::to_string(names.size()));
            if (number(0, 2) == 0) {
                dimension.push_back(range(names.back(), size));
                continue;
            }
            std::vector<Value> values;
            for (int i = 0; i < size; ++i) values.emplace_back(number(0, 2));
            dimension.push_back(axis(names.back(), std::move(values)));
        }
        for_each.dimensions.push_back(std::move(dimension));
    }
    return for_each;
}

TEST(Group, IsThatOfFirstAppearance) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 300; ++round) {
        std::vector<std::string> names;
        const ForEach values = random_for_each(random, names);
        std::vector<std::string_view> by;
        for (const std::string& name : names)
            if (std::uniform_int_distribution<>(0, 1)(random) == 0) by.push_back(name);
        if (by.empty()) by.push_back(names[0]);
        const Grouped grouped = group(values, by);
        std::vector<Document> firsts;
        for (std::uint32_t i = 0; i < values.count(); ++i) {
            Document own;
            for (std::string_view name : by) own.emplace(name, values.value(name, i));
            std::size_t g = 0;
            while (g < firsts.size() && firsts[g] != own) ++g;
            if (g == firsts.size()) firsts.push_back(own);
            ASSERT_EQ(grouped.rule.group_of(i), g) << "instance " << i;
        }
        ASSERT_EQ(grouped.rule.groups, firsts.size());
        ASSERT_EQ(grouped.values->count(), firsts.size());
        for (std::uint32_t g = 0; g < firsts.size(); ++g) ASSERT_EQ(grouped.values->parameters(g), firsts[g]);
    }
}

TEST(Group, OfWholeDimensionsCostsNothing) {
    ForEach values;
    values.dimensions = {{range("seed", 1'000'000'000)}, {axis("beta", {0.1, 0.2})}};
    const Grouped grouped = group(values, {"seed"});
    EXPECT_EQ(grouped.rule.groups, 1'000'000'000u);
    EXPECT_EQ(grouped.rule.group_of(7), 3u);
    const Grouped by_beta = group(values, {"beta"});
    EXPECT_EQ(by_beta.rule.groups, 2u);
    EXPECT_EQ(by_beta.rule.group_of(7), 1u);
}

TEST(Group, OfNothingHasNoGroups) {
    ForEach values;
    values.dimensions = {{range("a", 0)}, {axis("b", {1, 2})}};
    const Grouped grouped = group(values, {"b"});
    EXPECT_EQ(grouped.rule.groups, 0u);
    EXPECT_EQ(grouped.values->count(), 0u);
}

TEST(Lineage, KnowsTwinsAndGroupsAlongChains) {
    //  0 <- like 1 <- like 2;   0 <- by 3 <- like 4 <- by 5;   6 apart
    ForEach values;
    values.dimensions = {{axis("a", {1, 2})}, {axis("b", {1, 2, 3})}};
    const Grouped by_b = group(values, {"b"});
    ForEach of_b = *by_b.values;
    of_b.dimensions[0].push_back(axis("c", {1, 1, 2}));
    const Grouped by_c = group(of_b, {"c"});
    Lineage lineage(7);
    lineage.set_like(1, 0);
    lineage.set_like(2, 1);
    lineage.set_grouped(3, 1, by_b.rule);
    lineage.set_like(4, 3);
    lineage.set_grouped(5, 4, by_c.rule);
    EXPECT_EQ(lineage.relation(0, 2), Relation::twin);
    EXPECT_EQ(lineage.relation(2, 1), Relation::twin);
    EXPECT_EQ(lineage.relation(2, 4), Relation::group);
    EXPECT_EQ(lineage.relation(1, 5), Relation::group);
    EXPECT_EQ(lineage.relation(3, 5), Relation::group);
    EXPECT_EQ(lineage.relation(4, 3), Relation::twin);
    EXPECT_EQ(lineage.relation(3, 0), Relation::all);
    EXPECT_EQ(lineage.relation(5, 4), Relation::all);
    EXPECT_EQ(lineage.relation(6, 0), Relation::all);

    std::vector<Grouping> groupings;
    std::uint64_t left = 12;
    const auto first = lineage.grouping(2, 4, 6, groupings, left);
    ASSERT_TRUE(first);
    EXPECT_EQ(groupings[*first].consumer_of, (std::vector<std::uint32_t>{0, 1, 2, 0, 1, 2}));
    const auto composed = lineage.grouping(0, 5, 6, groupings, left);
    ASSERT_TRUE(composed);
    EXPECT_EQ(groupings[*composed].consumer_of, (std::vector<std::uint32_t>{0, 0, 1, 0, 0, 1}));
    EXPECT_EQ(groupings[*composed].groups, 2u);
    EXPECT_EQ(lineage.grouping(1, 3, 6, groupings, left), first);  // the same classes: the same grouping
    EXPECT_EQ(left, 0u);
    EXPECT_FALSE(lineage.grouping(3, 5, 3, groupings, left));
}

}  // namespace
}  // namespace penstock
