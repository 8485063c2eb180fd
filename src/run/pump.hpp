// The loop of one rank: it alone owns the transport, and never runs user code, sync or HDF5.
//
// Per turn it drains what arrived (up to a bound), steps the roles of this rank, lets them settle once, and sends one
// message a destination, so that batching comes by itself under load.
//
// It also watches the other ranks: rank 0 all of them, the others rank 0 (run/rank_watch.hpp). What a lost rank says is
// not heard, and it is told to leave.
#pragma once

#include "core/pipeliner.hpp"
#include "run/admission.hpp"
#include "run/broker_node.hpp"
#include "run/rank_watch.hpp"
#include "run/router_node.hpp"
#include "run/transport.hpp"
#include "run/waker.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace penstock {

// The roles of one rank; those it does not have are null.
struct Roles {
    RouterNode* router = nullptr;
    Pipeliner* pipeliner = nullptr;
    BrokerNode* broker = nullptr;
};

struct PumpOptions {
    bool may_spin = false;               // the host has cores to spare for ranks that wait (LaunchLayout::may_spin)
    std::vector<RankWatch::Peer> peers;  // all other ranks
    Nanoseconds rank_timeout = 30'000'000'000;
};

class Pump {
public:
    // `interrupted` is set by signal handlers at rank 0: drain.
    Pump(std::uint32_t rank, Roles roles, Transport& transport, Waker& waker, const std::atomic<int>& interrupted,
         PumpOptions options);

    // Messages of other ranks that it does not admit are dropped; must outlive this.
    void listen_by(Admission& admission) { admission_ = &admission; }
    // Returns when all roles of all ranks have finished and everything they sent has left. False when ranks were lost:
    // MPI is not to be asked for anything any more.
    bool run();

private:
    void step();
    bool turn();
    bool finish();
    void watch();
    void lose(std::uint32_t rank, const std::string& how);
    bool for_the_pump(const Envelope& envelope);
    bool take(const msg::RankLost& m);
    bool take(const msg::Leave&);
    bool take(const msg::Alive&, std::uint32_t from);
    void dispatch(const Envelope& envelope);
    bool route();
    bool finished() const;
    bool roles_finished() const;
    void idle();
    void learn_pause(Nanoseconds pause);

    std::uint32_t rank_;
    Roles roles_;
    Transport& transport_;
    Waker& waker_;
    const std::atomic<int>& interrupted_;
    Admission* admission_ = nullptr;
    const PumpOptions options_;
    RankWatch watch_;
    std::set<std::uint32_t> lost_;
    std::map<std::uint32_t, Nanoseconds> told_to_leave_;
    AliveClock alive_;      // towards rank 0
    bool leaving_ = false;  // all ranks have finished: rank 0 says so, the others have been told
    Outbox out_;
    std::vector<Envelope> inbox_;
    std::vector<Envelope> local_;
    int signals_seen_ = 0;

    Nanoseconds idle_since_ = 0;
    Nanoseconds nap_ = 0;
    Nanoseconds mean_pause_ = 0;  // of turns with something to do
    double spin_worth_ = 1;       // how often spinning found work lately, 0 to 1
    bool spinning_ = false;
    int turns_since_nap_ = 0;
};

}  // namespace penstock
