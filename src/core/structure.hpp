// The skeleton of a plan: how its jobs depend on one another, and nothing else. It is what a pipeliner knows.
//
// Compact, because a pipeliner keeps it for plans of a million jobs: about 16 bytes a template and 16 an edge, nothing
// per instance.
#pragma once

#include "core/plan.hpp"

#include <cstdint>
#include <vector>

namespace penstock {

struct Structure {
    static constexpr std::uint32_t kNone = 0xffffffff;

    struct OutEdge {
        std::uint32_t consumer = 0;
        std::uint32_t grouping = 0;
        Relation relation = Relation::all;
        When when = When::succeeded;
        bool carries_values = false;
    };

    std::vector<std::uint32_t> first_job;   // templates + 1 entries
    std::vector<std::uint32_t> edge_begin;  // templates + 1 entries: out-edges of each template
    std::vector<OutEdge> edges;
    std::vector<Grouping> groupings;
    // The producer of a template whose inputs all come from one job each (a twin, or a template of one job); else
    // kNone.
    std::vector<std::uint32_t> sole_source;
    std::vector<std::uint8_t> has_inputs;  // some in-edge carries values
    std::vector<std::uint8_t> feeds;       // some out-edge carries values: its broker keeps the outputs
    bool any_values = false;               // some edge carries values

    // The value-carrying in-edges of each template, for knowing when outputs can be forgotten.
    struct InEdge {
        std::uint32_t producer = 0;
        std::uint32_t grouping = 0;
        Relation relation = Relation::all;
    };
    std::vector<std::uint32_t> input_begin;  // templates + 1 entries
    std::vector<InEdge> inputs;

    std::vector<GroupMembers> members;  // one for each grouping

    std::uint32_t templates() const { return static_cast<std::uint32_t>(first_job.size()) - 1; }
    std::uint32_t jobs() const { return first_job.back(); }
    std::uint32_t count(std::uint32_t t) const { return first_job[t + 1] - first_job[t]; }
    std::uint32_t template_of(std::uint32_t job) const;  // O(1) when every template is one job, else O(log templates)
};

Structure structure_of(const Plan& plan);

}  // namespace penstock
