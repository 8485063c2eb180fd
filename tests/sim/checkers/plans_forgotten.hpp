// Nobody keeps the plan of pipelines that are over for ever: at the end each rank knows those of unfinished pipelines,
// and of the others no more than the router was told to keep.
#pragma once

#include "sim/cluster.hpp"

#include <set>

namespace penstock::sim {

class PlansForgotten final : public Checker {
public:
    std::string name() const override { return "plans forgotten"; }

    void finished(const Cluster& cluster) override {
        const Router& router = cluster.router().router();
        // Pipelines that are left when a run ends early may be of any plan.
        const Scenario& s = world().scenario();
        const std::size_t most = router.unfinished_pipelines() == 0 ? s.idle_plans : s.idle_plans + s.plans.size();
        check("the router", router.known_plans(), most);
        for (const SimBroker* b : cluster.brokers()) check("a broker", b->broker().known_plans(), most);
        for (const Pipeliner* p : cluster.pipeliners()) check("a pipeliner", p->known_plans(), most);
    }

private:
    void check(const std::string& who, std::size_t plans, std::size_t most) const {
        if (plans > most)
            fail(who + " knows " + std::to_string(plans) + " plans, at most " + std::to_string(most) + " are in use");
    }
};

}  // namespace penstock::sim
