// The plans of a run, made again from the definitions stored with its results.
#pragma once

#include "cli/streams.hpp"
#include "core/plan.hpp"
#include "store/results.hpp"

#include <penstock/worker.hpp>

#include <memory>
#include <vector>

namespace penstock {

// Those that this program can read; what is wrong with the others is told to streams.err.
std::vector<std::shared_ptr<const Plan>> plans_of(const Results& results, const WorkerTypes& types, Streams& streams);

}  // namespace penstock
