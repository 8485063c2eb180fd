// Every job runs, once for each attempt it has, or is skipped once, and the router tells of its end once.
#pragma once

#include "sim/cluster.hpp"

#include <algorithm>
#include <set>

namespace penstock::sim {

class ExactlyOnce final : public Checker {
public:
    std::string name() const override { return "exactly once"; }
    bool sees_streams() const override { return true; }

    void starts(const JobRef& job, std::uint32_t) override {
        if (!begun_.insert(job).second && world().truth(job.pipeline).state[job.job] != JobState::again)
            fail(text(job) + " starts twice, or after it was skipped");
    }
    void is_skipped(const JobRef& job, std::uint32_t) override {
        if (!begun_.insert(job).second) fail(text(job) + " is skipped twice, or after it was started");
    }
    void told_ran(const msg::Ended& ended, std::uint32_t) override {
        tell(ended.jobs, ended.succeeded ? JobState::succeeded : JobState::failed);
    }
    void told_skipped(const JobRun& jobs) override { tell(jobs, JobState::skipped); }
    void finished(const Cluster&) override {
        std::size_t not_ended = 0;
        for (const auto& [id, pipeline] : world().pipelines())
            not_ended +=
                static_cast<std::size_t>(std::count(pipeline.state.begin(), pipeline.state.end(), JobState::again));
        if (begun_.size() != told_.size() + not_ended) fail("the router did not tell the end of every job that ended");
        if (world().scenario().may_end_early()) return;
        for (const auto& [id, pipeline] : world().pipelines())
            for (std::uint32_t job = 0; job < pipeline.state.size(); ++job)
                if (!pipeline.kept(job) && !told_.contains({id, job})) fail(text({id, job}) + " never ended");
    }

private:
    void tell(const JobRun& jobs, JobState as) {
        for (std::uint32_t i = 0; i < jobs.count; ++i) {
            const JobRef job{jobs.pipeline, jobs.first.value + i};
            if (!told_.insert(job).second) fail("the router tells the end of " + text(job) + " twice");
            if (world().truth(job.pipeline).state[job.job] != as) fail("the router tells a wrong end of " + text(job));
        }
    }

    std::set<JobRef> begun_, told_;
};

}  // namespace penstock::sim
