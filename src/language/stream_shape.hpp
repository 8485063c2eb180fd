// The stages of a stream as its definition has them: without what complete_stream() added.
#pragma once

#include "core/plan.hpp"
#include "language/dag.hpp"

#include <vector>

namespace penstock {

// Whether the template is a stage of the definition; also true of jobs.
bool is_defined(const Plan& plan, std::uint32_t index);

// Who takes items from whom, both as indices of templates: by consumer, then in the order of its `from`. Empty unless
// the plan is a stream.
std::vector<Arc> stage_arcs(const Plan& plan);

}  // namespace penstock
