// No pipeliner is given more pipelines at a time than it may have, as far as the router can know when they have ended.
#pragma once

#include "sim/cluster.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace penstock::sim {

class FewAtOnce final : public Checker {
public:
    std::string name() const override { return "few at once"; }
    bool sees_streams() const override { return true; }

    void sent(const Envelope& e) override {
        const auto* message = std::get_if<PipelinerMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::StartPipelines>(message);
        if (m == nullptr) return;
        for (std::uint32_t i = 0; i < m->count; ++i) {
            const PipelineId id(m->first.value + i);
            const PipelineTruth& p = world().truth(id);
            const auto kept = std::count(p.kept_jobs.begin(), p.kept_jobs.end(), true);
            open_[id] = {e.to, static_cast<std::int64_t>(p.state.size()) - kept};
        }
        if ((at_[e.to] += m->count) > world().scenario().active_pipelines)
            fail("rank " + std::to_string(e.to) + " is given " + std::to_string(at_[e.to]) + " pipelines at a time");
    }
    void told_ran(const msg::Ended& ended, std::uint32_t) override { end(ended.jobs); }
    void told_skipped(const JobRun& jobs) override { end(jobs); }

private:
    struct Open {
        std::uint32_t pipeliner = 0;
        std::int64_t left = 0;
    };
    void end(const JobRun& jobs) {
        const auto at = open_.find(jobs.pipeline);
        if (at == open_.end() || (at->second.left -= jobs.count) != 0) return;
        --at_[at->second.pipeliner];
        open_.erase(at);
    }

    std::map<PipelineId, Open> open_;
    std::map<std::uint32_t, std::uint32_t> at_;  // pipelines at each pipeliner
};

}  // namespace penstock::sim
