#include "exec/spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>

// The child below runs in the parent's memory: instrumented code would see two threads on one set of shadow state.
#define PENSTOCK_NO_SANITIZERS __attribute__((no_sanitize("address", "undefined", "thread")))

namespace penstock {
namespace {

constexpr int kSignals = 64;  // of Linux, real-time ones included
constexpr std::size_t kSignalSetBytes = kSignals / 8;
using SignalBits = std::uint64_t;  // the kernel's own signal set; glibc's leaves two signals out

constexpr std::size_t kChildStackBytes = 64 * 1024;

struct Child {
    const SpawnRequest* request;
    pid_t parent;
    SpawnStep failed_step;
    int error;
};

// Descriptors from 3 up must not reach the program: some libraries open theirs without close-on-exec.
PENSTOCK_NO_SANITIZERS bool close_the_rest() {
#ifdef SYS_close_range
    constexpr unsigned kCloseOnExec = 4;  // CLOSE_RANGE_CLOEXEC
    if (syscall(SYS_close_range, 3U, ~0U, kCloseOnExec) == 0) return true;
    if (errno != ENOSYS && errno != EINVAL) return false;
#endif
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const int end = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536));
    for (int descriptor = 3; descriptor < end; ++descriptor) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return true;
}

// A handler of the parent must never run in the child, and a signal the rank ignores (SIGPIPE) is not ignored by the
// program. All signals are blocked while this runs.
PENSTOCK_NO_SANITIZERS void reset_signals() {
    struct {  // the kernel's struct sigaction: all zero is SIG_DFL
        void* handler;
        unsigned long flags;
        void* restorer;
        SignalBits mask;
    } defaults{};
    for (int number = 1; number <= kSignals; ++number) {
        if (number == SIGKILL || number == SIGSTOP) continue;
        syscall(SYS_rt_sigaction, number, &defaults, nullptr, kSignalSetBytes);
    }
}

// Runs in the child, in the parent's memory, on a stack of its own, until the program is loaded: nothing here may
// allocate, lock or write to anything but `child`.
PENSTOCK_NO_SANITIZERS int run_child(void* argument) {
    Child& child = *static_cast<Child*>(argument);
    const SpawnRequest& request = *child.request;
    auto fail = [&](SpawnStep step) {
        child.failed_step = step;
        child.error = errno;
        _exit(127);
    };

    if (request.own_group) setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != child.parent) _exit(127);  // the parent died before the line above: nobody will ask
    reset_signals();

    if (dup2(request.standard_input, 0) < 0 || dup2(request.standard_output, 1) < 0 ||
        dup2(request.standard_error, 2) < 0 || !close_the_rest()) {
        fail(SpawnStep::descriptors);
    }
    if (request.directory && chdir(request.directory) != 0) fail(SpawnStep::directory);

    if (request.cpus) syscall(SYS_sched_setaffinity, 0, sizeof *request.cpus, request.cpus);

    const SignalBits none = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, kSignalSetBytes);
    execve(request.path, request.arguments, request.environment);
    fail(SpawnStep::program);
    return 127;
}

}  // namespace

PENSTOCK_NO_SANITIZERS Spawned spawn(const SpawnRequest& request) noexcept {
    Spawned result;
    alignas(16) std::array<std::byte, kChildStackBytes> stack;
    // error is written by the child while this thread is suspended.
    Child child{&request, getpid(), SpawnStep::process, 0};

    const SignalBits all = ~SignalBits{0};
    SignalBits before = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, kSignalSetBytes);
    int pidfd = -1;  // close-on-exec by definition
    const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (request.group ? CLONE_CHILD_SETTID : 0);
    const pid_t pid = clone(run_child, stack.data() + stack.size(), flags, &child, &pidfd, nullptr, request.group);
    const int clone_error = errno;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, kSignalSetBytes);

    if (pid < 0) {
        result.error = clone_error;
        return result;
    }
    result.pidfd = FileDescriptor(pidfd);
    const int child_error = static_cast<volatile Child&>(child).error;
    if (child_error != 0) {
        result.failed_step = child.failed_step;
        result.error = child_error;
        if (request.group) *static_cast<volatile pid_t*>(request.group) = 0;
        siginfo_t ignored;
        while (waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED) < 0 && errno == EINTR) {
        }
        return result;
    }
    result.pid = pid;
    return result;
}

void kill_group(pid_t leader, int signal) noexcept { ::kill(-leader, signal); }

}  // namespace penstock
