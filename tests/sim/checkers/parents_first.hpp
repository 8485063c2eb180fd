// No job starts before the jobs it follows have ended as it wants them to.
#pragma once

#include "sim/cluster.hpp"
#include "sim/model.hpp"

namespace penstock::sim {

class ParentsFirst final : public Checker {
public:
    std::string name() const override { return "parents first"; }

    void starts(const JobRef& job, std::uint32_t) override {
        const PipelineTruth& p = world().truth(job.pipeline);
        const TemplateIndex t = p.plan->template_of(JobIndex(job.job));
        const std::uint32_t instance = job.job - p.plan->templates[t.value].first_job.value;
        for (const Edge& e : p.plan->edges) {
            if (e.consumer != t) continue;
            const bool any_end = e.when == When::ended;
            if (e.relation == Relation::all) {
                const PipelineTruth::Tally& tally = p.tally[e.producer.value];
                if ((any_end ? tally.ended : tally.succeeded) != p.plan->templates[e.producer.value].count)
                    fail(text(job) + " starts before all of " + p.plan->templates[e.producer.value].name);
                continue;
            }
            for (const std::uint32_t producer : producers_of(*p.plan, e, instance))
                if (any_end ? !p.ended(producer) : p.state[producer] != JobState::succeeded)
                    fail(text(job) + " starts before " + text({job.pipeline, producer}));
        }
    }
};

}  // namespace penstock::sim
