// Ends this process when another rank is lost while the launch begins: what ranks do together then (collectives of MPI)
// would wait for it for ever. There is nothing to lose yet.
#pragma once

#include "run/rank_watch.hpp"

#include <cstdint>
#include <stop_token>
#include <thread>
#include <vector>

namespace penstock {

class StartWatch {
public:
    // From here to the destructor. `most`: so long it may take, as ranks of other hosts cannot be seen.
    StartWatch(std::uint32_t rank, const std::vector<RankWatch::Peer>& peers, Nanoseconds most);

private:
    std::jthread thread_;
};

}  // namespace penstock
