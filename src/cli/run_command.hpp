// `penstock run`: from the command line to the exit code.
#pragma once

#include "cli/command_line.hpp"
#include "cli/store_choice.hpp"
#include "cli/streams.hpp"
#include "report/console.hpp"
#include "run/run.hpp"

#include <penstock/application.hpp>

#include <string>
#include <vector>

namespace penstock {

struct RunSetup {
    const WorkerTypes& types;
    const std::vector<NamedStore>& stores;
    Driver driver;                          // may be null
    std::string program = "penstock";       // as it was started
    std::vector<std::string> command_line;  // all of it
};

// What rank 0 does in a launch that others take part in. Whatever happens, the others hear of it. Returns the exit
// code.
int lead_run(const RunCommand& command, const StoreChoice& store, const RunSetup& setup, Session& session,
             Streams& streams, Console& console);

// What all other ranks do.
int follow_run(const RunSetup& setup, Session& session);

}  // namespace penstock
