// Commands about definitions: check and dot. Each returns the exit code.
#pragma once

#include "cli/command_line.hpp"
#include "cli/streams.hpp"

#include <penstock/worker.hpp>

namespace penstock {

int run_check(const CheckCommand& command, const WorkerTypes& types, bool store_provides_keys, Streams& streams);
int run_dot(const DotCommand& command, const WorkerTypes& types, Streams& streams);

}  // namespace penstock
