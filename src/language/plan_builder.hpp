// From a definition as it is written to a plan that can run, or to all that is wrong with it.
#pragma once

#include "language/plan_draft.hpp"

#include <filesystem>
#include <memory>

namespace penstock {

// Null when something is wrong (reported). `directory` is where the definition's relative paths begin.
std::shared_ptr<const Plan> build_plan(const Reading& reading, const Definition& definition, const WorkerTypes& types,
                                       const OutsideKeys& outside, const std::filesystem::path& directory,
                                       Sources& sources);

}  // namespace penstock
