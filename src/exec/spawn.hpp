// Starts one program: the only place where a rank makes a process that is not one of its worker processes.
//
// clone(CLONE_VM | CLONE_VFORK) and exec: the cost does not depend on the caller's heap, as a fork's would. The program
// - leads a process group of its own (unless asked not to), so that kill_group() reaches its children too,
// - is killed when the thread that started it ends, also by SIGKILL of the whole process (PR_SET_PDEATHSIG),
// - has every signal at its default and none blocked, and inherits no descriptor but its stdin, stdout and stderr.
//
// Threads: any; the calling thread waits until the program is loaded or could not be.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <sched.h>
#include <sys/types.h>

namespace penstock {

struct SpawnRequest {
    const char* path = nullptr;        // the program's file; no search
    char* const* arguments = nullptr;  // null-terminated, [0] included
    char* const* environment = nullptr;
    const char* directory = nullptr;  // null = the caller's
    const cpu_set_t* cpus = nullptr;  // null = the caller's; the caller's too when none of them may be used
    pid_t* group = nullptr;           // its process id is written there before it runs, 0 when it could not be started
    bool own_group = true;            // false: it stays in the caller's process group, and ends with that
    // All three must be >= 3; they stay open in the caller.
    int standard_input = -1;
    int standard_output = -1;
    int standard_error = -1;
};

// Where a start failed.
enum class SpawnStep : unsigned char { process, descriptors, directory, program };

struct Spawned {
    pid_t pid = -1;        // -1 = not started
    FileDescriptor pidfd;  // readable once the program has ended
    SpawnStep failed_step = SpawnStep::process;
    int error = 0;  // errno of the failed step
    explicit operator bool() const { return pid > 0; }
};

Spawned spawn(const SpawnRequest& request) noexcept;

// Sends `signal` to all that is left of the process group. Only while its leader has not been waited for: the number
// may belong to somebody else afterwards.
void kill_group(pid_t leader, int signal) noexcept;

}  // namespace penstock
