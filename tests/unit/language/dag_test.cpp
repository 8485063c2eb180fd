#include "language/dag.hpp"

#include "language/nearest_maker.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace penstock {
namespace {

constexpr std::uint64_t kPlenty = 1'000'000'000;

std::vector<Arc> random_arcs(std::mt19937_64& random, std::uint32_t nodes, double density) {
    // Numbers say nothing about the order: arcs go along a random permutation.
    std::vector<std::uint32_t> place(nodes);
    for (std::uint32_t i = 0; i < nodes; ++i) place[i] = i;
    std::shuffle(place.begin(), place.end(), random);
    std::vector<Arc> arcs;
    for (std::uint32_t a = 0; a < nodes; ++a)
        for (std::uint32_t b = a + 1; b < nodes; ++b)
            if (std::uniform_real_distribution<>()(random) < density) arcs.push_back({place[a], place[b]});
    std::shuffle(arcs.begin(), arcs.end(), random);
    return arcs;
}

// before[b] has all a that come before b.
std::vector<std::set<std::uint32_t>> all_before(const Dag& dag) {
    std::vector<std::set<std::uint32_t>> before(dag.size());
    for (std::uint32_t node : dag.order())
        for (std::uint32_t producer : dag.producers(node)) {
            before[node].insert(producer);
            before[node].insert(before[producer].begin(), before[producer].end());
        }
    return before;
}

TEST(Dag, PutsProducersFirst) {
    //  0 -> 2 -> 1
    //   \-> 3 ---^
    const std::vector<Arc> arcs{{2, 1}, {0, 2}, {3, 1}, {0, 3}};
    const Dag dag(4, arcs);
    EXPECT_EQ(dag.order(), (std::vector<std::uint32_t>{0, 2, 3, 1}));
    EXPECT_FALSE(dag.has_circles());
    EXPECT_TRUE(dag.circles().empty());
    EXPECT_EQ(dag.rank(1), 3u);
}

TEST(Dag, FindsOneShortCircleOfEachKnot) {
    //  0 -> 1 -> 2 -> 0,  2 -> 1 as well;  3 -> 3;  2 -> 4;  5 <-> 6
    const std::vector<Arc> arcs{{0, 1}, {1, 2}, {2, 0}, {2, 1}, {3, 3}, {2, 4}, {5, 6}, {6, 5}};
    const Dag dag(8, arcs);
    EXPECT_TRUE(dag.has_circles());
    EXPECT_EQ(dag.circles(), (std::vector<std::vector<std::uint32_t>>{{0, 1, 2}, {3}, {5, 6}}));
    EXPECT_EQ(dag.order(), std::vector<std::uint32_t>{7});
}

TEST(Dag, TakesCirclesOfAHundredThousand) {
    constexpr std::uint32_t kNodes = 100'000;
    std::vector<Arc> ring, pairs;
    for (std::uint32_t i = 0; i < kNodes; ++i) ring.push_back({i, (i + 1) % kNodes});
    for (std::uint32_t i = 0; i < kNodes; ++i) pairs.push_back({i, i ^ 1});
    const auto circles = Dag(kNodes, ring).circles();
    ASSERT_EQ(circles.size(), 1u);
    EXPECT_EQ(circles[0].size(), kNodes);
    EXPECT_EQ(Dag(kNodes, pairs).circles().size(), kNodes / 2);
}

TEST(Ancestry, AgreesWithAllPairsOnRandomGraphs) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 60; ++round) {
        const auto nodes = std::uniform_int_distribution<std::uint32_t>(1, 40)(random);
        const std::vector<Arc> arcs = random_arcs(random, nodes, std::uniform_real_distribution<>(0, 0.3)(random));
        const Dag dag(nodes, arcs);
        const auto before = all_before(dag);
        std::uint64_t steps = kPlenty;
        Ancestry ancestry(dag, steps);
        for (std::uint32_t a = 0; a < nodes; ++a)
            for (std::uint32_t b = 0; b < nodes; ++b)
                ASSERT_EQ(ancestry.precedes(a, b), before[b].contains(a)) << a << " before " << b;
    }
}

TEST(Ancestry, AnswersAtOnceAlongAChainOfAMillion) {
    constexpr std::uint32_t kNodes = 1'000'000;
    std::vector<Arc> arcs;
    for (std::uint32_t i = 1; i < kNodes; ++i) arcs.push_back({i - 1, i});
    const Dag dag(kNodes, arcs);
    std::uint64_t steps = 1000;
    Ancestry ancestry(dag, steps);
    for (std::uint32_t i = 0; i < 400; ++i) {
        EXPECT_TRUE(ancestry.precedes(i, kNodes - 1 - i));
        EXPECT_FALSE(ancestry.precedes(kNodes - 1 - i, i));
    }
    EXPECT_EQ(steps, 200u);
    EXPECT_THROW(
        {
            for (int i = 0; i < 1000; ++i) ancestry.precedes(0, 1);
        },
        TooManySteps);
}

// What the words say, without any cleverness.
NearestMaker::Found nearest_by_definition(const std::vector<std::set<std::uint32_t>>& before,
                                          const std::vector<std::uint32_t>& makers, std::uint32_t node) {
    std::vector<std::uint32_t> found;
    for (std::uint32_t maker : makers)
        if (before[node].contains(maker)) found.push_back(maker);
    if (found.empty()) return {};
    for (std::uint32_t candidate : found) {
        bool last = true;
        for (std::uint32_t other : found) last = last && (other == candidate || before[candidate].contains(other));
        if (last) return {NearestMaker::Found::What::one, candidate, 0};
    }
    return {NearestMaker::Found::What::several, 0, 0};
}

TEST(NearestMaker, IsTheOneAfterAllOthers) {
    const std::uint64_t seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::uint64_t ones = 0, several = 0;
    for (int round = 0; round < 200; ++round) {
        const auto nodes = std::uniform_int_distribution<std::uint32_t>(1, 60)(random);
        const std::vector<Arc> arcs = random_arcs(random, nodes, std::uniform_real_distribution<>(0, 0.25)(random));
        const Dag dag(nodes, arcs);
        const auto before = all_before(dag);
        std::vector<std::vector<std::uint32_t>> makers(3);  // of few jobs, of many, of nearly all
        for (std::uint32_t node = 0; node < nodes; ++node)
            for (std::uint32_t key = 0; key < 3; ++key)
                if (std::uniform_real_distribution<>()(random) < (key == 0 ? 0.05 : key == 1 ? 0.5 : 0.9))
                    makers[key].push_back(node);
        NearestMaker nearest(dag, makers, kPlenty);
        for (std::uint32_t node = 0; node < nodes; ++node)
            for (std::uint32_t key = 0; key < 3; ++key) {
                const NearestMaker::Found expected = nearest_by_definition(before, makers[key], node);
                const NearestMaker::Found found = nearest.find(node, key);
                ASSERT_EQ(found.what, expected.what) << "node " << node << " key " << key;
                if (found.what == NearestMaker::Found::What::one) {
                    ASSERT_EQ(found.maker, expected.maker);
                    ++ones;
                }
                if (found.what == NearestMaker::Found::What::several) {
                    ++several;
                    ASSERT_TRUE(before[node].contains(found.maker) && before[node].contains(found.other));
                    ASSERT_FALSE(before[found.maker].contains(found.other) ||
                                 before[found.other].contains(found.maker));
                }
            }
    }
    EXPECT_GT(ones, 100u);
    EXPECT_GT(several, 100u);
}

TEST(NearestMaker, IsLinearAlongChainsAndLadders) {
    constexpr std::uint32_t kNodes = 100'000;
    // A chain where only the first twenty make the key and all others ask for it.
    std::vector<Arc> chain;
    for (std::uint32_t i = 1; i < kNodes; ++i) chain.push_back({i - 1, i});
    std::vector<std::vector<std::uint32_t>> makers(1);
    for (std::uint32_t i = 0; i < 20; ++i) makers[0].push_back(i);
    const Dag dag(kNodes, chain);
    NearestMaker nearest(dag, makers, 10 * kNodes);
    for (std::uint32_t i = 20; i < kNodes; ++i) ASSERT_EQ(nearest.find(i, 0).maker, 19u);
    // A ladder where all make it: two producers each, of which one comes before the other.
    std::vector<Arc> ladder;
    for (std::uint32_t i = 1; i < kNodes; ++i) {
        ladder.push_back({i - 1, i});
        if (i > 1) ladder.push_back({i - 2, i});
    }
    makers[0].clear();
    for (std::uint32_t i = 0; i < kNodes; ++i) makers[0].push_back(i);
    const Dag rungs(kNodes, ladder);
    NearestMaker on_rungs(rungs, makers, 20 * kNodes);
    for (std::uint32_t i = 1; i < kNodes; ++i) ASSERT_EQ(on_rungs.find(i, 0).maker, i - 1);
}

TEST(NearestMaker, GivesUpWhenItTakesTooLong) {
    std::mt19937_64 random(1);
    const std::vector<Arc> arcs = random_arcs(random, 300, 0.2);
    const Dag dag(300, arcs);
    std::vector<std::vector<std::uint32_t>> makers(1);
    for (std::uint32_t i = 0; i < 300; i += 2) makers[0].push_back(i);
    NearestMaker nearest(dag, makers, 100);
    std::uint64_t given_up = 0;
    for (std::uint32_t i = 0; i < 300; ++i)
        given_up += nearest.find(i, 0).what == NearestMaker::Found::What::too_many_steps;
    EXPECT_GT(given_up, 250u);
}

}  // namespace
}  // namespace penstock
