// The worker type `command`: a program of its own, described by the job's parameters (docs/command.md).
//
// Brokers run such jobs without a worker process: see exec/external_runner.hpp.
#pragma once

#include <penstock/worker.hpp>

namespace penstock {

WorkerType command_worker_type();

}  // namespace penstock
