// Strong identifiers. Swapped arguments do not compile; each prints itself.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace penstock {

template <class Tag>
struct Id {
    std::uint32_t value = 0;

    constexpr Id() = default;
    constexpr explicit Id(std::uint32_t v) : value(v) {}
    friend constexpr auto operator<=>(Id, Id) = default;
};

// A submitted pipeline, numbered by the router in order of submission. Pipelines of one --for-each share a plan.
using PipelineId = Id<struct PipelineTag>;
// A validated definition.
using PlanId = Id<struct PlanTag>;
// A job within its plan: the instances of template t are first_job(t) .. first_job(t) + count(t) - 1.
using JobIndex = Id<struct JobTag>;
// A job template (one entry under `jobs:`) within its plan, in definition order.
using TemplateIndex = Id<struct TemplateTag>;
// A process of the launch. Rank 0 is the router.
using Rank = Id<struct RankTag>;

// Some consecutive jobs of one pipeline: how nearly every message speaks of jobs.
struct JobRun {
    PipelineId pipeline;
    JobIndex first;
    std::uint32_t count = 1;
    friend bool operator==(const JobRun&, const JobRun&) = default;
};

// Nanoseconds on some clock that does not jump; the pump says which.
using Nanoseconds = std::int64_t;

}  // namespace penstock

template <class Tag>
struct std::hash<penstock::Id<Tag>> {
    std::size_t operator()(penstock::Id<Tag> id) const noexcept { return std::hash<std::uint32_t>{}(id.value); }
};
