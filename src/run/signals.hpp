// SIGINT, SIGTERM and SIGUSR1 during a run: the router drains, everybody else waits to be told by the router.
//
// A second SIGINT at the router ends the process at once (exit code 75: submit again with --resume).
#pragma once

#include <atomic>

#include <signal.h>

namespace penstock {

class StopSignals {
public:
    // Installs handlers; the destructor puts the old ones back. One object at a time in a process.
    explicit StopSignals(bool router);
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    // The number of the last signal received, 0 = none.
    const std::atomic<int>& received() const;

private:
    struct sigaction old_int_ {}, old_term_ {}, old_usr1_ {}, old_pipe_ {};
};

}  // namespace penstock
