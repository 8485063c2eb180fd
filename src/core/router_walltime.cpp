// The end of the launch, where it is known: what would not end before it does not start.
#include "core/router.hpp"

#include <algorithm>

namespace penstock {

// A job of that template ends within this time, as far as one can say: by what such jobs took, or else by its
// `timeout`. 0 = nothing is known of it, and it may start.
double Router::likely_ns(PlanState& plan, TemplateIndex t) {
    const double limit = plan.plan->templates[t.value].timeout_s * 1e9;
    const double mean = plan.times.mean_ns(*plan.plan, t);
    if (mean < 0) return limit;
    return limit > 0 ? std::min(limit, kLikely * mean) : kLikely * mean;
}

bool Router::fits(const ReadyRun& run) {
    if (options_.ends_at == 0) return true;
    const auto p = pipelines_.find(run.jobs.pipeline);
    return p == pipelines_.end() || likely_ns(*p->second.plan, run.job) <= static_cast<double>(time_left());
}

// What the broker should run next, after those have been put aside that do not fit; null when nothing is left.
const ReadyRun* Router::next_that_fits(ReadyQueue& queue, std::uint32_t broker) {
    while (true) {
        const ReadyRun* const next = queue.next_for(broker);
        if (next == nullptr || fits(*next)) return next;
        const ReadyRun run = queue.take(broker, next->jobs.count);
        const Pipeline& p = pipelines_.at(run.jobs.pipeline);
        if (p.plan->plan->templates[run.job.value].resources.simple()) ready_simple_ -= run.jobs.count;
        postpone(run);
    }
}

void Router::postpone(const ReadyRun& run) {
    Pipeline& p = pipelines_.at(run.jobs.pipeline);
    if (postponed_.empty()) looked_again_ = now_;
    Postponed& later = postponed_[{p.info.plan, run.job}];
    if (later.runs.empty()) later.left = std::max<Nanoseconds>(0, time_left());
    later.likely_ns = likely_ns(*p.plan, run.job);
    later.jobs += run.jobs.count;
    later.runs.push_back(run);
}

// Such jobs may have turned out to be shorter than the first ones were.
void Router::look_again_at_postponed() {
    looked_again_ = now_;
    for (auto at = postponed_.begin(); at != postponed_.end();) {
        std::erase_if(at->second.runs, [&](const ReadyRun& run) { return pipeline(run.jobs.pipeline) == nullptr; });
        if (!at->second.runs.empty() && !fits(at->second.runs.front())) {
            ++at;
            continue;
        }
        const std::vector<ReadyRun> again = std::move(at->second.runs);
        at = postponed_.erase(at);
        for (const ReadyRun& run : again) push_ready(run, *pipeline(run.jobs.pipeline));
    }
}

// Like drop_ready(), of which it is a part.
void Router::drop_postponed(PipelineId id, Pipeline& p) {
    for (auto& [where, later] : postponed_)
        std::erase_if(later.runs, [&, &jobs = later.jobs](const ReadyRun& run) {
            if (run.jobs.pipeline != id) return false;
            remember(p, run);
            jobs -= run.jobs.count;
            return true;
        });
    std::erase_if(postponed_, [](const auto& entry) { return entry.second.runs.empty(); });
}

bool Router::something_is_left() const {
    return !closed_ ||
           std::any_of(pipelines_.begin(), pipelines_.end(), [](const auto& p) { return p.second.left != 0; });
}

void Router::watch_time(Outbox& out) {
    if (stopping_) return;
    if (time_left() <= 0) {
        if (ending_ || !something_is_left()) return;
        out_of_time_ = true;
        return end_now(out);
    }
    if (draining_) return;
    if (!followers_told_ && longest_follower_ns_ > static_cast<double>(time_left())) {
        followers_told_ = true;
        for (const Broker& b : brokers_)
            if (!b.lost) out.to_broker(b.what.rank, msg::Recall{0, false, true});
    }
    if (!postponed_.empty() && now_ - looked_again_ >= kNothingElse) look_again_at_postponed();
}

// Nothing runs, and all that is ready would not end in time. What jobs unlock is told by pipeliners, and may be on its
// way; so may a submission.
void Router::drain_when_nothing_fits(Outbox& out) {
    const bool nothing_else = counts_.assigned == 0 && levels_.empty() && pausing_.empty() && failed_.empty() &&
                              streams_.empty() && recovering_ == 0 && !draining_;
    if (!nothing_else) {
        nothing_else_since_.reset();
        return;
    }
    if (!nothing_else_since_) nothing_else_since_ = now_;
    if (now_ - *nothing_else_since_ < (closed_ ? kNothingElse : kNothingSubmitted)) return;
    out_of_time_ = true;
    drain(out);
}

std::optional<Nanoseconds> Router::next_look_at_time() const {
    if (options_.ends_at == 0) return std::nullopt;
    Nanoseconds next = options_.ends_at;
    if (!followers_told_ && longest_follower_ns_ > 0)
        next = std::min(next, options_.ends_at - static_cast<Nanoseconds>(longest_follower_ns_) + 1);
    if (!postponed_.empty()) next = std::min(next, looked_again_ + kNothingElse);
    if (nothing_else_since_) next = std::min(next, *nothing_else_since_ + (closed_ ? kNothingElse : kNothingSubmitted));
    return next;
}

// ------------------------------------------------------------------------------------------ followers

// A broker goes on with the follower of a job without asking, and knows of no end: it is told to ask once some follower
// might not fit.
void Router::note_followers(PlanState& plan) {
    const auto& templates = plan.plan->templates;
    plan.followers.assign(templates.size(), false);
    for (const JobTemplate& job : templates)
        if (job.follower != JobTemplate::kNoFollower) plan.followers[job.follower] = true;
    for (std::uint32_t t = 0; t < templates.size(); ++t)
        if (plan.followers[t]) note_follower_time(plan, TemplateIndex(t));
}

void Router::note_follower_time(PlanState& plan, TemplateIndex t) {
    if (t.value < plan.followers.size() && plan.followers[t.value])
        longest_follower_ns_ = std::max(longest_follower_ns_, likely_ns(plan, t));
}

}  // namespace penstock
