// Who is where, one line a role. Pure.
#pragma once

#include "report/observer.hpp"

#include <string>
#include <vector>

namespace penstock {

// router     0  node1  pid 4711
// pipeliner  1  node1  pid 4712
// broker     2  node2  pid 4713  4 slots
std::string roles_text(const std::vector<RoleLine>& roles);

}  // namespace penstock
