// What should become of each job of a pipeline, worked out the simple way: one process, one pass, no messages.
#pragma once

#include "core/plan.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace penstock::sim {

enum class Fate : std::uint8_t { succeeds, fails, is_skipped };

// The fate of each job, when exactly the jobs for which `job_fails` is true fail if they run.
std::vector<Fate> fates(const Plan& plan, const std::function<bool(std::uint32_t job)>& job_fails);

// The producer jobs that instance `instance` of e.consumer follows by this edge.
std::vector<std::uint32_t> producers_of(const Plan& plan, const Edge& e, std::uint32_t instance);
// The consumer jobs that follow instance `instance` of e.producer by this edge.
std::vector<std::uint32_t> consumers_of(const Plan& plan, const Edge& e, std::uint32_t instance);

// Whether `ancestor` is a template above `t` by any path; a template is not its own ancestor.
bool is_above(const Plan& plan, std::uint32_t ancestor, std::uint32_t t);

}  // namespace penstock::sim
