// What a plan comes to, without running it: what `penstock check` prints.
#pragma once

#include "core/plan.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace penstock {

struct PlanStatistics {
    std::uint64_t jobs = 0;       // instances
    std::uint64_t templates = 0;  // entries under `jobs:`
    // Dependencies between jobs, every instance counted: m jobs that all wait for n are m * n. Stays at 2^64 - 1 when
    // it would be more.
    std::uint64_t edges = 0;
    std::uint64_t depth = 0;  // jobs in the longest chain
    // The most jobs in one level, where a job's level is the length of the longest chain that ends with it: a lower
    // bound of how many could run at once.
    std::uint64_t width = 0;

    // A longest chain, by number of jobs: one template of each level, first to last.
    std::vector<TemplateIndex> critical_path;
    // The chain that may take longest by the timeouts of its jobs (without retries), and how long that is; empty when
    // no job has a timeout. Jobs without one count as nothing.
    std::vector<TemplateIndex> critical_path_by_timeout;
    double critical_path_timeout_s = 0;

    // The most that any one job asks for.
    std::uint64_t cpus = 0;
    std::uint64_t memory_bytes = 0;
    std::map<std::string, std::uint64_t> resources;

    // Of a stream: `jobs` are workers, `templates` stages, `edges` between stages, `depth` stages in the longest chain
    // (critical_path); width and timeouts say nothing. All workers run at once, so that `cpus`, `memory_bytes` and
    // `resources` are of all together.
    bool stream = false;
};

// O(templates + edges). Templates without instances (an empty for-each) count as nothing, and nothing waits for them.
PlanStatistics statistics_of(const Plan& plan);

// "4 jobs, 3 edges, depth 3, width 2", "critical path: a -> b -> c", "each job at most: 2 cpus, 500 MiB, 1 matlab": one
// line each. Of a stream: "4 stages, 8 workers, 3 edges, depth 4", "longest path: ...", a line for each stage, and what
// they hold.
std::string to_text(const PlanStatistics& statistics, const Plan& plan);

}  // namespace penstock
