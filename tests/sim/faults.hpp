// What a faulty driver does to the messages on their way.
#pragma once

#include "sim/random.hpp"
#include "sim/scenario.hpp"

#include "protocol/messages.hpp"

#include <vector>

namespace penstock::sim {

// Changes a frame as the fault of the scenario would; `done` is for faults that happen once.
void spoil(Fault fault, std::vector<Envelope>& frame, Random& random, bool& done);

}  // namespace penstock::sim
