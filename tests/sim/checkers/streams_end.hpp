// Every stream ends, well unless an item makes it fail, and nothing of it is left: neither at its brokers nor in what
// is reserved for it; the end of each of its jobs is on the disk, that of the start that counts.
#pragma once

#include "sim/cluster.hpp"
#include "sim/random_streams.hpp"

#include <algorithm>
#include <set>
#include <string>

namespace penstock::sim {

class StreamsEnd final : public Checker {
public:
    std::string name() const override { return "streams end"; }
    bool sees_streams() const override { return true; }

    void is_over(PipelineId id) override {
        if (!world().is_stream(id)) return;
        if (!over_.insert(id).second) fail("stream " + std::to_string(id.value) + " is over twice");
        const PipelineTruth& p = world().truth(id);
        const bool fails = !tree_of(p).fails_in.empty();
        const auto failed = std::count(p.state.begin(), p.state.end(), JobState::failed);
        if (fails && failed == 0) fail(p.plan->name + " ends well, though an item of it fails");
        if (!fails && failed != 0 && !world().scenario().may_end_early()) fail(p.plan->name + " fails");
    }
    void finished(const Cluster& cluster) override {
        for (const SimBroker* b : cluster.brokers()) {
            if (b->killed()) continue;
            if (b->streams().streams() != 0 && !world().scenario().may_end_early()) fail("a broker still has a stream");
            const bool undisturbed = world().scenario().deaths.empty() && !world().scenario().may_end_early();
            if (undisturbed && b->streams().ignored() != 0 && none_stops_early())
                fail("a broker ignored " + std::to_string(b->streams().ignored()) + " messages of streams");
        }
        const Scenario& s = world().scenario();
        if (s.may_end_early() || cluster.router().gave_up()) return;
        const auto known = world().disk().known();
        for (const auto& [id, p] : world().pipelines()) {
            if (!p.plan->is_stream()) continue;
            if (!over_.contains(id) && !world().disk().has_ended(id)) fail(p.plan->name + " never ended");
            if (tree_of(p).fails_in.empty()) check_rows(known, id, p);
        }
    }

private:
    const test::Tree& tree_of(const PipelineTruth& p) const { return *world().scenario().streams.at(p.plan->name); }
    // Nor does any merge that ends with one of its inputs: the others go on until they hear of it.
    bool none_stops_early() const {
        const Scenario& s = world().scenario();
        const auto ends_early = [](const auto& plan) {
            return std::any_of(plan->stages.begin(), plan->stages.end(), [](const Stage& stage) {
                return stage.merge == Merge::zip || stage.merge == Merge::latest;
            });
        };
        return std::none_of(s.plans.begin(), s.plans.end(), ends_early) &&
               std::all_of(s.streams.begin(), s.streams.end(),
                           [](const auto& e) { return e.second->fails_in.empty(); }) &&
               std::none_of(s.submissions.begin(), s.submissions.end(),
                            [](const Submission& submission) { return submission.closed_after.has_value(); });
    }
    void check_rows(const std::map<JobRef, Disk::Known>& known, PipelineId id, const PipelineTruth& p) const {
        for (std::uint32_t job = 0; job < p.state.size(); ++job) {
            const auto at = known.find({id, job});
            if (at == known.end() || at->second.state != JobState::succeeded)
                fail("the disk does not say that " + text({id, job}) + " has ended well");
            if (world().scenario().deaths.empty() && world().scenario().launch == 1 && at->second.final_rows != 1)
                fail(std::to_string(at->second.final_rows) + " rows say how " + text({id, job}) + " ran");
        }
    }

    std::set<PipelineId> over_;
};

}  // namespace penstock::sim
