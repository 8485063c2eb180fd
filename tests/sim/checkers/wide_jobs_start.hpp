// A job that needs much is not overtaken for ever by those that need less: what it needs is saved up for it. Where all
// jobs are as long, it is easily told how long that takes at most.
#pragma once

#include "sim/cluster.hpp"

#include <algorithm>
#include <map>

namespace penstock::sim {

class WideJobsStart final : public Checker {
public:
    std::string name() const override { return "wide jobs start"; }

    void received(const Envelope& e) override {
        const auto* message = std::get_if<RouterMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::Ready>(message);
        if (m == nullptr || !watches() || needs_of(m->jobs).simple()) return;
        Shape& shape = shapes_[needs_of(m->jobs)];
        if (shape.ready == 0) shape.since = world().now();
        shape.ready += m->jobs.count;
    }
    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::Assign>(message);
        if (m == nullptr || !watches()) return;
        const Resources needs = needs_of(m->jobs);
        for (auto& [wider, shape] : shapes_) {
            if (wider <= needs) {  // what this one takes comes back for those when it has ended
                shape.since = world().now();
                if (wider == needs) shape.ready -= m->jobs.count;
            } else if (shape.ready > 0 && world().now() - shape.since > longest_wait()) {
                fail(text({m->jobs.pipeline, m->jobs.first.value}) + " is given out while one that needs " +
                     std::to_string(wider.cpus) + " CPUs waits since " + std::to_string(shape.since));
            }
        }
    }

private:
    struct Shape {
        std::int64_t ready = 0;
        Nanoseconds since = 0;  // it is waited for nothing but smaller ones
    };
    bool watches() const {
        const Scenario& s = world().scenario();
        return s.crowded && s.launch == 1 && s.streams.empty();  // streams come first
    }
    const Resources& needs_of(const JobRun& jobs) const {
        const Plan& plan = *world().truth(jobs.pipeline).plan;
        return plan.templates[plan.template_of(jobs.first).value].resources;
    }
    // Of each slot two jobs at most have to end, each time that something else turns out to be short: CPUs, memory,
    // what has a name.
    Nanoseconds longest_wait() const { return 6 * world().scenario().longest_job + kSlack; }

    static constexpr Nanoseconds kSlack = 100'000'000;  // messages on their way
    std::map<Resources, Shape> shapes_;
};

}  // namespace penstock::sim
