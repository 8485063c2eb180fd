// Once a run drains nothing is given out any more, and brokers that were told so start nothing of what they have. Nor
// do they go on with what follows, and neither do those that were told to ask.
#pragma once

#include "sim/cluster.hpp"

#include <set>
#include <string>

namespace penstock::sim {

class Drained final : public Checker {
public:
    std::string name() const override { return "drained"; }
    bool sees_streams() const override { return true; }

    void told_ran(const msg::Ended& ended, std::uint32_t) override {
        drained_ = drained_ || (!ended.succeeded && world().scenario().fail_fast);
    }
    void received(const Envelope& e) override {
        if (const auto* to_router = std::get_if<RouterMessage>(&e.message))
            drained_ = drained_ || std::holds_alternative<msg::StoreFailed>(*to_router);
        const auto* to_broker = std::get_if<BrokerMessage>(&e.message);
        const auto* recall = to_broker == nullptr ? nullptr : std::get_if<msg::Recall>(to_broker);
        if (recall != nullptr && recall->count == 0xffffffff) told_.insert(e.to);
        if (recall != nullptr && (recall->count == 0xffffffff || recall->no_followers)) asks_.insert(e.to);
    }
    void sent(const Envelope& e) override {
        const auto* to_router = std::get_if<RouterMessage>(&e.message);
        const auto* ended = to_router == nullptr ? nullptr : std::get_if<msg::Ended>(to_router);
        if (ended != nullptr && ended->followed && asks_.contains(e.from))
            fail(text({ended->jobs.pipeline, ended->jobs.first.value}) + " is followed without asking");
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        if (message == nullptr || !std::holds_alternative<msg::Assign>(*message)) return;
        const auto at = world().scenario().drain_at;
        if (drained_ || (at && world().now() > *at)) fail("jobs are given out while the run drains");
    }
    // What is reserved starts as it comes, and what a lane has claimed cannot be taken from it.
    void starts(const JobRef& job, std::uint32_t broker) override {
        if (!told_.contains(broker) || world().scenario().claimed > 1 || world().is_stream(job.pipeline)) return;
        const Plan& plan = *world().truth(job.pipeline).plan;
        if (plan.templates[plan.template_of(JobIndex(job.job)).value].resources.simple())
            fail(text(job) + " starts at a broker that was told that the run drains");
    }

private:
    bool drained_ = false;
    std::set<std::uint32_t> told_;
    std::set<std::uint32_t> asks_;
};

}  // namespace penstock::sim
