#include "core/stream_position.hpp"

#include "core/stage_counts.hpp"

#include <algorithm>

namespace penstock {

namespace {

bool has_consumer(const Plan& plan, TemplateIndex stage) {
    return std::any_of(plan.stages.begin(), plan.stages.end(),
                       [&](const Stage& s) { return std::find(s.from.begin(), s.from.end(), stage) != s.from.end(); });
}

std::string named(const Plan& plan, std::uint32_t stage) {
    return "`" + std::string(stage_shown_for(plan.templates[stage].name)) + "`";
}

std::optional<std::string> why_not_over(const Plan& plan, std::uint32_t s) {
    const Stage& stage = plan.stages[s];
    switch (stage.role) {
        case Stage::Role::input:
            return "the driver function feeds it";
        case Stage::Role::sample:
            return named(plan, s) + " passes on what there is time for";
        case Stage::Role::buffer:
            return "it merges branches of one source in turn";
        case Stage::Role::results:
            if (stage.delivered) return "the driver function reads it";
            break;
        case Stage::Role::worker:
        case Stage::Role::order:
            break;
    }
    if (stage.from.size() > 1 && stage.merge != Merge::any) return named(plan, s) + " merges its inputs in turn";
    if (stage.form == StageForm::fold && !stage.snapshots) return "the fold " + named(plan, s) + " has no snapshot()";
    return std::nullopt;
}

}  // namespace

std::optional<std::string> why_it_begins_again(const Plan& plan) {
    std::optional<std::uint32_t> source;
    for (std::uint32_t s = 0; s < plan.stages.size(); ++s) {
        if (const auto why = why_not_over(plan, s)) return why;
        if (!plan.stages[s].from.empty()) continue;
        if (source) return "it has several sources";
        source = s;
    }
    if (!source) return "it has no source";
    if (plan.templates[*source].count > 1) return "its source " + named(plan, *source) + " has several workers";
    if (!plan.stages[*source].seeks) return "its source " + named(plan, *source) + " cannot begin at a position";
    if (reporting_jobs(plan).empty()) return "nothing tells what has come of its items";
    return std::nullopt;
}

bool reports_marks(const Plan& plan, TemplateIndex stage) {
    const Stage& s = plan.stages[stage.value];
    if (s.from.empty()) return false;
    return s.role == Stage::Role::results || s.form == StageForm::fold || !has_consumer(plan, stage);
}

std::vector<JobIndex> reporting_jobs(const Plan& plan) {
    std::vector<JobIndex> jobs;
    for (std::uint32_t s = 0; s < plan.stages.size(); ++s) {
        if (!reports_marks(plan, TemplateIndex(s))) continue;
        const JobTemplate& t = plan.templates[s];
        for (std::uint32_t i = 0; i < t.count; ++i) jobs.push_back(JobIndex(t.first_job.value + i));
    }
    return jobs;
}

std::shared_ptr<const StreamPosition> StreamPositions::report(JobIndex job, std::uint64_t position,
                                                              std::optional<StreamPosition::Stored> stored,
                                                              std::string state) {
    // Each job reports in order: who has reported a later one has reported this, and it was forgotten since, or cannot.
    if (!open_.contains(position) && !open_.empty() && open_.rbegin()->first > position) return nullptr;
    Open& open = open_[position];
    if (std::find(open.by.begin(), open.by.end(), job) != open.by.end()) return nullptr;
    open.by.push_back(job);
    open.position.items = position;
    if (stored) open.position.stored[job.value] = *stored;
    state_bytes_ += state.size();
    if (!state.empty()) open.position.states[job.value] = std::move(state);
    if (open.by.size() < reporting_) {
        if (open_.size() > kMostOpen || state_bytes_ > kMostState) forget_some();
        return nullptr;
    }
    auto reached = std::make_shared<const StreamPosition>(std::move(open.position));
    open_.erase(open_.begin(), open_.upper_bound(position));
    state_bytes_ = 0;
    for (const auto& [at, other] : open_)
        for (const auto& [of, bytes] : other.position.states) state_bytes_ += bytes.size();
    return reached;
}

void StreamPositions::forget_some() {
    bool keep = false;
    for (auto at = open_.begin(); at != open_.end(); keep = !keep) {
        if (keep) {
            ++at;
            continue;
        }
        for (const auto& [of, bytes] : at->second.position.states) state_bytes_ -= bytes.size();
        at = open_.erase(at);
    }
}

}  // namespace penstock
