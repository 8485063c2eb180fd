// From what was typed to validated plans, or to text that says what is wrong.
#pragma once

#include "cli/command_line.hpp"
#include "cli/streams.hpp"
#include "language/load.hpp"

#include <memory>
#include <string>
#include <vector>

namespace penstock {

struct Definitions {
    std::vector<std::shared_ptr<const Plan>> plans;
    std::string problems;  // rendered diagnostics, warnings too; "" = none
    bool ok = true;
};

// Reads the files of `source`; "-" is `streams.in`. `store_provides_keys`: a store of the program's own is in use.
Definitions load_definitions(const DefinitionSource& source, const WorkerTypes& types, bool store_provides_keys,
                             Streams& streams);

}  // namespace penstock
