// What becomes of each job is what a simple model says, and a skipped one names a failed job above it.
#pragma once

#include "sim/cluster.hpp"
#include "sim/model.hpp"

namespace penstock::sim {

class AsModelled final : public Checker {
public:
    std::string name() const override { return "as modelled"; }

    void is_skipped(const JobRef& job, std::uint32_t cause) override {
        const PipelineTruth& p = world().truth(job.pipeline);
        if (cause >= p.state.size() || p.state[cause] != JobState::failed)
            fail(text(job) + " is skipped because of " + std::to_string(cause) + ", which did not fail");
        const std::uint32_t above = p.plan->template_of(JobIndex(cause)).value;
        if (!is_above(*p.plan, above, p.plan->template_of(JobIndex(job.job)).value))
            fail(text(job) + " is skipped because of " + std::to_string(cause) + ", which is not above it");
    }

    void finished(const Cluster& cluster) override {
        std::uint64_t succeeded = 0, failed = 0, skipped = 0;
        for (const auto& [id, p] : world().pipelines()) {
            const auto expected = fates(*p.plan, [&](std::uint32_t job) {
                if (p.kept(job)) return p.state[job] == JobState::failed;
                return fails(world().scenario(), *p.plan, id, job, p.attempts_before(job));
            });
            for (std::uint32_t job = 0; job < p.state.size(); ++job) {
                succeeded += p.state[job] == JobState::succeeded ? 1 : 0;
                failed += p.state[job] == JobState::failed ? 1 : 0;
                skipped += p.state[job] == JobState::skipped ? 1 : 0;
                if (p.plan->is_stream()) continue;  // stream_items.hpp, streams_end.hpp
                if (p.state[job] < JobState::succeeded && world().scenario().may_end_early()) continue;
                if (p.state[job] != state_of(expected[job]))
                    fail(text({id, job}) + " should have become " + std::to_string(static_cast<int>(expected[job])) +
                         " (succeeded, failed, skipped: 0, 1, 2)");
            }
        }
        const RouterCounts& c = cluster.router().router().counts();
        const std::uint64_t refused = cluster.router().refused();
        if (c.succeeded + refused != succeeded || c.failed != failed + refused || c.skipped != skipped)
            fail("the router counted " + std::to_string(c.succeeded) + " succeeded, " + std::to_string(c.failed) +
                 " failed, " + std::to_string(c.skipped) + " skipped");
    }

private:
    static JobState state_of(Fate fate) {
        switch (fate) {
            case Fate::succeeds:
                return JobState::succeeded;
            case Fate::fails:
                return JobState::failed;
            case Fate::is_skipped:
                break;
        }
        return JobState::skipped;
    }
};

}  // namespace penstock::sim
