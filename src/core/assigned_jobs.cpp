#include "core/assigned_jobs.hpp"

#include <algorithm>

namespace penstock {

namespace {

std::uint32_t end_of(const AssignedJobs::Run& run) { return run.jobs.first.value + run.jobs.count; }

bool continues(const AssignedJobs::Run& run, const AssignedJobs::Run& next) {
    return run.jobs.pipeline == next.jobs.pipeline && end_of(run) == next.jobs.first.value && run.job == next.job &&
           run.attempt == next.attempt && run.past == next.past;
}

}  // namespace

AssignedJobs::Runs::const_iterator AssignedJobs::run_of(PipelineId pipeline, std::uint32_t job) const {
    auto at = runs_.upper_bound({pipeline, job});
    if (at == runs_.begin()) return runs_.end();
    --at;
    return at->second.jobs.pipeline == pipeline && job < end_of(at->second) ? at : runs_.end();
}

void AssignedJobs::add(const Run& run) {
    const auto next = runs_.upper_bound({run.jobs.pipeline, run.jobs.first.value});
    if (next != runs_.begin()) {
        Run& before = std::prev(next)->second;
        if (continues(before, run)) {
            before.jobs.count += run.jobs.count;
            return;
        }
    }
    runs_.insert_or_assign(next, std::pair(run.jobs.pipeline, run.jobs.first.value), run);
}

bool AssignedJobs::contains(const JobRun& jobs) const {
    for (std::uint32_t job = jobs.first.value, end = job + jobs.count; job < end;) {
        const auto at = run_of(jobs.pipeline, job);
        if (at == runs_.end()) return false;
        job = end_of(at->second);
    }
    return true;
}

bool AssignedJobs::remove(const JobRun& jobs) {
    if (!contains(jobs)) return false;
    const std::uint32_t end = jobs.first.value + jobs.count;
    for (std::uint32_t job = jobs.first.value; job < end;) {
        const auto at = run_of(jobs.pipeline, job);
        const Run whole = at->second;
        runs_.erase(at);
        if (whole.jobs.first.value < job) {
            Run before = whole;
            before.jobs.count = job - whole.jobs.first.value;
            runs_.emplace(std::pair(jobs.pipeline, before.jobs.first.value), before);
        }
        if (end_of(whole) > end) {
            Run behind = whole;
            behind.jobs.first = JobIndex(end);
            behind.jobs.count = end_of(whole) - end;
            runs_.emplace(std::pair(jobs.pipeline, end), behind);
        }
        job = end_of(whole);
    }
    return true;
}

std::vector<AssignedJobs::Run> AssignedJobs::of(PipelineId pipeline) const {
    std::vector<Run> found;
    for (auto at = runs_.lower_bound({pipeline, 0}); at != runs_.end() && at->first.first == pipeline; ++at)
        found.push_back(at->second);
    return found;
}

std::vector<AssignedJobs::Run> AssignedJobs::take_all() {
    std::vector<Run> all;
    all.reserve(runs_.size());
    for (auto& [key, run] : runs_) all.push_back(run);
    runs_.clear();
    return all;
}

}  // namespace penstock
