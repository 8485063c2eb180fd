// Who is who in a launch: roles by rank, and the slots of each broker.
#pragma once

#include "core/host_ledger.hpp"
#include "core/router.hpp"
#include "run/rank_watch.hpp"
#include "run/run.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

// What each rank says of itself at start.
struct RankFacts {
    std::string host;
    std::uint32_t pid = 0;
    std::vector<std::uint32_t> cpus;  // numbers of the CPUs this rank may use
    std::uint64_t memory_bytes = 0;   // of the host; 0 = unknown
    std::string processes = {};       // which processes its pid is one of: ranks with the same see one another
    std::uint32_t all_cpus = 0;       // that it could use if the launcher had not bound it to some; 0 = unknown
};

RankFacts facts_of_this_process();

struct LaunchLayout {
    std::vector<std::uint32_t> pipeliners;
    std::vector<BrokerDescription> brokers;
    std::vector<HostDescription> hosts;  // hosts that have brokers
    Launch launch;                       // for people
    std::vector<std::string> host_of_rank;
    std::vector<RankWatch::Peer> peers;  // the other ranks
    std::map<std::string, std::uint32_t> cpus_of_host;
    std::vector<std::vector<std::uint32_t>> broker_cpus;  // by host: numbers of the CPUs that its brokers may use

    bool is_pipeliner(std::uint32_t rank) const;
    const BrokerDescription* broker(std::uint32_t rank) const;
    std::uint32_t brokers_on(std::uint32_t host) const;
    // Whether the host of this rank has a CPU for each of its ranks and slots. Where it has not, a rank that looks for
    // messages without sleeping keeps another one from sending them: sched_yield alone was measured to cost 4 ms a
    // message with 3 ranks on 2 CPUs.
    bool may_spin(std::uint32_t rank) const;
};

// Rank 0 is the router, ranks 1 .. pipeliners the pipeliners, the rest brokers. With two ranks rank 0 is pipeliner too;
// alone it is everything. Without `slots`, the CPUs that the brokers of a host may use are shared fairly among them,
// each broker getting at least one slot.
LaunchLayout lay_out(const std::vector<RankFacts>& facts, std::uint32_t rank, std::uint32_t pipeliners,
                     std::optional<std::uint32_t> slots);

}  // namespace penstock
