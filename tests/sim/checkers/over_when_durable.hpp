// A pipeline is told over once, and only when a record of each of its jobs has been synced.
#pragma once

#include "sim/cluster.hpp"

#include <map>
#include <set>
#include <utility>

namespace penstock::sim {

class OverWhenDurable final : public Checker {
public:
    std::string name() const override { return "over when durable"; }
    bool sees_streams() const override { return true; }

    void recorded(const JobRef& job, std::uint32_t writer, std::uint64_t record, bool final_attempt) override {
        if (final_.contains(job)) fail(text(job) + " has a record after its last one");
        if (final_attempt) final_.insert(job);
        records_.emplace(job, std::pair(writer, record));
    }
    void synced(std::uint32_t writer, std::uint64_t up_to) override { synced_[writer] = up_to; }
    void is_over(PipelineId id) override {
        if (!over_.insert(id).second) fail("pipeline " + std::to_string(id.value) + " is over twice");
        const PipelineTruth& p = world().truth(id);
        for (std::uint32_t job = 0; job < p.state.size(); ++job) {
            if (p.kept(job)) continue;
            // A stream that the run has stopped is over, and goes on in the next launch.
            const bool stopped = world().is_stream(id) && world().scenario().may_end_early();
            if (!final_.contains({id, job}) && !(stopped && records_.contains({id, job})))
                fail("over before there is a record of " + text({id, job}));
            const auto [first, end] = records_.equal_range({id, job});
            for (auto at = first; at != end; ++at)
                if (synced_[at->second.first] < at->second.second)
                    fail("over before the record of " + text({id, job}) + " is durable");
        }
    }
    void finished(const Cluster& cluster) override {
        if (cluster.router().router().counts().pipelines_over != over_.size()) fail("pipelines are counted wrong");
        if (world().scenario().may_end_early()) return;
        if (over_.size() != world().scenario().submissions.size()) fail("some pipeline was never told over");
        if (cluster.router().router().unfinished_pipelines() != 0) fail("the router keeps pipelines that are over");
    }

private:
    std::multimap<JobRef, std::pair<std::uint32_t, std::uint64_t>> records_;  // writer and number, of each attempt
    std::set<JobRef> final_;  // that have the record of their last attempt
    std::map<std::uint32_t, std::uint64_t> synced_;
    std::set<PipelineId> over_;
};

}  // namespace penstock::sim
