#include "run/short_turns.hpp"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace penstock {

namespace {
constexpr unsigned long long kTurn = 100'000;  // ns, the least there is
}

unsigned long long length_of_turns() {
    sched_attr now{};
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0) return 0;
    return now.sched_policy == SCHED_NORMAL ? now.sched_runtime : 0;
}

void ask_for_short_turns() {
    sched_attr now{};
    if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0) return;
    // Of a thread that was put before others on purpose, what it makes would not be.
    if (now.sched_policy != SCHED_NORMAL || now.sched_nice < 0) return;
    now.sched_runtime = kTurn;
    now.sched_flags = SCHED_FLAG_RESET_ON_FORK;
    syscall(SYS_sched_setattr, 0, &now, 0);
}

}  // namespace penstock
