// At the end of a run, over all of its launches, the disk has exactly one row that says how a job ran, or none and one
// that it was skipped; and it says what happened.
#pragma once

#include "sim/cluster.hpp"

namespace penstock::sim {

class OneFinalRow final : public Checker {
public:
    std::string name() const override { return "one final row"; }

    void finished(const Cluster& cluster) override {
        if (world().scenario().may_end_early() || cluster.router().refused() != 0) return;
        const auto known = world().disk().known();
        for (const auto& [id, p] : world().pipelines())
            for (std::uint32_t job = 0; job < p.state.size() && !p.plan->is_stream(); ++job) {
                const auto at = known.find({id, job});
                if (at == known.end()) fail("nothing is left of " + text({id, job}));
                const bool ran = p.state[job] != JobState::skipped;
                if (at->second.final_rows != (ran ? 1 : 0))
                    fail(std::to_string(at->second.final_rows) + " rows say how " + text({id, job}) + " ran");
                if (at->second.state != p.state[job]) fail("the disk has another end of " + text({id, job}));
            }
    }
};

}  // namespace penstock::sim
