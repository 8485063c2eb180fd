// What waits at the router, and for what: for people.
#include "core/router.hpp"

#include <algorithm>

namespace penstock {

// Of several hosts the one that comes nearest tells what is short: CPUs come back soonest.
WaitingJobs::For Router::what_is_short(const Resources& wanted) const {
    auto nearest = HostLedger::Fit::later_named;
    for (std::uint32_t host = 0; host < options_.hosts.hosts(); ++host) {
        if (brokers_of_host_[host].empty() || !options_.hosts.could_hold(host, wanted)) continue;
        const auto fit = options_.hosts.fits(host, wanted, running_simple(host));
        if (fit == HostLedger::Fit::now) return WaitingJobs::For::slot;
        nearest = std::max(nearest, fit);
    }
    switch (nearest) {
        case HostLedger::Fit::later_cpus:
            return WaitingJobs::For::cpus;
        case HostLedger::Fit::later_memory:
            return WaitingJobs::For::memory;
        default:
            return WaitingJobs::For::named;
    }
}

std::vector<WaitingJobs> Router::waiting() const {
    std::vector<WaitingJobs> all;
    const auto add = [&](const Resources& needs, std::uint64_t jobs, WaitingJobs::For what) {
        const auto same =
            std::find_if(all.begin(), all.end(), [&](const auto& w) { return w.needs == needs && w.what == what; });
        if (same != all.end())
            same->jobs += jobs;
        else if (jobs != 0 && all.size() < kMostWaitingKinds)
            all.push_back(
                {needs, jobs, what,
                 what == WaitingJobs::For::named ? options_.hosts.used_up(needs) : std::vector<std::string>()});
    };
    const auto needs_of = [&](const ReadyRun& run) {
        const auto p = pipelines_.find(run.jobs.pipeline);
        return p == pipelines_.end() ? Resources() : p->second.plan->plan->templates[run.job.value].resources;
    };
    for (const auto& [priority, level] : levels_) {
        add({}, level.simple.jobs(), WaitingJobs::For::slot);
        for (const auto& [needs, queue] : level.reserved) add(needs, queue.jobs(), what_is_short(needs));
        std::size_t looked_at = 0;
        for (const auto& [until, run] : level.elsewhere)
            if (++looked_at <= kMostWaitingKinds) add(needs_of(run), 1, WaitingJobs::For::elsewhere);
    }
    std::size_t looked_at = 0;
    for (const auto& [until, run] : pausing_)
        if (++looked_at <= kMostWaitingKinds) add(needs_of(run), 1, WaitingJobs::For::pause);
    for (const auto& [where, later] : postponed_) {
        const auto plan = plans_.find(where.first);
        if (plan == plans_.end() || all.size() >= kMostWaitingKinds) continue;
        const JobTemplate& job = plan->second.plan->templates[where.second.value];
        all.push_back({job.resources,
                       later.jobs,
                       WaitingJobs::For::time,
                       {},
                       plan->second.plan->name + "/" + job.name,
                       later.likely_ns * 1e-9,
                       static_cast<double>(later.left) * 1e-9});
    }
    return all;
}

}  // namespace penstock
