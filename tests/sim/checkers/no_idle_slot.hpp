// No broker has a free slot, as far as the router can know, while a job that could use it is ready.
#pragma once

#include "sim/cluster.hpp"

#include <algorithm>
#include <map>

namespace penstock::sim {

class NoIdleSlot final : public Checker {
public:
    std::string name() const override { return "no idle slot"; }
    bool sees_streams() const override { return true; }

    void received(const Envelope& e) override {
        const auto* message = std::get_if<RouterMessage>(&e.message);
        if (message == nullptr) return;
        if (const auto* m = std::get_if<msg::Ready>(message)) {
            if (!world().is_stream(m->jobs.pipeline)) ready_ += m->jobs.count;
            if (is_reserved(m->jobs)) reserved_ += m->jobs.count;
        }
        if (const auto* m = std::get_if<msg::Returned>(message))
            for (const auto& item : m->items) {
                at_[e.from] -= item.jobs.count;
                if (item.past.failed == 0) ready_ += item.jobs.count;
            }
    }
    void told_ran(const msg::Ended& ended, std::uint32_t broker) override {
        if (!ended.followed && !world().is_stream(ended.jobs.pipeline)) at_[broker] -= ended.jobs.count;
        if (is_reserved(ended.jobs)) reserved_ -= ended.jobs.count;
    }
    void told_again(const msg::AttemptFailed& failed, std::uint32_t broker) override {
        at_[broker] -= failed.jobs.count;
        // It pauses, and looks for another broker, if there are any, as long again at most.
        const Scenario& s = world().scenario();
        const Nanoseconds longest = std::max(Router::kLongestRetryDelay, s.retry_delay);
        Nanoseconds pause = s.retry_delay;
        for (std::uint32_t i = 1; i < failed.past.failed && pause < longest; ++i) pause *= 2;
        again_[{failed.jobs.pipeline, failed.jobs.first.value}] =
            world().now() + (s.brokers.size() > 1 ? 2 : 1) * std::min(pause, longest) + kWake;
    }
    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::Assign>(message);
        if (m == nullptr || world().is_stream(m->jobs.pipeline)) return;
        at_[e.to] += m->jobs.count;
        if (m->past.failed == 0) ready_ -= m->jobs.count;  // what is tried again may wait for another broker
        for (std::uint32_t i = 0; i < m->jobs.count && m->past.failed != 0; ++i)
            again_.erase({m->jobs.pipeline, m->jobs.first.value + i});
    }
    void handed_out() override {
        if (reserved_ != 0 || world().scenario().may_end_early()) return;
        for (const auto& [job, latest] : again_)
            if (latest < world().now() && any_idles()) fail(text(job) + " is not tried again though its pause is over");
        if (ready_ == 0) return;
        for (const BrokerDescription& b : world().scenario().brokers)
            if (at_[b.rank] < b.slots)
                fail("broker " + std::to_string(b.rank) + " has " + std::to_string(at_[b.rank]) + " jobs for " +
                     std::to_string(b.slots) + " slots while " + std::to_string(ready_) + " are ready");
    }

private:
    bool is_reserved(const JobRun& jobs) const {
        const Plan& plan = *world().truth(jobs.pipeline).plan;
        if (plan.is_stream())
            return std::any_of(plan.templates.begin(), plan.templates.end(),
                               [](const JobTemplate& t) { return needs_anything(t.resources); });
        return !plan.templates[plan.template_of(jobs.first).value].resources.simple();
    }
    static bool needs_anything(const Resources& r) { return r.cpus != 0 || r.memory_bytes != 0 || !r.named.empty(); }
    bool any_idles() {
        const auto& brokers = world().scenario().brokers;
        return std::any_of(brokers.begin(), brokers.end(), [&](const auto& b) { return at_[b.rank] < b.slots; });
    }

    static constexpr Nanoseconds kWake = 1'000'000;  // until the router is waked for it
    std::map<JobRef, Nanoseconds> again_;            // failed jobs, and when at the latest they are given out
    std::int64_t ready_ = 0;
    std::int64_t reserved_ = 0;  // jobs that need more than a slot, and are ready or run: for them slots may idle
    std::map<std::uint32_t, std::int64_t> at_;  // jobs at each broker
};

}  // namespace penstock::sim
