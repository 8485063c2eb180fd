// Jobs that could run, and what keeps them from it.
#pragma once

#include "core/host_ledger.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace penstock {

// All that need the same.
struct WaitingJobs {
    enum class For : std::uint8_t {
        slot,       // or their turn: what they need is there, or was a moment ago
        cpus,       // no host has so many free
        memory,     // likewise
        named,      // of some named resource not so much is left
        pause,      // before their next attempt
        elsewhere,  // for room at another broker than the one where they failed
        time        // for the next launch: they would not end before this one does
    };
    Resources needs;
    std::uint64_t jobs = 0;
    For what = For::slot;
    std::vector<std::string> named;  // those of which too little is left
    // Of those that wait for time, which are told of by job:
    std::string job = {};  // "sweep/simulate"
    double likely_s = 0;   // one takes about so long
    double left_s = 0;     // and so long was left when the first of them could have started
};

inline constexpr std::size_t kMostWaitingKinds = 100;

}  // namespace penstock
