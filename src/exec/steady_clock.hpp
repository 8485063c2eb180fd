// The clock that does not jump: the same for all processes of a host.
#pragma once

#include <cstdint>

#include <time.h>

namespace penstock {

// Nanoseconds since some moment before the host's processes started.
inline std::int64_t steady_now() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace penstock
