// What a fresh child process does before it serves: nothing of the rank may leak into user code, or outlive the rank.
#pragma once

#include <sys/types.h>

namespace penstock {

// A worker process that cannot wake its lane any more ends with this code.
inline constexpr int kDeafExit = 118;

// Dies with `rank` from now on (at once when it is dead already); `rank` must be the parent.
void die_with(pid_t rank);

// All signals as in a fresh program, and none blocked.
void reset_signals();

// Closes everything from descriptor 3 up but `kept`.
void close_all_but(int kept);

// All of the above for a worker process, and: a process group of its own; no core files; the kernel's first choice when
// memory runs out; stdin reads nothing; stdout and stderr go to `text_writer`. SIGINT, SIGTERM, SIGHUP and SIGUSR1 do
// nothing: they ask the launch to end, batch systems send them to every process, and the rank decides what follows.
// (Programs started by a worker have their defaults again.)
void set_up_worker_process(pid_t rank, int text_writer);

}  // namespace penstock
