// A plan as Graphviz text: `penstock dot`.
#pragma once

#include "core/plan.hpp"

#include <cstdint>
#include <map>
#include <ostream>
#include <string>

namespace penstock {

// How the jobs of one template ended, for colours.
struct TemplateOutcome {
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t skipped = 0;
};
using Outcomes = std::map<std::uint32_t, TemplateOutcome>;  // by template index; templates that are missing did not run

// One node a template ("simulate", its worker and, with a for-each, how many jobs it stands for), one arrow an edge:
// bold for twins, dotted where the producer need not succeed. With `outcomes` nodes are green (all succeeded), red
// (some failed), grey (skipped), yellow (some not ended) or white. O(templates + edges).
void write_dot(const Plan& plan, std::ostream& out, const Outcomes* outcomes = nullptr);
std::string dot_text(const Plan& plan, const Outcomes* outcomes = nullptr);

// Text as a double-quoted Graphviz string.
std::string dot_quoted(std::string_view text);

}  // namespace penstock
