// What is given out comes back: at the end nothing is assigned, running, queued or active, and nobody was sent
// nonsense.
#pragma once

#include "sim/cluster.hpp"

namespace penstock::sim {

class BooksBalance final : public Checker {
public:
    std::string name() const override { return "books balance"; }
    bool sees_streams() const override { return true; }

    void recorded(const JobRef&, std::uint32_t, std::uint64_t, bool) override { ++records_; }
    void attempt_fails(const JobRef&, std::uint32_t, std::uint32_t, bool) override { ++failed_; }
    void is_tried_again(const JobRef&, std::uint32_t) override { ++tried_again_; }
    void finished(const Cluster& cluster) override {
        const RouterCounts& c = cluster.router().router().counts();
        std::uint64_t jobs = 0, kept = 0, failed_for_good = 0;
        for (const auto& [id, p] : world().pipelines()) {
            jobs += p.state.size();
            for (std::uint32_t job = 0; job < p.state.size(); ++job) {
                kept += p.kept(job) ? 1 : 0;
                // No attempt of a stage's worker fails but the stream does.
                failed_for_good += p.state[job] == JobState::failed && !p.kept(job) && !p.plan->is_stream() ? 1 : 0;
            }
        }
        check("jobs", c.jobs, jobs);
        check("pipelines", c.pipelines, world().pipelines().size());
        check("kept jobs", c.kept, kept);
        check("attempts that were ended", c.cut_short, tried_again_ - (failed_ - failed_for_good));
        if (!world().scenario().may_end_early()) check("durable records", c.durable, records_ + kept);
        if (c.assigned != 0) fail(std::to_string(c.assigned) + " jobs are still assigned");
        if (c.ignored != 0) fail("the router ignored " + std::to_string(c.ignored) + " messages");
        for (const SimBroker* b : cluster.brokers()) {
            if (b->broker().running() != 0 || b->broker().queued() != 0) fail("a broker still has jobs");
            if (b->broker().tickets_in_use() != 0) fail("a broker keeps tickets of jobs that have ended");
            if (b->broker().ignored() != 0)
                fail("a broker ignored " + std::to_string(b->broker().ignored()) + " messages");
            if (b->values().ignored() != 0) fail("a broker ignored messages about values");
            if (b->values().in_hand() != 0) fail("a broker has inputs left, or questions about them");
        }
        for (const Pipeliner* p : cluster.pipeliners()) {
            if (p->ignored() != 0) fail("a pipeliner ignored " + std::to_string(p->ignored()) + " messages");
            if (p->active_pipelines() != 0 && !world().scenario().may_end_early())
                fail("a pipeliner still has pipelines");
            if (p->active_pipelines() == 0 && p->remembers() != 0) fail("a pipeliner remembers what is over");
        }
        // A bound that no run comes near unless somebody asks and asks.
        if (cluster.messages() >
            1000 + 30ull * (world().scenario().jobs + c.retried) + 200ull * world().scenario().submissions.size())
            fail(std::to_string(cluster.messages()) + " messages for " + std::to_string(world().scenario().jobs) +
                 " jobs");
    }

private:
    void check(const std::string& what, std::uint64_t counted, std::uint64_t there_are) const {
        if (counted != there_are)
            fail("the router counts " + std::to_string(counted) + " " + what + " of " + std::to_string(there_are));
    }

    std::uint64_t records_ = 0, failed_ = 0, tried_again_ = 0;
};

}  // namespace penstock::sim
