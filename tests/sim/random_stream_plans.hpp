// Random streams for a cluster that also runs jobs: some of their stages hold CPUs, most hold nothing.
#pragma once

#include "sim/random.hpp"
#include "sim/scenario.hpp"

namespace penstock::sim {

// To some of the scenarios. `may_fail`: at an item of one of their stages.
void add_streams(Scenario& s, Random random, bool may_fail);

}  // namespace penstock::sim
