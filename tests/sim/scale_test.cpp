// Simulations of a given size: how many there are in a second, and that a thousand brokers keep their promises too.
#include "sim/simulate.hpp"

#include "support/plans.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

namespace penstock::sim {
namespace {

// One pipeline on brokers of two slots, ten a host, that is killed and gone on with.
Scenario scenario(std::uint64_t seed, std::uint32_t brokers, const std::string& graph) {
    Random random(seed);
    Scenario s;
    s.seed = seed;
    s.ranks = brokers + 2;
    s.pipeliners = {1};
    for (std::uint32_t b = 0; b < brokers; ++b) {
        if (b % 10 == 0) s.hosts.push_back({"host" + std::to_string(b / 10), 20, 0});
        s.brokers.push_back({b + 2, b / 10, 2});
    }
    s.plans = {test::plan_of(graph)};
    s.jobs = s.plans.front()->job_count;
    s.submissions = {{}};
    s.failing = 0.02;
    s.longest_job = 100'000'000;
    return s;
}

// PENSTOCK_SIM_RUNS=N: so many, for a figure that means something.
TEST(Scale, TenBrokersAndTwoHundredJobs) {
    const char* given = std::getenv("PENSTOCK_SIM_RUNS");
    const std::uint64_t runs = given == nullptr ? 50 : std::strtoull(given, nullptr, 10);
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t jobs = 0;
    for (std::uint64_t seed = 1; seed <= runs; ++seed) {
        const Outcome outcome =
            simulate(scenario(seed, 10, "load[50] => work : twin; work => all; other[98]; other -> last"));
        ASSERT_FALSE(outcome.violation) << "seed " << seed << ": " << outcome.violation->what();
        jobs += outcome.jobs;
    }
    EXPECT_EQ(jobs, runs * 200);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    std::cout << static_cast<double>(runs) / seconds.count() << " simulated runs a second\n";
}

TEST(Scale, AThousandBrokers) {
    Scenario s = scenario(7, 1000, "load[3000] => work : twin; work => all");
    s.killed_at = 60'000'000;
    const Outcome outcome = simulate(s);
    EXPECT_FALSE(outcome.violation) << outcome.violation->what();
    EXPECT_GE(outcome.jobs, 6001u);
    EXPECT_GE(outcome.launches, 2u);
}

}  // namespace
}  // namespace penstock::sim
