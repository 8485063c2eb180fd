// All chance of a simulation: one seed, and the same numbers on every machine (no distributions of the standard
// library).
#pragma once

#include "core/ids.hpp"

#include <cstdint>

namespace penstock::sim {

// splitmix64: a good hash of a counter.
constexpr std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(mix(seed)) {}

    std::uint64_t next() { return mix(state_++); }
    // 0 .. n - 1; n > 0.
    std::uint32_t below(std::uint64_t n) { return static_cast<std::uint32_t>(next() % n); }
    std::uint32_t between(std::uint32_t low, std::uint32_t high) { return low + below(std::uint64_t{high} - low + 1); }
    double real() { return static_cast<double>(next() >> 11) * 0x1p-53; }
    bool chance(double p) { return real() < p; }
    // Between low and high, every power of two as likely as the next.
    Nanoseconds time(Nanoseconds low, Nanoseconds high) {
        Nanoseconds t = low;
        while (t < high && chance(0.7)) t *= 2;
        return low + static_cast<Nanoseconds>(real() * static_cast<double>((t < high ? t : high) - low + 1));
    }
    // A generator of its own, so that what one part draws does not change what another gets.
    Random fork() { return Random(next()); }

private:
    std::uint64_t state_;
};

}  // namespace penstock::sim
