// A broker is given more than it has slots for only of jobs that are known to be short, and no more than it does in a
// moment; and it does not keep them for long while another broker idles.
#pragma once

#include "sim/cluster.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>

namespace penstock::sim {

class ShortQueues final : public Checker {
public:
    std::string name() const override { return "short queues"; }

    void received(const Envelope& e) override {
        const auto* message = std::get_if<RouterMessage>(&e.message);
        if (message == nullptr) return;
        if (const auto* m = std::get_if<msg::Returned>(message))
            for (const auto& item : m->items) at_[e.from] -= item.jobs.count;
    }
    void told_ran(const msg::Ended& ended, std::uint32_t broker) override {
        any_ended_ = true;
        if (!ended.followed) at_[broker] -= ended.jobs.count;
    }
    void told_again(const msg::AttemptFailed& failed, std::uint32_t broker) override {
        at_[broker] -= failed.jobs.count;
    }
    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::Assign>(message);
        if (m == nullptr || !world().scenario().only_simple) return;
        at_[e.to] += m->jobs.count;
        if (at_[e.to] > most(slots_of(e.to)))
            fail("broker " + std::to_string(e.to) + " is given " + std::to_string(at_[e.to]) + " jobs for " +
                 std::to_string(slots_of(e.to)) + " slots");
    }
    void handed_out() override {
        const Scenario& s = world().scenario();
        if (!s.only_simple || s.fail_fast || s.drain_at || s.store_fails_at || s.claimed > 1 || !s.stops.empty() ||
            s.writer_limit < 1000)
            return;
        bool idle = false, queue = false;
        for (const BrokerDescription& b : s.brokers) {
            idle |= at_[b.rank] < b.slots;
            queue |= at_[b.rank] > b.slots;
        }
        if (!idle || !queue) {
            since_.reset();
        } else if (!since_) {
            since_ = world().now();
        } else if (world().now() - *since_ > kSoon) {
            fail("a broker idles for " + std::to_string(world().now() - *since_) + " ns while another has a queue");
        }
    }

private:
    // Where all jobs are as long, or longer than anything that queues, that is easily told.
    std::int64_t most(std::int64_t slots) const {
        const Scenario& s = world().scenario();
        if (!any_ended_ || (s.shortest_job >= Router::kLongJob && !s.uneven)) return slots;
        if (s.shortest_job != s.longest_job || s.uneven) return std::numeric_limits<std::int64_t>::max();
        return 2 * slots + std::max(slots, slots * Router::kHorizon / s.shortest_job) + 1;
    }
    std::int64_t slots_of(std::uint32_t rank) const {
        for (const BrokerDescription& b : world().scenario().brokers)
            if (b.rank == rank) return b.slots;
        return 0;
    }

    static constexpr Nanoseconds kSoon = 1'000'000'000;
    std::map<std::uint32_t, std::int64_t> at_;  // jobs at each broker
    std::optional<Nanoseconds> since_;          // there is one that idles and one with a queue
    bool any_ended_ = false;
};

}  // namespace penstock::sim
