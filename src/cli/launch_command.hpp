// `penstock launch RUN COMMAND...`: starts a launcher and ends when the run has, with the run's exit code.
//
// A launcher need not do either: Open MPI's mpirun stays after a rank was lost on another host, and gives codes of its
// own (docs/lost_ranks.md). Rank 0 writes the code to the end of RUN's summary.txt when nothing is left to be done;
// that is what counts, and the launcher is ended when it does not end by itself soon after.
#pragma once

#include "cli/command_line.hpp"
#include "cli/streams.hpp"

namespace penstock {

// The exit code of the run; where it did not come to tell one that of the command, 128 + N when signal N ended it.
// SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 that this process is sent go to the command. Call it before there are
// other threads.
int run_launch(const LaunchCommand& command, Streams& streams);

}  // namespace penstock
