// Random graphs of templates: single jobs and for-eachs (over nothing, too), after and inputs, twins, groups, all of a
// for-each, when ended, priorities, resources.
#pragma once

#include "core/host_ledger.hpp"
#include "core/plan.hpp"
#include "sim/random.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace penstock::sim {

// What each job makes for others.
inline constexpr const char* kOutputs[] = {"out", "more"};

struct PlanLimits {
    bool reserved = false;  // some jobs need more than one CPU
    std::vector<HostDescription> hosts;
    std::map<std::string, std::uint64_t> named;
    std::uint32_t most_instances = 40;  // of one template
};

std::shared_ptr<const Plan> random_plan(const PlanLimits& limits, Random& random);

}  // namespace penstock::sim
