// The loop of one rank: it alone owns the transport, and never runs user code, sync or HDF5.
//
// Per turn it drains what arrived (up to a bound), steps the roles of this rank, lets them settle once, and sends one
// message a destination, so that batching comes by itself under load.
#pragma once

#include "core/pipeliner.hpp"
#include "run/broker_node.hpp"
#include "run/router_node.hpp"
#include "run/transport.hpp"
#include "run/waker.hpp"

#include <atomic>
#include <cstdint>
#include <vector>

namespace penstock {

// The roles of one rank; those it does not have are null.
struct Roles {
    RouterNode* router = nullptr;
    Pipeliner* pipeliner = nullptr;
    BrokerNode* broker = nullptr;
};

class Pump {
public:
    // `interrupted` is set by signal handlers at rank 0: drain.
    // `may_spin`: the host has cores to spare for ranks that wait (LaunchLayout::may_spin).
    Pump(std::uint32_t rank, Roles roles, Transport& transport, Waker& waker, const std::atomic<int>& interrupted,
         bool may_spin);

    // Returns when all roles of this rank have finished and everything they sent has left.
    void run();

private:
    bool turn();
    void dispatch(const Envelope& envelope);
    bool route();
    bool finished() const;
    void idle();
    void learn_pause(Nanoseconds pause);

    std::uint32_t rank_;
    Roles roles_;
    Transport& transport_;
    Waker& waker_;
    const std::atomic<int>& interrupted_;
    const bool may_spin_;
    Outbox out_;
    std::vector<Envelope> inbox_;
    std::vector<Envelope> local_;
    int signals_seen_ = 0;

    Nanoseconds idle_since_ = 0;
    Nanoseconds nap_ = 0;
    Nanoseconds mean_pause_ = 0;  // of turns with something to do
    double spin_worth_ = 1;  // how often spinning found work lately, 0 to 1
    bool spinning_ = false;
    int turns_since_nap_ = 0;
};

}  // namespace penstock
