#include "sim/disk.hpp"

#include <algorithm>
#include <tuple>

namespace penstock::sim {

Disk::Segment Disk::add(const Writer& writer, std::vector<Row> rows) {
    if (is_fenced(writer)) return 0;
    segments_.emplace(++last_, std::make_shared<const std::vector<Row>>(std::move(rows)));
    return last_;
}

std::map<JobRef, Disk::Known> Disk::known() const {
    // While a merge is under way a row may be in two segments.
    std::map<std::tuple<JobRef, std::uint32_t, std::uint32_t>, JobState> rows;
    std::map<JobRef, Known> all;
    for (const auto& [segment, content] : segments_)
        for (const Row& row : *content) rows.emplace(std::tuple(row.job, row.launch, row.attempt), row.state);
    for (const auto& [key, state] : rows) {  // of a job in the order of launches and attempts
        Known& known = all[std::get<0>(key)];
        known.attempts = std::max(known.attempts, std::get<2>(key));
        if (state == JobState::succeeded || state == JobState::failed) ++known.final_rows;
        if (known.state != JobState::succeeded) known.state = state;
    }
    return all;
}

std::shared_ptr<JobHistory> Disk::history(const std::map<JobRef, Known>& known, PipelineId pipeline,
                                          const Plan& plan) const {
    const bool may_keep = !plan.is_stream() || has_ended(pipeline);
    auto history = std::make_shared<JobHistory>();
    for (auto at = known.lower_bound({pipeline, 0}); at != known.end() && at->first.pipeline == pipeline; ++at) {
        if (at->first.job >= plan.job_count) continue;
        if (may_keep && at->second.kept()) history->keep(at->first.job, at->second.state == JobState::succeeded);
        history->note_attempts(at->first.job, at->second.attempts);
    }
    if (history->kept.empty() && history->tried.empty()) return nullptr;
    return history;
}

std::shared_ptr<Resumption> Disk::with_places(std::shared_ptr<const JobHistory> history, PipelineId pipeline) {
    auto resumption = std::make_shared<Resumption>();
    auto files = std::make_shared<std::vector<std::string>>();
    std::map<std::uint32_t, Resumption::Place> places;
    for (const auto& [segment, content] : segments_) {
        const auto file = static_cast<std::uint32_t>(files->size());
        for (std::uint32_t row = 0; row < content->size(); ++row) {
            const Row& r = (*content)[row];
            if (r.job.pipeline == pipeline && r.state == JobState::succeeded)
                places.emplace(r.job.job, Resumption::Place{r.job.job, 1, file, row});
        }
        files->push_back("segment " + std::to_string(segment));
        named_.emplace(files->back(), content);
    }
    for (const auto& [job, place] : places) {
        Resumption::Place* const last = resumption->places.empty() ? nullptr : &resumption->places.back();
        if (last != nullptr && last->file == place.file && last->first + last->count == job &&
            last->row + last->count == place.row)
            ++last->count;
        else
            resumption->places.push_back(place);
    }
    resumption->history = std::move(history);
    resumption->files = std::move(files);
    return resumption;
}

std::optional<Disk::Row> Disk::read(const std::string& file, std::uint32_t row) const {
    const auto at = named_.find(file);
    return at == named_.end() || row >= at->second->size() ? std::nullopt : std::optional((*at->second)[row]);
}

// ------------------------------------------------------------------------------------------ streams

void Disk::add(const Writer& writer, std::vector<Items> items) {
    if (is_fenced(writer)) return;
    for (Items& one : items) {
        std::vector<Items>& all = items_[{one.pipeline, one.stage}];
        const auto generation = [](const Items& i) { return std::tuple(i.launch, i.attempt, i.first); };
        const auto behind = std::upper_bound(
            all.begin(), all.end(), one, [&](const Items& a, const Items& b) { return generation(a) < generation(b); });
        all.insert(behind, std::move(one));
    }
}

std::optional<List> Disk::items_of(PipelineId stream, const std::string& stage) const {
    List all;
    const auto at = items_.find({stream, stage});
    if (at == items_.end()) return all;
    for (const Items& one : at->second) {
        if (one.first > all.size()) return std::nullopt;
        all.resize(one.first);
        all.insert(all.end(), one.items.begin(), one.items.end());
    }
    return all;
}

std::optional<Disk::Items> Disk::newest_of(PipelineId stream, const std::string& stage) const {
    const auto at = items_.find({stream, stage});
    return at == items_.end() || at->second.empty() ? std::nullopt : std::optional(at->second.back());
}

}  // namespace penstock::sim
