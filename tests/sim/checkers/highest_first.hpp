// No free slot goes to a job while another one of a higher priority is ready.
#pragma once

#include "sim/cluster.hpp"

#include <functional>
#include <map>
#include <string>

namespace penstock::sim {

class HighestFirst final : public Checker {
public:
    std::string name() const override { return "highest first"; }

    void received(const Envelope& e) override {
        const auto* message = std::get_if<RouterMessage>(&e.message);
        if (message == nullptr) return;
        if (const auto* m = std::get_if<msg::Ready>(message)) ready_[priority_of(m->jobs)] += m->jobs.count;
        if (const auto* m = std::get_if<msg::Returned>(message))
            for (const auto& item : m->items) {
                at_[e.from] -= item.jobs.count;
                if (item.past.failed == 0) ready_[priority_of(item.jobs)] += item.jobs.count;
            }
    }
    void told_ran(const msg::Ended& ended, std::uint32_t broker) override {
        if (!ended.followed) at_[broker] -= ended.jobs.count;
    }
    void told_again(const msg::AttemptFailed& failed, std::uint32_t broker) override {
        at_[broker] -= failed.jobs.count;
    }
    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::Assign>(message);
        if (m == nullptr) return;
        const std::int32_t priority = priority_of(m->jobs);
        if (m->past.failed == 0) ready_[priority] -= m->jobs.count;  // what is tried again looks for another broker
        const bool free = at_[e.to] < slots_of(e.to);
        at_[e.to] += m->jobs.count;
        if (!free || !world().scenario().only_simple || world().scenario().ends_at) return;
        for (const auto& [highest, jobs] : ready_)
            if (highest > priority && jobs > 0)
                fail(text({m->jobs.pipeline, m->jobs.first.value}) + " of priority " + std::to_string(priority) +
                     " gets a slot while " + std::to_string(jobs) + " of priority " + std::to_string(highest) +
                     " are ready");
    }

private:
    std::int32_t priority_of(const JobRun& jobs) const {
        const Plan& plan = *world().truth(jobs.pipeline).plan;
        return plan.templates[plan.template_of(jobs.first).value].priority;
    }
    std::uint32_t slots_of(std::uint32_t rank) const {
        for (const BrokerDescription& b : world().scenario().brokers)
            if (b.rank == rank) return b.slots;
        return 0;
    }

    std::map<std::int32_t, std::int64_t, std::greater<>> ready_;  // by priority
    std::map<std::uint32_t, std::int64_t> at_;                    // jobs at each broker
};

}  // namespace penstock::sim
