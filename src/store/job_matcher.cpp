#include "store/job_matcher.hpp"

#include "core/stage_counts.hpp"

#include <algorithm>
#include <limits>

namespace penstock {

JobMatcher::JobMatcher(const Plan& plan, const PipelineInfo& pipeline, const Catalog& catalog, SourcePool& sources)
    : plan_(plan),
      pipeline_(pipeline),
      catalog_(catalog),
      labels_(sources, catalog),
      row_of_(plan.job_count, kNone),
      kept_(plan.job_count, false) {
    for (const JobTemplate& t : plan.templates) templates_.emplace(t.name, &t);
}

void JobMatcher::match(std::uint64_t begin, std::uint64_t end, bool retry_failed) {
    pipeline_row_ = catalog_.jobs[begin].pipeline;
    for (std::uint64_t i = begin; i < end; ++i) {
        const Catalog::Job& row = catalog_.jobs[i];
        const JobTemplate* const t = template_of(row.job_template);
        const auto instance = t == nullptr ? std::nullopt : instance_of(*t, row);
        const bool removed = !instance;
        renumbered_ |= removed != row.removed || (instance && *instance != row.number) ||
                       (removed && t != nullptr && row.number < t->count);
        if (removed) continue;
        const std::uint32_t job = t->first_job.value + *instance;
        row_of_[job] = static_cast<std::uint32_t>(i);
        const bool same = row.hash == hash_of(*t, *instance);
        const bool succeeded = row.status == JobStatus::succeeded;
        kept_[job] = row.final_attempt && same && (succeeded || (row.status == JobStatus::failed && !retry_failed));
        if (succeeded && !same) ++changed_;
    }
    if (plan_.is_stream()) keep_streams_whole();
}

const JobTemplate* JobMatcher::template_of(std::uint32_t catalog_template) {
    if (catalog_template == last_code_) return last_template_;
    const auto known = templates_.find(catalog_.templates[catalog_template].name);
    last_code_ = catalog_template;
    return last_template_ = known == templates_.end() ? nullptr : known->second;
}

std::uint64_t JobMatcher::hash_of(const JobTemplate& t, std::uint32_t instance) const {
    return job_hash(plan_, pipeline_, t, instance);
}

// Mostly the one of the same number with the same hash. Else by hash (for-each values are in it), or, for one that has
// changed, by its label.
std::optional<std::uint32_t> JobMatcher::instance_of(const JobTemplate& t, const Catalog::Job& row) {
    if (row.number < t.count && hash_of(t, row.number) == row.hash) return row.number;
    const bool had_parameters = !catalog_.templates[row.job_template].parameters.empty();
    if (t.for_each == nullptr || !had_parameters) {
        if (t.for_each == nullptr && !had_parameters) return 0;
        return std::nullopt;
    }
    const std::string label = label_of(row);
    if (row.number < t.count && t.for_each->label(row.number) == label) return row.number;
    Place& place = places_[&t];
    if (place.by_label.empty())
        for (std::uint32_t i = 0; i < t.count; ++i) {
            place.by_hash.emplace(hash_of(t, i), i);
            place.by_label.emplace(t.for_each->label(i), i);
        }
    if (const auto same = place.by_hash.find(row.hash); same != place.by_hash.end()) return same->second;
    const auto named = place.by_label.find(label);
    if (named == place.by_label.end()) return std::nullopt;
    return named->second;
}

// Over all pipelines of that definition.
std::unique_ptr<Renumbering> JobMatcher::renumbering() {
    if (!renumbered_) return nullptr;
    constexpr std::uint32_t kNotSeen = kNone;
    auto all = std::make_unique<Renumbering>();
    all->pipeline = plan_.name;
    all->jobs = plan_.job_count;
    for (const JobTemplate& t : plan_.templates) all->templates[t.name] = {t.first_job.value, t.count, {}};
    for (const Catalog::Job& row : catalog_.jobs) {
        if (catalog_.pipelines[row.pipeline].name != plan_.name) continue;
        const JobTemplate* const t = template_of(row.job_template);
        if (t == nullptr) continue;
        auto& numbers = all->templates[t->name].new_number;
        if (numbers.size() <= row.number) numbers.resize(row.number + 1, kNotSeen);
        if (numbers[row.number] == kNotSeen) numbers[row.number] = instance_of(*t, row).value_or(kNone - 1);
    }
    // Removed jobs stand behind the others, in the order they had.
    for (auto& [name, t] : all->templates) {
        std::uint32_t next = t.count;
        for (std::uint32_t& number : t.new_number)
            if (number == kNone - 1) number = next++;
        for (std::uint32_t& number : t.new_number)
            if (number == kNotSeen) number = next++;  // nobody has it
    }
    return all;
}

// "" when it cannot be read any more.
std::string JobMatcher::label_of(const Catalog::Job& row) {
    try {
        return std::string(labels_.of(row));
    } catch (const StoreError&) {
        return "";
    }
}

// A stream runs as a whole or not at all. That it has ended well its pipeline says, and not its rows: of two launches
// that were stopped each may have ended other stages, and what the first one ended the second one began to make anew.
// Stages that were added to it have no rows.
void JobMatcher::keep_streams_whole() {
    bool all = true, failed = false;
    for (const JobTemplate& t : plan_.templates)
        for (std::uint32_t job = t.first_job.value; has_rows(t.name) && job < t.first_job.value + t.count; ++job) {
            all &= kept_[job];
            failed |= kept_[job] && catalog_.jobs[row_of_[job]].status == JobStatus::failed;
        }
    kept_.assign(kept_.size(), all && (failed || ended_well().value_or(false)));
}

const Catalog::Job* JobMatcher::kept(std::uint32_t job) const {
    return kept_[job] && row_of_[job] != kNone ? &catalog_.jobs[row_of_[job]] : nullptr;
}

const Catalog::Job* JobMatcher::first_kept() const {
    for (std::uint32_t job = 0; job < plan_.job_count; ++job)
        if (const Catalog::Job* const row = kept(job)) return row;
    return nullptr;
}

void JobMatcher::drop_failures_before(const JobHistory& at_start) {
    std::vector<bool> kept_then(plan_.job_count, false);
    for (const JobHistory::Kept& run : at_start.kept)
        for (std::uint32_t job = run.first; job < run.first + run.count && job < plan_.job_count; ++job)
            kept_then[job] = true;
    for (std::uint32_t job = 0; job < plan_.job_count; ++job) {
        const Catalog::Job* const row = kept(job);
        if (row == nullptr || row->status != JobStatus::failed || kept_then[job]) continue;
        if (row->attempts <= at_start.attempts_of(job)) kept_[job] = false;
    }
}

void JobMatcher::take_held(const std::vector<HeldOutputs>& held) {
    held_.assign(plan_.job_count, kNone);
    for (const HeldOutputs& of : held)
        for (const JobRun& run : of.jobs)
            for (std::uint32_t i = 0; i < run.count && run.first.value + i < plan_.job_count; ++i)
                held_[run.first.value + i] = of.rank;
}

// ---------------------------------------------------------------------------------------------- values that are
// nowhere

void JobMatcher::drop_what_is_read_and_not_saved(bool all) {
    // Of each template, the edges on which it reads what is not saved.
    std::vector<std::vector<const Edge*>> unsaved(plan_.templates.size());
    bool any = false;
    for (std::uint32_t t = 0; t < plan_.templates.size(); ++t)
        for (const Binding& binding : plan_.templates[t].bindings) {
            if (binding.from != Binding::From::outputs) continue;
            for (const Binding::Producer& p : binding.producers) {
                const JobTemplate& producer = plan_.templates[p.job.value];
                const std::string& key = binding.key_of(p);
                const auto& shown = producer.shown_parameters;
                if ((!all && producer.save.saves(key)) || std::find(shown.begin(), shown.end(), key) != shown.end())
                    continue;
                const auto edge = std::lower_bound(
                    plan_.edges.begin(), plan_.edges.end(), std::pair(p.job, TemplateIndex(t)),
                    [](const Edge& e, const auto& ends) { return std::pair(e.producer, e.consumer) < ends; });
                if (edge == plan_.edges.end() || edge->producer != p.job || edge->consumer.value != t) continue;
                unsaved[t].push_back(&*edge);
                any = true;
            }
        }
    if (!any) return;
    std::vector<std::uint32_t> dropped;
    for (std::uint32_t job = 0; job < plan_.job_count; ++job)
        if (!kept_[job]) dropped.push_back(job);
    while (!dropped.empty()) {
        const std::uint32_t job = dropped.back();
        dropped.pop_back();
        drop_producers(job, unsaved, dropped);
    }
}

void JobMatcher::drop_producers(std::uint32_t job, const std::vector<std::vector<const Edge*>>& unsaved,
                                std::vector<std::uint32_t>& dropped) {
    const TemplateIndex consumer = plan_.template_of(JobIndex(job));
    const std::uint32_t instance = job - plan_.templates[consumer.value].first_job.value;
    const auto drop_kept = [&](std::uint32_t producer) {
        const Catalog::Job* const row = kept(producer);
        if (row == nullptr || row->status != JobStatus::succeeded) return;
        if (!held_.empty() && held_[producer] != kNone) return;
        kept_[producer] = false;
        dropped.push_back(producer);
    };
    for (const Edge* edge : unsaved[consumer.value]) {
        const JobTemplate& producer = plan_.templates[edge->producer.value];
        const std::uint32_t first = producer.first_job.value;
        if (edge->relation == Relation::twin) {
            drop_kept(first + instance);
            continue;
        }
        if (edge->relation == Relation::all) {
            if (!dropped_whole_.insert(edge).second) continue;
            for (std::uint32_t i = 0; i < producer.count; ++i) drop_kept(first + i);
            continue;
        }
        const auto [group, fresh] = members_.try_emplace(edge->grouping);
        if (fresh) group->second = members_of(plan_.groupings[edge->grouping]);
        const GroupMembers& m = group->second;
        for (std::uint32_t k = m.begin[instance]; k < m.begin[instance + 1]; ++k) drop_kept(first + m.members[k]);
    }
}

// ---------------------------------------------------------------------------------------------- what comes of it

std::shared_ptr<const Resumption> JobMatcher::resumption(std::shared_ptr<const std::vector<std::string>> files) const {
    auto history = std::make_shared<JobHistory>();
    auto result = std::make_shared<Resumption>();
    for (const JobTemplate& t : plan_.templates) {
        for (std::uint32_t job = t.first_job.value; job < t.first_job.value + t.count; ++job) {
            if (row_of_[job] == kNone) {
                if (kept_[job]) history->keep(job, true);
                continue;
            }
            const Catalog::Job& row = catalog_.jobs[row_of_[job]];
            history->note_attempts(job, row.attempts);
            if (!kept_[job]) continue;
            const bool succeeded = row.status == JobStatus::succeeded;
            const bool held = succeeded && !held_.empty() && held_[job] != kNone;
            history->keep(job, succeeded, held ? held_[job] : JobHistory::kInFiles);
            if (!succeeded || !t.feeds_others || held) continue;
            auto& places = result->places;
            if (!places.empty() && places.back().file == row.source &&
                places.back().first + places.back().count == job && places.back().row + places.back().count == row.row)
                ++places.back().count;
            else
                places.push_back({job, 1, row.source, row.row});
        }
    }
    result->history = std::move(history);
    result->files = std::move(files);
    result->changed = changed_;
    result->ended_well = ended_well();
    return result;
}

std::optional<bool> JobMatcher::ended_well() const {
    const Source::Pipeline& row = catalog_.pipelines[pipeline_row_];
    if (!row.ended || row.status == JobStatus::waiting) return std::nullopt;
    return row.status == JobStatus::succeeded;
}

}  // namespace penstock
