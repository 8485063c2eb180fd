// Which of the other ranks are still there: by what they say, and for those of this host by their process.
//
// A rank is lost when its process has ended, or when nothing has come from it for longer than the timeout. The time
// counts only while this rank itself looks: one that was stopped, or waited for a slow disk, must not take the others
// for dead. Ranks that have nothing to say send Alive, from a thread that never runs user code.
//
// Thread: the pump's.
#pragma once

#include "core/ids.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace penstock {

class RankWatch {
public:
    struct Peer {
        std::uint32_t rank = 0;
        std::uint32_t pid = 0;  // 0: not of this host
    };
    struct Loss {
        std::uint32_t rank = 0;
        std::string how;
    };
    static constexpr Nanoseconds kMostATurn = 1'000'000'000;  // between two looks this much counts

    RankWatch(const std::vector<Peer>& peers, Nanoseconds timeout);
    ~RankWatch();
    RankWatch(const RankWatch&) = delete;
    RankWatch& operator=(const RankWatch&) = delete;

    void heard(std::uint32_t rank);
    // Those that are lost and were not before. `now`: a clock that does not jump.
    std::vector<Loss> look(Nanoseconds now);
    // Of a rank that is known to be lost, or may leave.
    void forget(std::uint32_t rank);

private:
    struct Watched {
        std::uint32_t rank = 0;
        int process = -1;    // a pidfd
        bool ended = false;  // before we looked
        Nanoseconds heard = 0;
        bool gone = true;
    };
    static constexpr Nanoseconds kProcessInterval = 50'000'000;

    bool has_ended(const Watched& w) const;

    std::vector<Watched> watched_;  // by rank
    Nanoseconds timeout_;
    Nanoseconds last_look_ = 0, next_processes_ = 0;
    Nanoseconds watching_ = 0;  // for so long, as it counts here
};

// When a rank is to say that it is there, to one that watches it and is watched: when it has said nothing else for a
// while, and when nothing has come from there, whatever it has said itself. Most of what ranks tell is not answered;
// this is.
class AliveClock {
public:
    explicit AliveClock(Nanoseconds interval) : interval_(interval) {}

    void spoke(Nanoseconds now) { spoke_ = now; }
    void heard(Nanoseconds now) { heard_ = now; }
    // True: it is to be said now.
    bool is_due(Nanoseconds now) {
        if (now - std::min(spoke_, std::max(heard_, said_)) < interval_) return false;
        said_ = spoke_ = now;
        return true;
    }

private:
    const Nanoseconds interval_;
    Nanoseconds spoke_ = 0, heard_ = 0, said_ = 0;
};

}  // namespace penstock
