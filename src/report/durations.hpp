// A histogram of durations, 8 buckets an octave (a relative error of at most 6 %), from 1 ns to 2^50 ns (13 days; what
// is longer counts there). Bounded at 384 counters a worker type, so that a run of any size has a median.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

namespace penstock {

class Durations {
public:
    static constexpr std::uint32_t kPerOctave = 8;
    static constexpr std::uint32_t kOctaves = 48;
    static constexpr std::uint32_t kBuckets = kPerOctave * kOctaves;

    void add(std::uint64_t ns, std::uint32_t count = 1) {
        if (counts_.empty()) counts_.assign(kBuckets, 0);
        counts_[bucket(ns)] += count;
        total_ += count;
    }
    void add(const std::vector<std::uint32_t>& counts) {
        if (counts.empty()) return;
        if (counts_.empty()) counts_.assign(kBuckets, 0);
        for (std::size_t i = 0; i < counts.size() && i < kBuckets; ++i) {
            counts_[i] += counts[i];
            total_ += counts[i];
        }
    }
    const std::vector<std::uint32_t>& counts() const { return counts_; }
    std::uint64_t total() const { return total_; }

    // Seconds below which half of the durations are; 0 when there are none.
    double median_s() const {
        std::uint64_t seen = 0;
        for (std::uint32_t b = 0; b < counts_.size(); ++b) {
            seen += counts_[b];
            if (seen * 2 >= total_ && total_ != 0) return middle_ns(b) * 1e-9;
        }
        return 0;
    }

private:
    // The exponent picks the octave, the next three bits the bucket within it.
    static std::uint32_t bucket(std::uint64_t ns) {
        if (ns < kPerOctave) return static_cast<std::uint32_t>(ns);
        const std::uint32_t octave = static_cast<std::uint32_t>(std::bit_width(ns)) - 1;  // >= 3
        const std::uint32_t within = static_cast<std::uint32_t>(ns >> (octave - 3)) & (kPerOctave - 1);
        const std::uint32_t b = (octave - 2) * kPerOctave + within;
        return b < kBuckets ? b : kBuckets - 1;
    }
    static double middle_ns(std::uint32_t b) {
        if (b < kPerOctave) return b;
        const std::uint32_t octave = b / kPerOctave + 2;
        return std::ldexp(kPerOctave + b % kPerOctave + 0.5, static_cast<int>(octave) - 3);
    }

    std::vector<std::uint32_t> counts_;
    std::uint64_t total_ = 0;
};

}  // namespace penstock
