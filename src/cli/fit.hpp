// Jobs too big for every host of a launch: refused before anything runs, rather than waited for in vain.
#pragma once

#include "core/host_ledger.hpp"
#include "core/plan.hpp"
#include "run/run.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

// One sentence for each job of the plan that no host can hold.
std::vector<std::string> jobs_that_fit_nowhere(const Plan& plan, const HostLedger& hosts);

// A stream whose workers cannot all run at once: it would wait for ever, since it is granted all of its CPUs or none. A
// sentence, or nothing.
std::optional<std::string> stream_that_never_fits(const Plan& plan, const HostLedger& hosts);

// Workers of a stream that hold no CPU and would share those of the launch with one another, because there are more of
// them than slots that are left.
struct TimeShared {
    std::vector<std::string> stages;
    std::uint64_t workers = 0;
    std::uint64_t slots = 0;  // that the stream does not hold
};
std::optional<TimeShared> time_shared(const Plan& plan, const Launch& launch);
std::string time_shared_text(const Plan& plan, const TimeShared& shared);  // one sentence

// What to do about CPUs that the launcher keeps from all ranks, if it does that and nobody said `--slots`: by default
// Open MPI binds each of two ranks to one core, however many there are. A sentence, or nothing.
std::optional<std::string> unused_cpus(const Launch& launch);

HostLedger hosts_of(const Launch& launch, const std::map<std::string, std::uint64_t>& resources);

// A launch that would hold every job of the plans, from the one that was tried.
std::string launch_line(const std::vector<std::shared_ptr<const Plan>>& plans, const Launch& launch,
                        const std::vector<std::string>& command_line,
                        const std::map<std::string, std::uint64_t>& resources);

}  // namespace penstock
