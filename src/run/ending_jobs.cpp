#include "run/ending_jobs.hpp"

namespace penstock {

void EndingJobs::sort(std::vector<Outcome>& outcomes, Nanoseconds now) {
    if (told_.empty()) return;
    for (const Outcome& outcome : outcomes) told_.erase(outcome.ticket);
    for (auto at = told_.begin(); at != told_.end();) {
        if (now - at->second.at < kPatience) {
            ++at;
            continue;
        }
        Outcome outcome;
        outcome.ticket = at->first;
        outcome.lane = at->second.lane;
        outcome.succeeded = false;
        outcome.started = outcome.finished = now;
        outcome.details = std::make_unique<OutcomeDetails>();
        outcome.details->reason = EndReason::cancelled;
        outcome.details->error =
            "the run ends, and the job went on though it was told to: an inline job that does not look at "
            "Context::cancelled() is left behind";
        outcomes.push_back(std::move(outcome));
        at = told_.erase(at);
    }
}

}  // namespace penstock
