#include "run/stream_watch.hpp"

#include "language/stream_shape.hpp"
#include "value/value_codec.hpp"

#include <algorithm>
#include <utility>

namespace penstock {

namespace {

constexpr std::string_view kPart = "@part";
constexpr std::string_view kSample = "@sample";
constexpr std::string_view kResults = "@results";

std::string_view added_name(std::string_view name) { return name.substr(std::min(name.find('@'), name.size())); }

Value seconds(Nanoseconds time) { return static_cast<double>(time) * 1e-9; }
Value number(std::uint64_t n) { return static_cast<std::int64_t>(n); }

Value row_of(const std::string& stage, std::uint32_t worker, const StageCounts& c) {
    return Document{{"stage", stage},
                    {"worker", worker},
                    {"items_in", number(c.items_in)},
                    {"items_out", number(c.items_out)},
                    {"dropped", number(c.dropped)},
                    {"skipped", number(c.skipped)},
                    {"failed", number(c.failed)},
                    {"retried", number(c.retried)},
                    {"bytes_in", number(c.bytes_in)},
                    {"bytes_out", number(c.bytes_out)},
                    {"busy_s", seconds(c.busy)},
                    {"blocked_s", seconds(c.blocked)},
                    {"starved_s", seconds(c.starved)},
                    {"alive_s", seconds(c.alive)}};
}

}  // namespace

StreamWatch::StreamWatch(std::shared_ptr<const Plan> plan)
    : plan_(std::move(plan)), templates_(plan_->templates.size()), jobs_(plan_->job_count) {
    const auto& templates = plan_->templates;
    for (std::uint32_t t = 0; t < templates.size(); ++t) {
        if (is_added_stage(templates[t].name)) continue;
        const bool orders = plan_->stages[t].role == Stage::Role::order;  // its items are counted by NAME@sample
        templates_[t] = {static_cast<std::uint32_t>(shown_.size()), orders ? Part::none : Part::whole};
        Shown shown;
        shown.stage = TemplateIndex(t);
        shown.workers = templates[t].count;
        shown.left = templates[t].count;
        shown.source = plan_->stages[t].from.empty();
        shown_.push_back(std::move(shown));
    }
    for (std::uint32_t t = 0; t < templates.size(); ++t) {
        const std::string_view added = added_name(templates[t].name);
        const auto shown = std::find_if(shown_.begin(), shown_.end(), [&](const Shown& s) {
            return templates[s.stage.value].name == stage_shown_for(templates[t].name);
        });
        if (added.empty() || shown == shown_.end()) continue;
        templates_[t].shown = static_cast<std::uint32_t>(shown - shown_.begin());
        if (added == kResults) templates_[t].part = Part::stores;
        if (added == kSample) templates_[t].part = Part::whole;
        if (added != kPart) continue;
        templates_[t].part = Part::takes;
        templates_[shown->stage.value].part = Part::combines;
        shown->workers = templates[t].count;
        shown->left += templates[t].count;
    }
    for (const Arc& arc : stage_arcs(*plan_))
        shown_[templates_[arc.consumer].shown].from.push_back(templates[arc.producer].name);
}

StageCounts StreamWatch::counted_as(Part part, StageCounts counts) {
    if (part == Part::takes) counts.items_out = counts.bytes_out = 0;
    if (part == Part::combines) {
        counts.items_in = counts.bytes_in = 0;
        counts.alive = counts.blocked = counts.starved = 0;  // it has little to do, and is not one of its workers
    }
    return part == Part::stores || part == Part::none ? StageCounts() : counts;
}

void StreamWatch::counted(JobIndex job, StageCounts counts) {
    if (job.value >= jobs_.size()) return;
    const TemplateIndex stage = plan_->template_of(job);
    const Of& of = templates_[stage.value];
    if (plan_->stages[stage.value].role == Stage::Role::input) {  // what it takes is what the driver function puts in
        counts.items_out = std::exchange(counts.items_in, 0);
        counts.bytes_out = std::exchange(counts.bytes_in, 0);
    }
    if (of.part == Part::whole && shown_[of.shown].source) items_ += counts.items_out - jobs_[job.value].items_out;
    jobs_[job.value] = counts;
}

std::optional<StreamWatch::End> StreamWatch::ended(JobIndex job, bool succeeded) {
    const Of& of = templates_[plan_->template_of(job).value];
    const bool orders = of.part == Part::none && is_added_stage(plan_->templates[plan_->template_of(job).value].name);
    if (of.part == Part::stores || orders) return std::nullopt;
    Shown& shown = shown_[of.shown];
    shown.failed = shown.failed || !succeeded;
    if (shown.left == 0 || --shown.left != 0) return std::nullopt;
    return End{shown.stage, !shown.failed, counts_of(of.shown)};
}

std::uint64_t StreamWatch::stages_failed() const {
    return static_cast<std::uint64_t>(
        std::count_if(shown_.begin(), shown_.end(), [](const Shown& s) { return s.failed; }));
}

std::uint64_t StreamWatch::stages_ended() const {
    return static_cast<std::uint64_t>(
        std::count_if(shown_.begin(), shown_.end(), [](const Shown& s) { return s.left == 0; }));
}

StageCounts StreamWatch::counts_of(std::uint32_t shown) const {
    StageCounts sum;
    for (std::uint32_t t = 0; t < templates_.size(); ++t) {
        if (templates_[t].shown != shown) continue;
        const JobTemplate& jobs = plan_->templates[t];
        for (std::uint32_t i = 0; i < jobs.count; ++i)
            sum += counted_as(templates_[t].part, jobs_[jobs.first_job.value + i]);
    }
    return sum;
}

std::vector<StageSummary> StreamWatch::summary() const {
    std::vector<StageSummary> stages;
    for (std::uint32_t s = 0; s < shown_.size(); ++s) {
        const JobTemplate& job = plan_->templates[shown_[s].stage.value];
        StageSummary stage;
        stage.pipeline = plan_->name;
        stage.stage = job.name;
        stage.worker = job.worker;
        stage.form = plan_->stages[shown_[s].stage.value].form;
        stage.workers = shown_[s].workers;
        stage.from = shown_[s].from;
        stage.counts = counts_of(s);
        for (std::uint32_t t = 0; t < templates_.size(); ++t)
            if (templates_[t].shown == s && templates_[t].part == Part::stores)
                stage.storing += jobs_[plan_->templates[t].first_job.value].blocked;
        stages.push_back(std::move(stage));
    }
    return stages;
}

StreamItems StreamWatch::rows() const {
    ItemsWriter rows;
    for (std::uint32_t s = 0; s < shown_.size(); ++s) {
        std::uint32_t worker = 0;
        for (std::uint32_t t = 0; t < templates_.size(); ++t) {
            const Part part = templates_[t].part;
            if (templates_[t].shown != s || part == Part::stores || part == Part::none) continue;
            const JobTemplate& jobs = plan_->templates[t];
            for (std::uint32_t i = 0; i < jobs.count; ++i) {
                const std::size_t before = rows.bytes.size();
                encode(row_of(plan_->templates[shown_[s].stage.value].name, worker++,
                              counted_as(part, jobs_[jobs.first_job.value + i])),
                       rows.bytes);
                rows.sizes.push_back(static_cast<std::uint32_t>(rows.bytes.size() - before));
            }
        }
    }
    return rows.take();
}

std::vector<StreamWatch::Stored> StreamWatch::stored() const {
    std::vector<Stored> all;
    for (std::uint32_t t = 0; t < templates_.size(); ++t) {
        if (templates_[t].part != Part::stores || !plan_->stages[t].stored) continue;
        const StageCounts& counts = jobs_[plan_->templates[t].first_job.value];
        const std::uint64_t before = counts.items_out - std::min(counts.items_in, counts.items_out);
        all.push_back({plan_->stages[t].from.front(), before, counts.items_out});
    }
    return all;
}

}  // namespace penstock
