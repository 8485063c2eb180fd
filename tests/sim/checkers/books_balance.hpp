// What is given out comes back: at the end nothing is assigned, running, queued or active, and nobody was sent
// nonsense.
#pragma once

#include "sim/cluster.hpp"

namespace penstock::sim {

class BooksBalance final : public Checker {
public:
    std::string name() const override { return "books balance"; }

    void finished(const Cluster& cluster) override {
        const RouterCounts& c = cluster.router().router().counts();
        if (c.assigned != 0) fail(std::to_string(c.assigned) + " jobs are still assigned");
        if (c.ignored != 0) fail("the router ignored " + std::to_string(c.ignored) + " messages");
        for (const SimBroker* b : cluster.brokers()) {
            if (b->broker().running() != 0 || b->broker().queued() != 0) fail("a broker still has jobs");
            if (b->broker().ignored() != 0)
                fail("a broker ignored " + std::to_string(b->broker().ignored()) + " messages");
            if (b->values().ignored() != 0) fail("a broker ignored messages about values");
            if (b->values().in_hand() != 0) fail("a broker has inputs left, or questions about them");
        }
        for (const Pipeliner* p : cluster.pipeliners()) {
            if (p->ignored() != 0) fail("a pipeliner ignored " + std::to_string(p->ignored()) + " messages");
            if (p->active_pipelines() != 0 && !world().scenario().may_end_early())
                fail("a pipeliner still has pipelines");
        }
        // A bound that no run comes near unless somebody asks and asks.
        if (cluster.messages() >
            1000 + 30ull * (world().scenario().jobs + c.retried) + 200ull * world().scenario().submissions.size())
            fail(std::to_string(cluster.messages()) + " messages for " + std::to_string(world().scenario().jobs) +
                 " jobs");
    }
};

}  // namespace penstock::sim
