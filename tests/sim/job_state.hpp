// A job, and how far it is, in the simulation.
#pragma once

#include "core/ids.hpp"

#include <cstdint>
#include <string>

namespace penstock::sim {

struct JobRef {
    PipelineId pipeline;
    std::uint32_t job = 0;
    friend auto operator<=>(const JobRef&, const JobRef&) = default;
};
inline std::string text(const JobRef& j) { return std::to_string(j.pipeline.value) + ":" + std::to_string(j.job); }

// again: an attempt has failed, and another is to come.
enum class JobState : std::uint8_t { waiting, running, again, succeeded, failed, skipped };

}  // namespace penstock::sim
