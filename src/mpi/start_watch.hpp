// Ends this process when another rank is lost while the launch begins: MPI itself, and what ranks do together then,
// would wait for it for ever. There is nothing to lose yet.
#pragma once

#include "run/rank_watch.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace penstock {

class StartWatch {
public:
    // Before MPI begins: watches the ranks of this host, and that it takes no longer than `most`, as ranks of other
    // hosts cannot be seen. `rank`: as the launcher says.
    StartWatch(std::uint32_t rank, Nanoseconds most);

    // From the time on when ranks know one another. Without `most` it may take as long as it likes.
    void watch(const std::vector<RankWatch::Peer>& peers, std::optional<Nanoseconds> most);

    // The beginning is over, or all leave.
    void stop();

private:
    using Look = std::function<std::optional<std::string>(Nanoseconds now)>;

    void look_with(Look look);

    std::uint32_t rank_;
    std::jthread thread_;
};

}  // namespace penstock
