// Attempts are numbered from 1 without a gap, no more than 1 + retries, none after the last one or after so many
// crashes in a row; the next one comes after its pause, and at another broker unless it has looked for one as long
// again; at the same broker in another slot, if one is free.
#pragma once

#include "sim/cluster.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace penstock::sim {

class Attempts final : public Checker {
public:
    std::string name() const override { return "attempts"; }

    void attempt_starts(const JobRef& job, std::uint32_t attempt, std::uint32_t broker) override {
        const Scenario& s = world().scenario();
        const std::uint32_t before = world().truth(job.pipeline).attempts_before(job.job);
        Past& past = past_[job];
        past.attempts = std::max(past.attempts, before);
        if (attempt != past.attempts + 1)
            fail("attempt " + std::to_string(attempt) + " of " + text(job) + " follows attempt " +
                 std::to_string(past.attempts));
        past.attempts = attempt;
        const Plan& plan = *world().truth(job.pipeline).plan;
        if (attempt > before + 1 + plan.templates[plan.template_of(JobIndex(job.job)).value].retries)
            fail(text(job) + " is tried more often than it may");
        if (past.crashes >= s.crash_limit) fail(text(job) + " is tried again after too many crashes");
        if (attempt == before + 1) return;
        const Nanoseconds waited = world().now() - past.failed_at;
        if (waited < least_pause(attempt - before)) fail(text(job) + " is tried again too soon");
        if (broker == past.broker && s.brokers.size() > 1 && waited < 2 * least_pause(attempt - before))
            fail(text(job) + " is tried again where it failed, though there are other brokers");
    }
    void attempt_fails(const JobRef& job, std::uint32_t, std::uint32_t broker, bool crashed) override {
        Past& past = past_[job];
        past.crashes = crashed ? past.crashes + 1 : 0;
        past.broker = broker;
        past.failed_in = past.lane;
        past.failed_at = world().now();
        ++failed_;
    }
    void gets_lane(const JobRef& job, std::uint32_t broker, std::uint32_t lane, bool choice) override {
        Past& past = past_[job];
        past.lane = lane;
        if (choice && past.failed_at != 0 && broker == past.broker && lane == past.failed_in)
            fail(text(job) + " is tried again in the slot where it failed, though there are others");
    }
    void told_again(const msg::AttemptFailed& failed, std::uint32_t) override {
        const JobRef job{failed.jobs.pipeline, failed.jobs.first.value};
        if (!told_.emplace(job, failed.attempt).second) fail("a failed attempt of " + text(job) + " is told twice");
    }
    void finished(const Cluster& cluster) override {
        std::uint64_t last = 0;
        for (const auto& [id, p] : world().pipelines())
            for (std::uint32_t job = 0; job < p.state.size() && !p.plan->is_stream(); ++job)
                last += p.state[job] == JobState::failed && !p.kept(job) ? 1 : 0;
        if (cluster.router().router().counts().retried != failed_ - last)
            fail("the router counted " + std::to_string(cluster.router().router().counts().retried) +
                 " attempts to be made again, of " + std::to_string(failed_ - last));
    }

private:
    struct Past {
        std::uint32_t attempts = 0, crashes = 0, broker = 0;
        std::uint32_t lane = 0, failed_in = 0;
        Nanoseconds failed_at = 0;
    };
    Nanoseconds least_pause(std::uint32_t attempt) const {
        Nanoseconds pause = world().scenario().retry_delay / 2;
        for (std::uint32_t i = 2; i < attempt; ++i) pause *= 2;
        return std::min<Nanoseconds>(pause, 15'000'000'000);
    }

    std::map<JobRef, Past> past_;
    std::set<std::pair<JobRef, std::uint32_t>> told_;
    std::uint64_t failed_ = 0;
};

}  // namespace penstock::sim
