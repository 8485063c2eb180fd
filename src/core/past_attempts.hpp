// What became of a job's attempts before the one that is spoken of, in the run that goes on.
//
// It travels with the job, from the broker that failed by the router to the next one, so that nobody keeps anything
// about jobs that do not fail.
#pragma once

#include "core/plan.hpp"

#include <algorithm>
#include <cstdint>

namespace penstock {

struct PastAttempts {
    std::uint16_t failed = 0;           // so many
    std::uint16_t crashed = 0;          // of these, the last ones in a row, which ended their worker process
    std::uint32_t broker = 0xffffffff;  // rank of the last one: the next one goes to another if there is one,
    std::uint32_t slot = 0;             // or else to another slot
    std::uint16_t lost = 0;             // so many ranks were lost while, as far as is known, they ran it
    friend bool operator==(const PastAttempts&, const PastAttempts&) = default;
};

inline PastAttempts with_one_more(PastAttempts past, bool crashed, std::uint32_t broker, std::uint32_t slot) {
    past.failed = static_cast<std::uint16_t>(std::min(past.failed + 1, 0xffff));
    past.crashed = crashed ? static_cast<std::uint16_t>(std::min(past.crashed + 1, 0xffff)) : std::uint16_t(0);
    past.broker = broker;
    past.slot = slot;
    return past;
}

// A job whose every attempt ends its worker process does more harm than the usual failure: another limit ends it.
inline constexpr std::uint32_t kCrashLimit = 3;

enum class NextAttempt : std::uint8_t { yes, no_retries, crash_limit };
inline NextAttempt next_attempt(const JobTemplate& job, const PastAttempts& past, std::uint32_t crash_limit) {
    if (past.failed > job.retries) return NextAttempt::no_retries;
    return past.crashed >= crash_limit ? NextAttempt::crash_limit : NextAttempt::yes;
}

}  // namespace penstock
