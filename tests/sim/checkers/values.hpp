// Outputs are there as long as some job may read them, and no longer.
#pragma once

#include "sim/cluster.hpp"
#include "sim/model.hpp"

#include <map>
#include <set>

namespace penstock::sim {

class Values final : public Checker {
public:
    std::string name() const override { return "values"; }

    void kept(const JobRef& job, std::uint32_t broker) override { kept_[job] = broker; }

    void attempt_starts(const JobRef& job, std::uint32_t attempt, std::uint32_t) override { attempts_[job] = attempt; }
    // A job finds the outputs of the producers that succeeded, of the attempt that did, and none of the others.
    void gathered(const JobRef& job, const JobRef& producer, std::uint32_t attempt) override {
        const bool found = attempt != 0;
        const bool made = world().truth(producer.pipeline).state[producer.job] == JobState::succeeded;
        if (made && !found) fail(text(job) + " does not find what " + text(producer) + " made");
        if (!made && found) fail(text(job) + " finds an output of " + text(producer) + ", which made none");
        if (found && attempt != succeeded_attempt(producer))
            fail(text(job) + " gets what attempt " + std::to_string(attempt) + " of " + text(producer) + " made");
    }

    void released(const JobRef& job, std::uint32_t broker, bool was_there) override {
        const auto at = kept_.find(job);
        if (at == kept_.end() || at->second != broker) fail(text(job) + " is released where it never was");
        if (!was_there) fail(text(job) + " is released and was not there any more");
        if (!released_.insert(job).second) fail(text(job) + " is released twice");
        const PipelineTruth& p = world().truth(job.pipeline);
        const TemplateIndex t = p.plan->template_of(JobIndex(job.job));
        const std::uint32_t instance = job.job - p.plan->templates[t.value].first_job.value;
        for (const Edge& e : p.plan->edges) {
            if (e.producer != t || !e.carries_values) continue;
            if (e.relation == Relation::all) {
                if (p.tally[e.consumer.value].ended != p.plan->templates[e.consumer.value].count)
                    fail(text(job) + " is released before all of " + p.plan->templates[e.consumer.value].name);
                continue;
            }
            for (const std::uint32_t consumer : consumers_of(*p.plan, e, instance))
                if (!p.ended(consumer)) fail(text(job) + " is released before " + text({job.pipeline, consumer}));
        }
    }

    void finished(const Cluster& cluster) override {
        if (world().scenario().may_end_early()) return;
        for (const SimBroker* broker : cluster.brokers())
            if (broker->values().kept() != 0) fail("a broker still keeps outputs");
        // Each by a message of its own, not only when its pipeline was forgotten.
        if (released_.size() != kept_.size())
            fail(std::to_string(kept_.size() - released_.size()) + " outputs were never released");
    }

private:
    std::uint32_t succeeded_attempt(const JobRef& job) const {
        const auto here = attempts_.find(job);
        return here == attempts_.end() ? world().known().at(job).attempts : here->second;
    }

    std::map<JobRef, std::uint32_t> kept_;      // broker
    std::map<JobRef, std::uint32_t> attempts_;  // the last one in this launch
    std::set<JobRef> released_;
};

}  // namespace penstock::sim
