// A whole cluster in one process: the roles as they are, pumped in virtual time over links that keep order each and
// nothing between them.
#pragma once

#include "core/pipeliner.hpp"
#include "sim/sim_broker.hpp"
#include "sim/sim_router.hpp"
#include "sim/world.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace penstock::sim {

class Cluster {
public:
    // `transcript` gets each message as it is delivered; may be empty.
    using Transcript = std::function<void(Nanoseconds, const Envelope&)>;
    // `disk`: of the run, of which this is one launch.
    Cluster(const Scenario& s, Disk& disk, std::vector<std::unique_ptr<Checker>> checkers, Transcript transcript = {});

    // Until every role has ended, or all are killed: false then. Throws Violation.
    bool run();

    const World& world() const { return world_; }
    const SimRouter& router() const { return *ranks_.front().router; }
    std::vector<const Pipeliner*> pipeliners() const;
    std::vector<const SimBroker*> brokers() const;
    std::uint64_t messages() const { return messages_; }

private:
    using Frame = std::vector<Envelope>;  // what one turn sends to one rank
    struct Rank {
        std::unique_ptr<SimRouter> router;
        std::unique_ptr<Pipeliner> pipeliner;
        std::unique_ptr<SimBroker> broker;
        std::deque<Frame> inbox;
        bool turn_planned = false;
        Nanoseconds stopped_until = 0;
        bool dead = false;
        bool lost = false;  // as rank 0 sees it
    };

    void wake(std::uint32_t rank);
    void turn(std::uint32_t rank);
    void dispatch(std::uint32_t rank, const Envelope& e, Outbox& out);
    void post(Outbox& out);
    void deliver(std::uint32_t from, std::uint32_t to, Frame frame);
    void note_skips(const Envelope& e);
    template <class F>
    void told_of(const Envelope& e, F&& f);
    static bool is_of_items(const Envelope& e);
    bool finished() const;
    void kill();
    void plan_death(const Death& death);
    void die(std::uint32_t rank);
    void lose(std::uint32_t rank, Outbox& out);
    std::string unfinished() const;

    World world_;
    Transcript transcript_;
    std::vector<Rank> ranks_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, Nanoseconds> last_arrival_;  // by link
    std::uint64_t messages_ = 0;
    std::vector<std::uint32_t> to_lose_;  // ranks that rank 0 is to notice
    bool fault_done_ = false;
    std::map<PipelineId, std::uint32_t> epochs_;  // of a fault
};

}  // namespace penstock::sim
