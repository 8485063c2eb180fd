// Waiting a little before sleeping: a sleep and its wake-up cost tens of microseconds, far more than a short job.
//
// The time worth spinning is learnt from how long the last waits took, and is nearly nothing where waits are long: a
// lane whose jobs take seconds does not spin. Other threads come first (sched_yield), since a machine may have fewer
// cores than processes.
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
        for (std::int64_t now = started_; now - started_ < budget_; now = steady_now()) {
            for (int i = 0; i < kYieldsPerLook; ++i) {
                if (ready()) return true;
                ::sched_yield();
            }
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

    std::int64_t budget_ = kMost;
    std::int64_t started_ = 0;
};

}  // namespace penstock
