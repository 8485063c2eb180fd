// No host runs more than it has, no run uses more of a named resource than there is, no broker runs more one-CPU jobs
// than it has slots.
#pragma once

#include "sim/cluster.hpp"

#include <map>
#include <string>

namespace penstock::sim {

class ResourcesHold final : public Checker {
public:
    std::string name() const override { return "resources"; }
    bool sees_streams() const override { return true; }

    void starts(const JobRef& job, std::uint32_t broker) override {
        const Resources& wanted = resources_of(job);
        const BrokerDescription& b = description(broker);
        const HostDescription& host = world().scenario().hosts[b.host];
        Use& use = hosts_[b.host];
        use.cpus += wanted.cpus;
        use.memory += wanted.memory_bytes;
        if (use.cpus > host.cpus)
            fail(std::to_string(use.cpus) + " CPUs in use of " + std::to_string(host.cpus) + " with " + text(job));
        if (host.memory_bytes != 0 && use.memory > host.memory_bytes)
            fail(std::to_string(use.memory) + " bytes in use of " + std::to_string(host.memory_bytes));
        for (const auto& [resource, amount] : wanted.named)
            if ((named_[resource] += amount) > world().scenario().named.at(resource))
                fail(std::to_string(named_[resource]) + " of " + resource + " in use");
        if (takes_slot(job) && ++simple_[broker] > b.slots)
            fail("broker " + std::to_string(broker) + " runs " + std::to_string(simple_[broker]) + " one-CPU jobs");
    }
    void ends(const JobRef& job, std::uint32_t broker, bool) override { gives_back(job, broker); }
    void is_tried_again(const JobRef& job, std::uint32_t broker) override { gives_back(job, broker); }

private:
    void gives_back(const JobRef& job, std::uint32_t broker) {
        const Resources& had = resources_of(job);
        Use& use = hosts_[description(broker).host];
        use.cpus -= had.cpus;
        use.memory -= had.memory_bytes;
        for (const auto& [resource, amount] : had.named) named_[resource] -= amount;
        if (takes_slot(job)) --simple_[broker];
    }
    // Stages have lanes of their own.
    bool takes_slot(const JobRef& job) const { return resources_of(job).simple() && !world().is_stream(job.pipeline); }
    struct Use {
        std::uint64_t cpus = 0, memory = 0;
    };
    const Resources& resources_of(const JobRef& job) const {
        const Plan& plan = *world().truth(job.pipeline).plan;
        return plan.templates[plan.template_of(JobIndex(job.job)).value].resources;
    }
    const BrokerDescription& description(std::uint32_t broker) const {
        for (const BrokerDescription& b : world().scenario().brokers)
            if (b.rank == broker) return b;
        fail("no broker " + std::to_string(broker));
    }

    std::map<std::uint32_t, Use> hosts_;
    std::map<std::uint32_t, std::uint32_t> simple_;
    std::map<std::string, std::uint64_t> named_;
};

}  // namespace penstock::sim
