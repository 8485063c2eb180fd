// SIGINT, SIGTERM, SIGUSR1 and SIGHUP during a run: the router drains at the first one and ends what runs at the
// second; everybody else waits to be told by the router. SIGHUP stays ignored where it is (nohup).
//
// A third one ends the process of the router at once (exit code 75: submit again with --resume).
#pragma once

#include "core/ids.hpp"

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

    // How many have come.
    const std::atomic<int>& received() const;
    // When the last one came, on the steady clock; 0 = none has.
    const std::atomic<Nanoseconds>& last_at() const;

private:
    struct sigaction old_int_ {
    }, old_term_{}, old_usr1_{}, old_hup_{}, old_pipe_{};
};

}  // namespace penstock
