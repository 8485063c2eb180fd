// What a run of some plans would do, for `check` and `--dry-run`. Pure.
#pragma once

#include "core/plan.hpp"

#include <memory>
#include <string>
#include <vector>

namespace penstock {

std::string plans_text(const std::vector<std::shared_ptr<const Plan>>& plans);

}  // namespace penstock
