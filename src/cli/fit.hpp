// Jobs too big for every host of a launch: refused before anything runs, rather than waited for in vain.
#pragma once

#include "core/host_ledger.hpp"
#include "core/plan.hpp"
#include "run/run.hpp"

#include <map>
#include <string>
#include <vector>

namespace penstock {

// One sentence for each job of the plan that no host can hold.
std::vector<std::string> jobs_that_fit_nowhere(const Plan& plan, const HostLedger& hosts);

HostLedger hosts_of(const Launch& launch, const std::map<std::string, std::uint64_t>& resources);

// A launch that would hold every job of the plans, from the one that was tried.
std::string launch_line(const std::vector<std::shared_ptr<const Plan>>& plans, const Launch& launch,
                        const std::vector<std::string>& command_line,
                        const std::map<std::string, std::uint64_t>& resources);

}  // namespace penstock
