// Clusters that lose brokers and pipeliners in the middle, dead or only silent. A failure names its seed and how to run
// it again.
#include "sim/simulate.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

namespace penstock::sim {
namespace {

// Each of the four tests takes as many seeds as PENSTOCK_SIM_SEEDS says, or 500.
std::uint64_t seeds_per_test() {
    const char* given = std::getenv("PENSTOCK_SIM_SEEDS");
    return given == nullptr ? 500 : std::strtoull(given, nullptr, 10);
}

class Losses : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Losses, CostNothingThatIsDurable) {
    std::uint64_t jobs = 0;
    const std::uint64_t seeds = seeds_per_test(), first = 1 + GetParam() * seeds;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        const Outcome outcome = simulate_losses(random_losses(seed));
        jobs += outcome.jobs;
        ASSERT_FALSE(outcome.violation) << "seed " << seed << ": " << outcome.violation->what()
                                        << "\n  again with: PENSTOCK_SIM_SEED=" << seed
                                        << " sim_test --gtest_filter=OneLoss.FromASeed";
    }
    EXPECT_GT(jobs, 15 * seeds);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Losses, ::testing::Range<std::uint64_t>(0, 4));

// That the checker sees, and is not seen through.
class LossFaults : public ::testing::TestWithParam<std::pair<const char*, Fault>> {};

TEST_P(LossFaults, AreCaught) {
    int caught = 0;
    for (std::uint64_t seed = 1; seed <= 4000 && caught < 2; ++seed) {
        Scenario s = random_losses(seed);
        s.fault = GetParam().second;
        if (s.fault != Fault::old_epochs)
            s = without_streams(s);
        else if (s.streams.empty())
            continue;
        s.drain_at = s.end_now_at = std::nullopt;  // they need time to show
        s.crash_limit = 1000;
        if (s.fault == Fault::stale_ends) s.longest_delay = 50'000'000;  // many are on their way
        if (s.fault == Fault::unfenced_zombie)
            for (Death& death : s.deaths) death.back_after = death.noticed_after + 50'000'000;
        if (simulate_losses(s).violation) ++caught;
    }
    EXPECT_GT(caught, 1) << "of 4,000 seeds";
}

INSTANTIATE_TEST_SUITE_P(Simulated, LossFaults,
                         ::testing::Values(std::pair("unfenced_zombie", Fault::unfenced_zombie),
                                           std::pair("deaf_to_withdraw", Fault::deaf_to_withdraw),
                                           std::pair("stale_ends", Fault::stale_ends),
                                           std::pair("heard_zombie", Fault::heard_zombie),
                                           std::pair("old_epochs", Fault::old_epochs)),
                         [](const auto& chosen) { return std::string(chosen.param.first); });

TEST(OneLoss, FromASeed) {
    const char* given = std::getenv("PENSTOCK_SIM_SEED");
    const std::uint64_t seed = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
    const Scenario s = random_losses(seed);
    const Outcome outcome = simulate_losses(s, [given](Nanoseconds now, const Envelope& e) {
        if (given != nullptr) std::cout << now << " ns  " << describe(e) << "\n";
    });
    for (const Death& d : s.deaths)
        if (given != nullptr)
            std::cout << "rank " << d.rank << (d.back_after == 0 ? " dies at " : " stands still from ") << d.at
                      << ", noticed at " << d.at + d.noticed_after << "\n";
    EXPECT_FALSE(outcome.violation) << "seed " << seed << ": " << outcome.violation->what();
}

}  // namespace
}  // namespace penstock::sim
