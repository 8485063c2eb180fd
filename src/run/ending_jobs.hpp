// Attempts that were told to end because the run does. An inline one can only be asked, and may never come back: it is
// left behind then, or the run would not end. Thread: the pump's.
#pragma once

#include "exec/task.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace penstock {

class EndingJobs {
public:
    // Longer than commands have between SIGTERM and SIGKILL.
    static constexpr Nanoseconds kPatience = 5'000'000'000;

    void told(std::uint64_t ticket, std::uint32_t lane, Nanoseconds now) { told_.try_emplace(ticket, Told{lane, now}); }
    // Forgets those that have ended, and adds an outcome for each that should have.
    void sort(std::vector<Outcome>& outcomes, Nanoseconds now);

private:
    struct Told {
        std::uint32_t lane = 0;
        Nanoseconds at = 0;
    };
    std::map<std::uint64_t, Told> told_;  // by ticket
};

}  // namespace penstock
