// When it is known when the launch ends: nothing starts after that, nor what says that it may take longer than is left,
// as long as nobody knows better; and the run is over by then. When it is told to end what runs, it soon is.
#pragma once

#include "sim/cluster.hpp"

#include <optional>
#include <set>

namespace penstock::sim {

class InTime final : public Checker {
public:
    std::string name() const override { return "in time"; }
    bool sees_streams() const override { return true; }

    void starts(const JobRef& job, std::uint32_t) override {
        const auto ends_at = world().scenario().ends_at;
        if (!ends_at) return;
        const Plan& plan = *world().truth(job.pipeline).plan;
        const Nanoseconds left = *ends_at + kSlack - world().now();
        if (left < 0) fail(text(job) + " starts after the end of the launch");
        const double most_s = plan.templates[plan.template_of(JobIndex(job.job)).value].timeout_s;
        if (!ended_.contains(&plan) && most_s * 1e9 > static_cast<double>(left))
            fail(text(job) + " starts though it may take longer than what is left");
    }
    void ends(const JobRef& job, std::uint32_t, bool) override {
        ended_.insert(world().truth(job.pipeline).plan.get());
    }
    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        const auto ends_at = end();
        if (ends_at && message != nullptr && std::holds_alternative<msg::Stop>(*message) &&
            world().now() > *ends_at + kSlack)
            fail("the run stops " + std::to_string(world().now() - *ends_at) + " ns after the end of the launch");
    }

private:
    std::optional<Nanoseconds> end() const {
        const Scenario& s = world().scenario();
        if (s.ends_at) return s.ends_at;
        return s.stops.empty() && s.deaths.empty() ? s.end_now_at : std::nullopt;  // those who stand still end nothing
    }

    // Messages on their way, and inputs; what is given ahead of a slot; until a job that is told to end has ended.
    static constexpr Nanoseconds kSlack = 500'000'000;
    std::set<const Plan*> ended_;  // plans of which some job has
};

}  // namespace penstock::sim
