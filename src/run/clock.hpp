// Time as a node sees it: a clock that does not jump, and where the router's calendar stands on it.
#pragma once

#include "core/ids.hpp"
#include "exec/steady_clock.hpp"

#include <chrono>
#include <functional>

namespace penstock {

inline std::int64_t epoch_now() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// What tells the time where it has to be told another one: in simulations it is virtual.
using Clock = std::function<Nanoseconds()>;

// Turns this host's steady clock into the router's calendar. Only for records: no decision depends on it.
struct RouterCalendar {
    std::int64_t epoch_minus_steady = 0;
    std::int64_t at(Nanoseconds steady) const { return steady + epoch_minus_steady; }
};

}  // namespace penstock
