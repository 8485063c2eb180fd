// Waiting a little before sleeping: a sleep and its wake-up cost tens of microseconds, far more than a short job.
//
// The time worth spinning is learnt from how long the last waits took, and is nearly nothing where waits are long: a
// lane whose jobs take seconds does not spin. Other threads come first (sched_yield), since a machine may have fewer
// cores than processes. Where they take the core for long, a sleeper comes back sooner than a spinner who gave way
// again and again: then waits begin with the sleep for a while.
#pragma once

#include "exec/steady_clock.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdint>

namespace penstock {

inline void relax_cpu() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

class SpinWait {
public:
    // True as soon as `ready()` is; false when it is time to sleep: call slept() afterwards.
    template <class Ready>
    bool spin(Ready&& ready) {
        for (int i = 0; i < kRelaxed; ++i) {
            if (ready()) return true;
            relax_cpu();
        }
        started_ = steady_now();
        if (crowded_waits_ > 0) return --crowded_waits_, ready();
        for (std::int64_t now = started_; now - started_ < budget_;) {
            for (int i = 0; i < kYieldsPerLook; ++i) {
                if (ready()) return true;
                ::sched_yield();
            }
            const std::int64_t before = now;
            now = steady_now();
            if (now - before > kCrowded) crowded_waits_ = kCrowdedWaits;
        }
        return ready();
    }

    // The wait went on in sleep and is over now.
    void slept() {
        const bool worth_it = steady_now() - started_ < kMost;
        budget_ = worth_it ? kMost : std::max(budget_ / 2, kLeast);
    }

private:
    static constexpr int kRelaxed = 50;
    static constexpr int kYieldsPerLook = 4;
    static constexpr std::int64_t kLeast = 2'000;
    static constexpr std::int64_t kMost = 100'000;
    static constexpr std::int64_t kCrowded = 500'000;  // away for that long: somebody else needs the core
    static constexpr int kCrowdedWaits = 200;

    std::int64_t budget_ = kMost;
    std::int64_t started_ = 0;
    int crowded_waits_ = 0;
};

}  // namespace penstock
