// The ranks of this launch that run on this host, found without MPI: by what the launcher put into their environment.
// For the time in which MPI begins, when a rank that dies would leave the others waiting for it for ever.
//
// They are looked for until all of them were seen, then their processes are watched. A rank that was not seen for a
// long time although others were is taken for lost too. Where the launcher does not say how many ranks there are here
// (only Open MPI does), or processes cannot see one another (ranks in containers of their own), nothing is found out.
//
// Thread: any, one at a time.
#pragma once

#include "core/ids.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

class LaunchHere {
public:
    // What one process of this host says of itself, by its environment.
    struct Process {
        std::uint32_t pid = 0;
        std::string launch;
        std::uint32_t rank = 0;
    };
    // Those of /proc that have a rank; a zygote is no rank.
    static std::vector<Process> processes();

    // The launch of this process, and how many of its ranks are here; nothing when the launcher does not say.
    struct Expected {
        std::string launch;
        std::uint32_t ranks = 0;
        bool others_can_be_seen = false;  // also when none of them is there
    };
    static std::optional<Expected> expected();

    static constexpr Nanoseconds kLongestAbsence = 10'000'000'000;
    static constexpr Nanoseconds kMostATurn = 1'000'000'000;  // between two looks this much counts

    explicit LaunchHere(Expected expected);
    ~LaunchHere();
    LaunchHere(const LaunchHere&) = delete;
    LaunchHere& operator=(const LaunchHere&) = delete;

    // Why this launch cannot begin any more, or nothing. `now`: a clock that does not jump.
    std::optional<std::string> look(Nanoseconds now, const std::function<std::vector<Process>()>& find = processes);

private:
    static constexpr Nanoseconds kFirstPause = 25'000'000, kLongestPause = 1'000'000'000;

    void search(const std::function<std::vector<Process>()>& find);
    std::optional<std::string> one_that_ended() const;

    Expected expected_;
    // By rank, then pid (several when a script started it): a pidfd.
    std::map<std::uint32_t, std::map<std::uint32_t, int>> seen_;
    Nanoseconds last_look_ = 0, next_search_ = 0, pause_ = kFirstPause;
    Nanoseconds looking_ = 0;  // for so long, as it counts here
};

}  // namespace penstock
