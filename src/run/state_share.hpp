// Which marks a fold is asked for its state at, so that this takes no more than a part of its time.
//
// A position counts when all folds of a stream have told their states at the same mark. So the mark itself decides, and
// not what each fold's clock says: of two folds that are both asked at every fourth mark it is the same one, and one
// that is asked more often is also asked at those of the other.
#pragma once

#include "core/ids.hpp"
#include "value/hash.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace penstock {

class StateShare {
public:
    static constexpr Nanoseconds kShare = 10;  // states take no more than this part of the time
    static constexpr int kMostLevel = 16;

    // Whether it is asked at this mark, which has come now.
    bool asks(std::uint64_t mark, Nanoseconds now) {
        if (level_ > 0 && now - asked_ > kMuch * kShare * took_) --level_;
        return std::countr_zero(Hasher().add(mark).value()) >= level_;
    }

    // It was asked at `asked`, and that took so long.
    void took(Nanoseconds asked, Nanoseconds time) {
        const Nanoseconds since = std::max<Nanoseconds>(1, asked - asked_);
        if (asked_ != 0)
            for (Nanoseconds wanted = kShare * time; wanted > since && level_ < kMostLevel; wanted /= 2) ++level_;
        asked_ = asked;
        took_ = time;
    }

private:
    static constexpr Nanoseconds kMuch = 4;

    int level_ = 0;  // asked at one of 2^level_ marks
    Nanoseconds asked_ = 0, took_ = 0;
};

}  // namespace penstock
