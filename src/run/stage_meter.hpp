// Where the time of one worker of a stage goes, as its broker sees it: at work, waiting for room behind it, or for
// items.
//
// The clock is read when that changes, at most once a batch.
#pragma once

#include "core/stage_counts.hpp"
#include "run/clock.hpp"

#include <cstdint>

namespace penstock {

class StageMeter {
public:
    enum class State : std::uint8_t {
        closed,   // the stream has not been opened
        working,  // its lane has something of it
        blocked,  // it has something to send (or to store), and there is no room
        starved,
    };

    void set(State state, const Clock& clock) {
        if (state != state_) set(state, clock());
    }
    void set(State state, Nanoseconds now) {
        add_to(counts_, now);
        state_ = state;
        since_ = now;
    }
    // With blocked, starved and alive up to now.
    StageCounts read(StageCounts counts, Nanoseconds now) const {
        counts.blocked += counts_.blocked;
        counts.starved += counts_.starved;
        counts.alive += counts_.alive;
        add_to(counts, now);
        return counts;
    }

private:
    void add_to(StageCounts& counts, Nanoseconds now) const {
        const Nanoseconds passed = now - since_;
        if (state_ != State::closed) counts.alive += passed;
        if (state_ == State::blocked) counts.blocked += passed;
        if (state_ == State::starved) counts.starved += passed;
    }

    State state_ = State::closed;
    Nanoseconds since_ = 0;
    StageCounts counts_;
};

}  // namespace penstock
