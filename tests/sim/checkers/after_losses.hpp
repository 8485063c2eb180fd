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
        assigned_[job].insert(broker);
        if (is_lost(broker)) return;
        const bool none_queues = world().scenario().shortest_job >= Router::kLongJob;
        if (none_queues && lost_under_[job] >= world().scenario().crash_limit)
            fail(text(job) + " runs again though " + std::to_string(lost_under_[job]) + " ranks were lost under it");
        if (sent_.contains({job, broker})) running_[broker].insert(job);
        if ((durable_.contains(job) || is_final(world().known(), job)))
            fail(text(job) + " runs again, though it is durable");
    }
    void ends(const JobRef& job, std::uint32_t broker, bool) override { running_[broker].erase(job); }
    void is_tried_again(const JobRef& job, std::uint32_t broker) override { running_[broker].erase(job); }
    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::Assign>(message);
        if (const auto* told = message == nullptr ? nullptr : std::get_if<msg::IntroducePipeline>(message))
            introduced_.emplace(told->info.id, e.to);
        for (std::uint32_t i = 0; m != nullptr && i < m->jobs.count; ++i) {
            const JobRef job{m->jobs.pipeline, m->jobs.first.value + i};
            sent_.emplace(job, e.to);
            assigned_[job].insert(e.to);
            check_past(job, m->past);
        }
    }
    // What the router has heard of: more than that nobody can know when the broker is lost.
    void told_again(const msg::AttemptFailed& failed, std::uint32_t broker) override {
        Heard& heard = heard_[{failed.jobs.pipeline, failed.jobs.first.value}];
        if (failed.told_to_end) return;
        ++heard.failed;
        heard.broker = broker;
    }
    void told_ran(const msg::Ended& ended, std::uint32_t) override {
        for (std::uint32_t i = 0; i < ended.jobs.count; ++i)
            heard_.erase({ended.jobs.pipeline, ended.jobs.first.value + i});
    }
    void forgotten(PipelineId id, std::uint32_t broker) override { introduced_.erase({id, broker}); }
    void rank_lost(std::uint32_t rank) override {
        lost_.insert(rank);
        for (const JobRef& job : running_[rank]) ++lost_under_[job];
    }
    // That is decided by the ranks that, as far as one can know, were lost while they ran it.
    void given_up(const JobRef& job) override {
        const std::set<std::uint32_t>& at = assigned_[job];
        const auto lost = std::count_if(at.begin(), at.end(), [&](std::uint32_t rank) { return lost_.contains(rank); });
        if (lost < world().scenario().crash_limit)
            fail(text(job) + " is given up after the loss of " + std::to_string(lost) + " ranks");
        given_up_.insert(job);
        fates_.erase(job.pipeline);
    }
    // All of them may be made again when a rank is lost before the last one is durable.
    void attempt_fails(const JobRef& job, std::uint32_t, std::uint32_t broker, bool) override {
        const PipelineTruth& p = world().truth(job.pipeline);
        const std::uint32_t retries = p.plan->templates[p.plan->template_of(JobIndex(job.job)).value].retries;
        if (!is_lost(broker) && ++failed_[job] > (1 + retries) * (1 + world().scenario().deaths.size()))
            fail(text(job) + " is tried more often than it may");
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
        check_leftovers(cluster);
        if (cluster.router().gave_up()) return;
        const auto known = world().disk().known();
        std::uint64_t succeeded = 0, failed = 0, skipped = 0;
        for (const auto& [id, p] : world().pipelines()) {
            if (p.plan->is_stream()) {  // streams_end.hpp
                if (world().disk().has_ended(id)) succeeded += p.state.size();
                continue;
            }
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
    // No attempt that the router has heard of is forgotten because a rank is lost, so that the job is tried no more
    // often than it may, and elsewhere.
    void check_past(const JobRef& job, const PastAttempts& past) const {
        const auto at = heard_.find(job);
        const Heard heard = at == heard_.end() ? Heard() : at->second;
        if (past.failed != heard.failed)
            fail(text(job) + " is given out as if " + std::to_string(past.failed) + " attempts had failed, of " +
                 std::to_string(heard.failed));
        if (heard.failed != 0 && past.broker != heard.broker) fail(text(job) + " is given out with another past");
    }
    // Those that live on have nothing left.
    void check_leftovers(const Cluster& cluster) const {
        for (const SimBroker* b : cluster.brokers()) {
            if (b->killed()) continue;
            if (b->broker().running() != 0 || b->broker().queued() != 0) fail("a broker still has jobs");
            if (b->broker().tickets_in_use() != 0) fail("a broker keeps tickets of jobs that have ended");
            if (b->values().in_hand() != 0) fail("a broker has inputs left, or questions about them");
        }
        if (!world().scenario().may_end_early() && !cluster.router().gave_up())
            for (const auto& [id, broker] : introduced_)
                if (!lost_.contains(broker))
                    fail("broker " + std::to_string(broker) + " keeps pipeline " + std::to_string(id.value));
        for (const Pipeliner* p : cluster.pipeliners())
            if (p->active_pipelines() == 0 && p->remembers() != 0) fail("a pipeliner remembers what is over");
    }
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
    // For another reason than that it fails.
    bool has_failed(const JobRef& job) const {
        const auto before = world().known().find(job);
        return given_up_.contains(job) || (before != world().known().end() && before->second.state == JobState::failed);
    }
    const std::vector<Fate>& fates_of(PipelineId id) {
        auto at = fates_.find(id);
        if (at != fates_.end()) return at->second;
        const PipelineTruth& p = world().truth(id);
        return fates_
            .emplace(id, fates(*p.plan,
                               [&](std::uint32_t job) {
                                   return has_failed({id, job}) || fails(world().scenario(), *p.plan, id, job, 0);
                               }))
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
            if (at->second.final_rows > 1)
                fail(std::to_string(at->second.final_rows) + " rows say how " + text({id, job}) + " ended");
        }
    }

    std::set<JobRef> durable_;
    std::map<JobRef, std::uint32_t> attempts_;                           // the highest there was
    std::map<std::pair<std::uint32_t, std::uint64_t>, JobRef> records_;  // not durable yet
    std::map<PipelineId, std::vector<Fate>> fates_;
    std::map<JobRef, std::set<std::uint32_t>> assigned_;         // the brokers that have had it
    std::set<std::pair<PipelineId, std::uint32_t>> introduced_;  // to brokers that have not forgotten them
    std::set<std::pair<JobRef, std::uint32_t>> sent_;            // those that the router gave it to
    std::map<std::uint32_t, std::set<JobRef>> running_;          // by broker, of these
    std::map<JobRef, std::uint32_t> lost_under_;                 // ranks, while they ran it
    std::map<JobRef, std::uint32_t> failed_;                     // attempts
    struct Heard {
        std::uint32_t failed = 0, broker = 0;
    };
    std::map<JobRef, Heard> heard_;  // of attempts, since the job last ended
    std::set<std::uint32_t> lost_;
    std::set<JobRef> given_up_;
};

}  // namespace penstock::sim
