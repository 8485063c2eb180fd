#include "sim/disk.hpp"

#include <algorithm>
#include <tuple>

namespace penstock::sim {

Disk::Segment Disk::add(const Writer& writer, std::vector<Row> rows) {
    if (is_fenced(writer)) return 0;
    segments_.emplace(++last_, std::move(rows));
    return last_;
}

std::map<JobRef, Disk::Known> Disk::known() const {
    // While a merge is under way a row may be in two segments.
    std::map<std::tuple<JobRef, std::uint32_t, std::uint32_t>, JobState> rows;
    std::map<JobRef, Known> all;
    for (const auto& [segment, content] : segments_)
        for (const Row& row : content) rows.emplace(std::tuple(row.job, row.launch, row.attempt), row.state);
    for (const auto& [key, state] : rows) {  // of a job in the order of launches and attempts
        Known& known = all[std::get<0>(key)];
        known.attempts = std::max(known.attempts, std::get<2>(key));
        if (state == JobState::succeeded || state == JobState::failed) ++known.final_rows;
        if (known.state != JobState::succeeded) known.state = state;
    }
    return all;
}

std::shared_ptr<JobHistory> Disk::history(const std::map<JobRef, Known>& known, PipelineId pipeline, const Plan& plan) {
    auto history = std::make_shared<JobHistory>();
    for (auto at = known.lower_bound({pipeline, 0}); at != known.end() && at->first.pipeline == pipeline; ++at) {
        if (at->first.job >= plan.job_count) continue;
        if (at->second.kept()) history->keep(at->first.job, at->second.state == JobState::succeeded);
        history->note_attempts(at->first.job, at->second.attempts);
    }
    if (history->kept.empty() && history->tried.empty()) return nullptr;
    return history;
}

}  // namespace penstock::sim
