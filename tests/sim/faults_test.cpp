// The checkers see: a driver that is made to do wrong is caught, each time by the checker whose promise it breaks.
#include "sim/simulate.hpp"

#include <gtest/gtest.h>

#include <map>
#include <ostream>
#include <set>

namespace penstock::sim {
namespace {

constexpr std::uint64_t kSeeds = 400;

struct Case {
    Fault fault;
    std::string name;
    std::set<std::string> seen_by;  // any of these, and nothing else
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

// The occasion of some faults is rare: runs are killed while much of them is durable and much is not.
void provoke(Scenario& s) {
    if (s.fault == Fault::deaf_to_end) {
        s.drain_at = 20'000'000;
        s.end_now_at = 30'000'000;
        s.shortest_job = s.longest_job = 2'000'000'000;
    }
    if (s.fault != Fault::forget_tried && s.fault != Fault::merge_early && s.fault != Fault::count_zombies) return;
    Random random(s.seed);
    s.killed_at = 50'000'000 + static_cast<Nanoseconds>(random.real() * 3e8);
    s.drain_at = s.end_now_at = std::nullopt;
    s.store_fails_at.reset();
    s.failing = 0.4;
    s.shortest_job = 1000;
    s.longest_job = 50'000'000;
    s.retry_delay = 100'000'000;
    s.refusing = 0;
}

bool concerns_streams(Fault fault) {
    return fault == Fault::no_taken || fault == Fault::early_open || fault == Fault::early_items;
}

class Faults : public ::testing::TestWithParam<Case> {};

TEST_P(Faults, AreCaught) {
    std::map<std::string, int> caught;
    const auto enough = [&] {  // those that see it often have done so
        int times = 0;
        for (const auto& [checker, n] : caught) times += n;
        return times >= 20 && caught.size() >= GetParam().seen_by.size();
    };
    for (std::uint64_t seed = 1; seed <= kSeeds && !enough(); ++seed) {
        Scenario s = random_scenario(seed);
        s.fault = GetParam().fault;
        if (!concerns_streams(s.fault))
            s = without_streams(s);
        else if (s.streams.empty())
            continue;
        provoke(s);
        const Outcome outcome = simulate(s);
        if (!outcome.violation) continue;  // the occasion need not arise
        ++caught[outcome.violation->checker()];
        EXPECT_TRUE(GetParam().seen_by.contains(outcome.violation->checker()))
            << "seed " << seed << ": " << outcome.violation->what();
    }
    int times = 0;
    for (const auto& [checker, n] : caught) times += n;
    EXPECT_GT(times, 3) << "of " << kSeeds << " seeds";
    for (const std::string& checker : GetParam().seen_by) EXPECT_GT(caught[checker], 0) << checker << " saw nothing";
}

INSTANTIATE_TEST_SUITE_P(
    Simulated, Faults,
    ::testing::Values(
        Case{Fault::drop_ended, "drop_ended", {"liveness"}}, Case{Fault::drop_ready, "drop_ready", {"liveness"}},
        Case{Fault::double_ended, "double_ended", {"books balance"}},
        Case{Fault::double_ready,
             "double_ready",
             {"attempts", "books balance", "exactly once", "values", "no idle slot", "liveness"}},
        Case{Fault::reordered_link, "reordered_link", {"books balance", "drained", "liveness"}},
        Case{Fault::hidden_failure, "hidden_failure", {"parents first", "values"}},
        Case{Fault::early_release, "early_release", {"values"}}, Case{Fault::no_release, "no_release", {"values"}},
        Case{Fault::no_forget_plan, "no_forget_plan", {"plans forgotten"}},
        Case{Fault::inputs_unasked, "inputs_unasked", {"values"}}, Case{Fault::no_end, "no_end", {"time left"}},
        Case{Fault::deaf_to_end, "deaf_to_end", {"in time"}},
        Case{Fault::early_durable, "early_durable", {"kept for good"}},
        Case{Fault::drop_returned, "drop_returned", {"liveness"}},
        Case{Fault::drop_fetched, "drop_fetched", {"liveness"}},
        Case{Fault::forget_kept, "forget_kept", {"kept for good"}},
        Case{Fault::forget_tried, "forget_tried", {"attempts"}}, Case{Fault::lose_stored, "lose_stored", {"values"}},
        Case{Fault::count_zombies, "count_zombies", {"one final row"}},
        Case{Fault::merge_early, "merge_early", {"kept for good"}},
        Case{Fault::over_twice, "over_twice", {"over when durable"}},
        Case{Fault::start_twice, "start_twice", {"exactly once"}},
        Case{Fault::keep_returned, "keep_returned", {"exactly once", "attempts"}},
        Case{Fault::large_hosts, "large_hosts", {"resources"}},
        Case{Fault::crowded_broker, "crowded_broker", {"resources"}},
        Case{Fault::deaf_broker, "deaf_broker", {"liveness"}}, Case{Fault::drop_attempt, "drop_attempt", {"liveness"}},
        Case{Fault::double_attempt, "double_attempt", {"books balance"}},
        Case{Fault::fast_clock, "fast_clock", {"attempts", "time left"}},
        Case{Fault::blind_broker, "blind_broker", {"attempts", "exactly once"}},
        Case{Fault::same_attempt, "same_attempt", {"attempts"}}, Case{Fault::no_taken, "no_taken", {"liveness"}},
        Case{Fault::early_open, "early_open", {"streams placed"}},
        Case{Fault::early_items, "early_items", {"stream positions"}},
        Case{Fault::idle_router, "idle_router", {"no idle slot", "liveness"}}),
    [](const auto& chosen) { return chosen.param.name; });

}  // namespace
}  // namespace penstock::sim
