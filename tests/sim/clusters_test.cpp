// Thousands of random clusters, plans and schedules, each from a seed. A failure names its seed and how to run it
// again.
#include "sim/simulate.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace penstock::sim {
namespace {

// Each of the eight tests of Seeds/Clusters takes as many seeds as PENSTOCK_SIM_SEEDS says, or 500.
std::uint64_t seeds_per_test() {
    const char* given = std::getenv("PENSTOCK_SIM_SEEDS");
    return given == nullptr ? 500 : std::strtoull(given, nullptr, 10);
}

std::string how_to_repeat(std::uint64_t seed) {
    return "PENSTOCK_SIM_SEED=" + std::to_string(seed) + " sim_test --gtest_filter=OneCluster.FromASeed";
}

class Clusters : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Clusters, KeepTheirPromises) {
    std::uint64_t jobs = 0, messages = 0;
    const std::uint64_t seeds = seeds_per_test(), first = 1 + GetParam() * seeds;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        const Scenario s = random_scenario(seed);
        const Outcome outcome = simulate(s);
        jobs += outcome.jobs;
        messages += outcome.messages;
        ASSERT_FALSE(outcome.violation) << "seed " << seed << ": " << outcome.violation->what()
                                        << "\n  again with: " << how_to_repeat(seed) << "\n"
                                        << transcript_of(s, 40);
    }
    // Were the plans to become empty by some change, all of this would pass and mean nothing.
    EXPECT_GT(jobs, 20 * seeds);
    EXPECT_GT(messages, 20 * seeds);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Clusters, ::testing::Range<std::uint64_t>(0, 8));

// Runs the seed given in the environment, with its messages; else a fixed one.
TEST(OneCluster, FromASeed) {
    const char* given = std::getenv("PENSTOCK_SIM_SEED");
    const std::uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
    const Scenario s = random_scenario(seed);
    if (given != nullptr) std::cout << transcript_of(s, 1'000'000);
    const Outcome outcome = simulate(s);
    EXPECT_FALSE(outcome.violation) << "seed " << seed << ": " << outcome.violation->what();
}

TEST(OneCluster, ASeedIsTheSameRunEveryTime) {
    for (const std::uint64_t seed : {3u, 17u, 2024u}) {
        const Scenario s = random_scenario(seed);
        EXPECT_EQ(transcript_of(s, 100'000), transcript_of(random_scenario(seed), 100'000)) << "seed " << seed;
    }
}

}  // namespace
}  // namespace penstock::sim
