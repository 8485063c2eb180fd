#include "sim/world.hpp"

namespace penstock::sim {

World::World(const Scenario& s, Disk& disk, std::vector<std::unique_ptr<Checker>> checkers)
    : scenario_(s),
      disk_(disk),
      known_(disk.known()),
      random_(s.seed ^ 0x5eed ^ mix(s.launch - 1)),
      checkers_(std::move(checkers)) {
    for (const auto& checker : checkers_) checker->watch(*this);
}

void World::at(Nanoseconds time, std::function<void()> event) {
    events_.push({std::max(time, now_), planned_++, std::move(event)});
}

bool World::step() {
    if (events_.empty()) return false;
    // The queue only shows its top as const; it is popped right away.
    Event next = std::move(const_cast<Event&>(events_.top()));
    events_.pop();
    now_ = next.time;
    next.happen();
    return true;
}

void World::submit(PipelineId id, std::shared_ptr<const Plan> plan) {
    PipelineTruth& p = truth_[id];
    p.state.assign(plan->job_count, JobState::waiting);
    p.tally.resize(plan->templates.size());
    p.plan = std::move(plan);
    for (auto at = known_.lower_bound({id, 0}); at != known_.end() && at->first.pipeline == id; ++at) {
        p.kept_jobs.resize(p.state.size());
        p.attempts.resize(p.state.size());
        const std::uint32_t job = at->first.job;
        p.attempts.at(job) = at->second.attempts;
        if (!at->second.kept() || (p.plan->is_stream() && !disk_.has_ended(id))) continue;
        p.kept_jobs.at(job) = true;
        count_end(p, job, at->second.state);
    }
}

void World::start(const JobRef& job, std::uint32_t broker) {
    tell_of(job.pipeline, [&](Checker& c) { c.starts(job, broker); });
    truth_.at(job.pipeline).state.at(job.job) = JobState::running;
}

void World::again(const JobRef& job, std::uint32_t broker) {
    tell_of(job.pipeline, [&](Checker& c) { c.is_tried_again(job, broker); });
    truth_.at(job.pipeline).state.at(job.job) = JobState::again;
}

void World::end(const JobRef& job, std::uint32_t broker, bool succeeded) {
    tell_of(job.pipeline, [&](Checker& c) { c.ends(job, broker, succeeded); });
    count_end(truth_.at(job.pipeline), job.job, succeeded ? JobState::succeeded : JobState::failed);
}

void World::skip(const JobRef& job, std::uint32_t cause) {
    tell_of(job.pipeline, [&](Checker& c) { c.is_skipped(job, cause); });
    count_end(truth_.at(job.pipeline), job.job, JobState::skipped);
}

void World::count_end(PipelineTruth& p, std::uint32_t job, JobState state) {
    PipelineTruth::Tally& tally = p.tally[p.plan->template_of(JobIndex(job)).value];
    if (!p.ended(job)) ++tally.ended;
    if (state == JobState::succeeded) ++tally.succeeded;
    p.state.at(job) = state;
}

}  // namespace penstock::sim
