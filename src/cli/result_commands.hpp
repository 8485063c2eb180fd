// Commands that read the results of a run: table, jobs, stages, log, collect; and workers. Each returns the exit code.
//
// Errors: StoreError when there is nothing to read; run_application() prints it.
#pragma once

#include "cli/command_line.hpp"
#include "cli/streams.hpp"

#include <penstock/worker.hpp>

#include <string>

namespace penstock {

int run_table(const TableCommand& command, Streams& streams);
int run_jobs(const JobsCommand& command, Streams& streams);
int run_stages(const StagesCommand& command, Streams& streams);
// why_command.cpp
int run_why(const WhyCommand& command, const WorkerTypes& types, Streams& streams);
int run_log(const LogCommand& command, Streams& streams);
int run_collect(const CollectCommand& command, Streams& streams);
int run_workers(const WorkerTypes& types, Streams& streams);

}  // namespace penstock
