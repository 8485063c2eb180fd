// What people are told a stage has done: when a stream is over that came to its end without a loss, its workers have
// made as many items together as the model says, and left out as many.
#pragma once

#include "sim/cluster.hpp"
#include "sim/random_streams.hpp"

#include <map>
#include <string>

namespace penstock::sim {

class StreamCountsAreRight final : public Checker {
public:
    std::string name() const override { return "stream counts"; }
    bool sees_streams() const override { return true; }

    void received(const Envelope& e) override {
        const auto* message = std::get_if<RouterMessage>(&e.message);
        if (message == nullptr) return;
        if (const auto* m = std::get_if<msg::StageProgress>(message)) told_[{m->pipeline, m->job.value}] = m->counts;
    }
    void is_over(PipelineId id) override {
        const Scenario& s = world().scenario();
        if (!world().is_stream(id) || !s.deaths.empty() || s.launch != 1) return;  // else some of it was done before
        const PipelineTruth& p = world().truth(id);
        const test::Tree& tree = *s.streams.at(p.plan->name);
        if (!world().disk().has_ended(id) || !tree.fails_in.empty() || world().may_be_closed(id)) return;
        for (std::uint32_t stage = 0; stage < tree.stages.size(); ++stage) check(id, *p.plan, stage, tree.made[stage]);
    }

private:
    // The stages of the definition are the first of the plan.
    void check(PipelineId id, const Plan& plan, std::uint32_t stage, const test::Made& made) {
        const JobTemplate& t = plan.templates[stage];
        std::uint64_t out = 0, skipped = 0;
        for (std::uint32_t i = 0; i < t.count; ++i) {
            const StageCounts& counts = told_[{id, t.first_job.value + i}];
            out += counts.items_out;
            skipped += counts.skipped;
        }
        if (out != made.items.size() || skipped != made.skipped)
            fail(t.name + " is said to have made " + std::to_string(out) + " items and to have left out " +
                 std::to_string(skipped) + ", instead of " + std::to_string(made.items.size()) + " and " +
                 std::to_string(made.skipped));
    }

    std::map<std::pair<PipelineId, std::uint32_t>, StageCounts> told_;  // by job
};

}  // namespace penstock::sim
