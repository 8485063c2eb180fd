// What the stages of streams have done, as a table, and which of them holds the others up. Pure.
#pragma once

#include "report/observer.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace penstock {

// A line for each stage: items in and out, how many a second of one stream, and where the time of its workers went.
// Columns that are zero everywhere (dropped, skipped, ...) are left out. "" when there are no stages.
std::string stage_table(std::span<const StageSummary> stages, std::string_view indent);

// Which of the stages of one definition holds the others up, why, and what would help; nothing when it was over too
// soon to tell. `slots`: how many workers the run can have busy at once.
std::optional<std::string> bottleneck_text(std::span<const StageSummary> stages, std::uint64_t slots);

// Those of the same definition, which stand together.
std::vector<std::span<const StageSummary>> by_pipeline(std::span<const StageSummary> stages);

}  // namespace penstock
