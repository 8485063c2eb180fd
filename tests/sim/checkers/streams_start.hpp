// A stream that needs CPUs is not overtaken for ever by jobs: what it needs is saved up for it. Where all jobs are as
// long, it is easily told how long that takes at most.
#pragma once

#include "sim/cluster.hpp"

#include <map>
#include <string>

namespace penstock::sim {

class StreamsStart final : public Checker {
public:
    std::string name() const override { return "streams start"; }
    bool sees_streams() const override { return true; }

    void received(const Envelope& e) override {
        const auto* message = std::get_if<RouterMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::Ready>(message);
        if (m != nullptr && world().is_stream(m->jobs.pipeline)) waits_since_[m->jobs.pipeline] = world().now();
    }
    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::Assign>(message);
        if (m == nullptr) return;
        if (world().is_stream(m->jobs.pipeline)) {
            waits_since_.erase(m->jobs.pipeline);
            return;
        }
        const Scenario& s = world().scenario();
        if (!s.crowded || s.launch != 1 || !s.deaths.empty()) return;  // a host may be gone that it needs
        for (const auto& [id, since] : waits_since_)
            if (world().now() - since > 6 * s.longest_job + kSlack)
                fail("jobs are given out while stream " + std::to_string(id.value) + " waits since " +
                     std::to_string(since));
    }

private:
    static constexpr Nanoseconds kSlack = 100'000'000;  // messages on their way
    std::map<PipelineId, Nanoseconds> waits_since_;
};

}  // namespace penstock::sim
