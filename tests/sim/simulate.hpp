// One simulation from a seed, with all checkers: a run, and the launches that go on with it when it is killed or ends
// early.
#pragma once

#include "sim/scenario.hpp"
#include "sim/world.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace penstock::sim {

struct Outcome {
    std::optional<Violation> violation;
    std::uint64_t jobs = 0, messages = 0;  // of all launches
    std::uint32_t launches = 0;
};

Outcome simulate(const Scenario& s);
// Of one launch that loses ranks: with the checkers of what holds then.
Outcome simulate_losses(const Scenario& s, const std::function<void(Nanoseconds, const Envelope&)>& transcript = {});

// The same, telling the last messages before the end; for people.
std::string transcript_of(const Scenario& s, std::size_t last_messages);

}  // namespace penstock::sim
