// Runs external jobs (worker types with `external`: the `command` type) for all lanes of one broker.
//
// Order is the lanes' matter: start() is called when the lane is free, so at most one job of a lane runs at a time.
#pragma once

#include "exec/lanes.hpp"
#include "exec/task.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace penstock {

// Runs external jobs: one thread with an epoll loop serves all lanes. Calls `done` from that thread.
class ExternalRunner {
public:
    virtual ~ExternalRunner() = default;

    // Any thread, also from within `done`; never blocks. `done` is called once for every ticket started.
    virtual void start(std::uint32_t lane, Ticket ticket) = 0;

    // Ends the attempt if it still runs; its outcome then has `reason`. Any thread; unknown tickets are ignored.
    virtual void cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) = 0;

    // Asks everything to end, kills what does not within a second, and waits: no `done` is called afterwards.
    virtual void stop() = 0;
};

// `later` is called from the thread as well: within kLater of each `done`, once for all that there were meanwhile.
inline constexpr Nanoseconds kLater = 4'000'000;
using ExternalDone = std::function<void(Outcome)>;
std::unique_ptr<ExternalRunner> make_external_runner(const LaneOptions& options, ExternalDone done,
                                                     std::function<void()> later = {});

}  // namespace penstock
