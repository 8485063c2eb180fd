// What the command line says about keys: --set and --for-each.
#pragma once

#include "language/input_files.hpp"
#include "language/load.hpp"
#include "language/node.hpp"

#include <penstock/value.hpp>

#include <string>
#include <utility>
#include <vector>

namespace penstock {

// Where the keys of jobs may come from besides the definition.
struct OutsideKeys {
    std::vector<std::pair<std::string, Value>> set;  // --set, later ones win
    std::vector<std::string> for_each_keys;
    bool for_each_given = false;
    bool store_provides_keys = false;
};

// Arguments of --set that are no good are reported and left out.
OutsideKeys read_outside_keys(const LoadOptions& options, Sources& sources, Arena& arena, Diagnostics& diagnostics);

}  // namespace penstock
