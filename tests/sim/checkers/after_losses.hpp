// What holds although ranks are lost in the middle: nothing that is durable runs again, no number of an attempt is used
// twice, every input is there, and in the end the disk has of each job what a run without losses comes to.
//
// The fate of a job is the same in every attempt here (scenario.hpp), so the model knows it.
#pragma once

#include "sim/cluster.hpp"
#include "sim/model.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace penstock::sim {

class AfterLosses final : public Checker {
public:
    std::string name() const override { return "after losses"; }

    void starts(const JobRef& job, std::uint32_t broker) override {
        if (!is_lost(broker) && (durable_.contains(job) || is_final(world().known(), job)))
            fail(text(job) + " runs again, though it is durable");
    }
    void attempt_starts(const JobRef& job, std::uint32_t attempt, std::uint32_t broker) override {
        std::uint32_t& last = attempts_[job];
        if (!is_lost(broker) && attempt <= last)
            fail("attempt " + std::to_string(attempt) + " at " + text(job) + " after attempt " + std::to_string(last));
        last = std::max(last, attempt);
    }
    void recorded(const JobRef& job, std::uint32_t writer, std::uint64_t record, bool final_attempt) override {
        if (final_attempt && writer != World::kRouterWriter) records_.emplace(std::pair(writer, record), job);
    }
    void synced(std::uint32_t writer, std::uint64_t up_to) override {
        const auto end = records_.upper_bound({writer, up_to});
        for (auto at = records_.lower_bound({writer, 0}); at != end; at = records_.erase(at))
            durable_.insert(at->second);
    }
    void gathered(const JobRef& job, const JobRef& producer, std::uint32_t attempt) override {
        const bool found = attempt != 0;
        const bool made = fates_of(producer.pipeline)[producer.job] == Fate::succeeds;
        if (found != made) fail(text(job) + (made ? " does not find" : " finds") + " the outputs of " + text(producer));
    }
    void is_over(PipelineId id) override { check_disk(id); }
    void finished(const Cluster& cluster) override {
        const Router& router = cluster.router().router();
        if (router.recovering()) fail("a pipeline is still withdrawn");
        if (router.counts().assigned != 0) fail(std::to_string(router.counts().assigned) + " jobs are still assigned");
        if (cluster.router().gave_up()) return;
        const auto known = world().disk().known();
        std::uint64_t succeeded = 0, failed = 0, skipped = 0;
        for (const auto& [id, p] : world().pipelines()) {
            check_disk(id);
            for (std::uint32_t job = 0; job < fates_of(id).size(); ++job) {
                if (!is_final(known, {id, job})) continue;
                const Fate fate = fates_of(id)[job];
                ++(fate == Fate::succeeds ? succeeded : fate == Fate::fails ? failed : skipped);
            }
        }
        const RouterCounts& c = router.counts();
        // Told to end, it does not look any more what is there of the ranks it loses: the next launch does.
        if (world().scenario().may_end_early()) return;
        if (c.succeeded != succeeded || c.failed != failed || c.skipped != skipped)
            fail("the router counts " + std::to_string(c.succeeded) + ", " + std::to_string(c.failed) + " and " +
                 std::to_string(c.skipped) + ", and it is " + std::to_string(succeeded) + ", " +
                 std::to_string(failed) + " and " + std::to_string(skipped));
    }

private:
    static bool is_final(const std::map<JobRef, Disk::Known>& known, const JobRef& job) {
        const auto at = known.find(job);
        return at != known.end() && at->second.state >= JobState::succeeded;
    }
    bool is_lost(std::uint32_t broker) const {
        const auto& deaths = world().scenario().deaths;
        return std::any_of(deaths.begin(), deaths.end(), [&](const Death& d) {
            return d.rank == broker && world().now() >= d.at + std::min(d.noticed_after, d.back_after);
        });
    }
    const std::vector<Fate>& fates_of(PipelineId id) {
        auto at = fates_.find(id);
        if (at != fates_.end()) return at->second;
        const PipelineTruth& p = world().truth(id);
        return fates_
            .emplace(id,
                     fates(*p.plan, [&](std::uint32_t job) { return fails(world().scenario(), *p.plan, id, job, 0); }))
            .first->second;
    }
    void check_disk(PipelineId id) {
        const auto known = world().disk().known();
        const std::vector<Fate>& expected = fates_of(id);
        for (std::uint32_t job = 0; job < expected.size(); ++job) {
            const auto at = known.find({id, job});
            const bool may_be_missing = world().scenario().may_end_early();
            if (may_be_missing && !is_final(known, {id, job})) continue;
            if (at == known.end()) fail("nothing is left of " + text({id, job}));
            const JobState wanted = expected[job] == Fate::succeeds ? JobState::succeeded
                                    : expected[job] == Fate::fails  ? JobState::failed
                                                                    : JobState::skipped;
            if (at->second.state != wanted) fail("the disk has another end of " + text({id, job}));
        }
    }

    std::set<JobRef> durable_;
    std::map<JobRef, std::uint32_t> attempts_;                           // the highest there was
    std::map<std::pair<std::uint32_t, std::uint64_t>, JobRef> records_;  // not durable yet
    std::map<PipelineId, std::vector<Fate>> fates_;
};

}  // namespace penstock::sim
