// The stages of a stream: whose items each gets, whether its worker fits, and the plan of them all.
#include "language/plan_draft.hpp"

#include <algorithm>

namespace penstock {

namespace {

std::string number_and(std::uint64_t number, std::string_view word) {
    return std::to_string(number) + " " + std::string(word) + (number == 1 ? "" : "s");
}

constexpr std::int64_t kMostSampled = 1'000'000;  // on their way behind a sample

class Stages {
public:
    Stages(Draft& draft, const WorkerTypes& types)
        : draft_(draft), stages_(draft.plan->stages), has_successor_(draft.definition.stages.size(), false) {
        for (const WorkerType& type : types) types_.emplace(type.name, &type);
    }

    void make() {
        stages_.resize(draft_.definition.stages.size());
        count();
        for (std::uint32_t s = 0; s < stages_.size(); ++s) connect(s);
        find_circles();
        for (std::uint32_t s = 0; s < stages_.size(); ++s) {
            take_settings(s);
            check_worker(s);
            check_order(s);
        }
        count_divided();
        if (const Node* keys = draft_.definition.defaults.save_keys)
            draft_.reading.wrong_type(*keys, "`save` of stages", "`all` or `none`: items have no keys to choose from");
    }

private:
    const StageDefinition& asked(std::uint32_t s) const { return draft_.definition.stages[s]; }
    std::string text(std::uint32_t s) const { return stage_text(draft_.job(s).name); }

    // The stage and those whose items reach it, the nearest first.
    std::vector<std::uint32_t> with_all_above(std::uint32_t s) const {
        std::vector<std::uint32_t> found{s};
        for (std::size_t i = 0; i < found.size(); ++i)
            for (const TemplateIndex producer : stages_[found[i]].from)
                if (std::find(found.begin(), found.end(), producer.value) == found.end())
                    found.push_back(producer.value);
        return found;
    }

    void count() {
        if (stages_.size() > kMaxStages)
            draft_.reading.error(
                draft_.job(kMaxStages).place, "the stream has too many stages",
                "they are " + std::to_string(stages_.size()) + ", and " + std::to_string(kMaxStages) + " are allowed",
                "let one stage do the work of several");
        const std::uint64_t most = draft_.reading.limits.stage_workers;
        std::uint64_t workers = 0;
        for (std::uint32_t s = 0; s < stages_.size(); ++s) {
            workers += asked(s).workers;
            if (workers <= most) continue;
            draft_.reading.error(
                asked(s).workers_place.known() ? asked(s).workers_place : draft_.job(s).place,
                "the stream has too many workers",
                "up to here they are " + std::to_string(workers) + ", and " + std::to_string(most) + " are allowed");
            return;
        }
    }

    // Folds with several workers, samples that keep the latest result, and inputs that are buffered, are stages too.
    void count_divided() const {
        if (stages_.size() > kMaxStages) return;
        std::size_t more = inputs_to_buffer(stages_).size();
        for (std::uint32_t s = 0; s < stages_.size(); ++s)
            more += stages_[s].keep_latest || (stages_[s].form == StageForm::fold && asked(s).workers > 1) ? 1 : 0;
        if (stages_.size() + more <= kMaxStages) return;
        draft_.reading.error(draft_.job(0).place, "the stream has too many stages",
                             "they are " + std::to_string(stages_.size() + more) + ", and " +
                                 std::to_string(kMaxStages) +
                                 " are allowed; folds with several workers and samples that keep the latest count "
                                 "twice, and inputs that a merge lets wait once each",
                             "let one stage do the work of several");
    }

    void connect(std::uint32_t s) {
        for (const StageDefinition::From& from : asked(s).from) {
            const std::uint32_t producer = draft_.names.find(from.stage);
            if (producer == JobNames::kNone) {
                unknown(from);
                continue;
            }
            stages_[s].from.push_back(TemplateIndex(producer));
            has_successor_[producer] = true;
        }
    }

    void unknown(const StageDefinition::From& from) const {
        std::string suggestion;
        if (draft_.reading.diagnostics.wants_suggestions()) {
            suggestion = did_you_mean_text(from.stage, draft_.names.all());
            if (suggestion.empty()) suggestion = "the stages are " + enumerate(draft_.names.all());
        }
        draft_.reading.error(from.place, "there is no stage " + quote(from.stage), "", std::move(suggestion));
    }

    // ------------------------------------------------------------------------------ circles

    void find_circles() const {
        std::vector<Arc> arcs;
        for (std::uint32_t s = 0; s < stages_.size(); ++s)
            for (const TemplateIndex producer : stages_[s].from) arcs.push_back({producer.value, s});
        for (const std::vector<std::uint32_t>& circle : Dag(static_cast<std::uint32_t>(stages_.size()), arcs).circles())
            report_circle(circle);
    }

    Place place_of(std::uint32_t producer, std::uint32_t consumer) const {
        for (const StageDefinition::From& from : asked(consumer).from)
            if (from.stage == draft_.job(producer).name) return from.place;
        return {};
    }

    // "`a` from `c` (line 4)"
    std::string takes_from(std::uint32_t producer, std::uint32_t consumer, std::string_view verb) const {
        std::string words = draft_.name_text(consumer) + std::string(verb) + " from " + draft_.name_text(producer);
        const LineAndColumn at = draft_.reading.source.position(place_of(producer, consumer));
        if (at.line > 0) words += " (line " + std::to_string(at.line) + ")";
        return words;
    }

    void report_circle(const std::vector<std::uint32_t>& circle) const {
        constexpr std::size_t kShown = 12;
        const Place closing = place_of(circle.back(), circle.front());
        if (circle.size() == 1)
            return draft_.reading.error(closing, text(circle[0]) + " takes items from itself",
                                        "it would wait for its own end", "remove this name");
        std::string path, reason = takes_from(circle.back(), circle.front(), " takes items");
        for (std::size_t i = 0; i < circle.size(); ++i) {
            if (i < kShown)
                path += std::string(draft_.job(circle[i]).name) + " -> ";
            else if (i == kShown)
                path += "(" + std::to_string(circle.size() - kShown) + " more) -> ";
            if (i + 1 < std::min(circle.size(), kShown)) {
                const std::size_t at = circle.size() - 1 - i;
                reason += ", " + takes_from(circle[at - 1], circle[at], "");
            }
        }
        path += draft_.job(circle[0]).name;
        draft_.reading.error(closing, "the stages take items from one another in a circle: " + path,
                             reason + ", so no item could ever be the first", "remove one of these `from`");
    }

    // ------------------------------------------------------------------------------ each stage

    void take_settings(std::uint32_t s) {
        const StageDefinition& from = asked(s);
        Stage& stage = stages_[s];
        stage.merge = from.merge.value_or(Merge::any);
        stage.queue = from.queue;
        stage.ordered = from.ordered;
        stage.on_error = from.on_error;
        constexpr std::uint32_t kRetries = 3;
        const Settings& own = draft_.job(s).settings;
        const Settings& defaults = draft_.definition.defaults;
        JobTemplate& made = draft_.plan->templates[s];
        made.count = from.workers;
        // A stage holds CPUs only when it says so: else all of its workers would have to fit at once.
        if (!own.cpus && !defaults.cpus) made.resources.cpus = 0;
        if (from.on_error != OnError::retry)
            made.retries = 0;
        else if (!own.retries && !defaults.retries)
            made.retries = kRetries;
        if (has_successor_[s] && own.save && own.save->all)
            draft_.reading.error(
                from.save_place, text(s) + " keeps nothing: other stages take its items",
                "only what comes out of the last stages is stored",
                "add a stage `from: " + std::string(draft_.job(s).name) + "` that passes the items on");
    }

    void check_worker(std::uint32_t s) {
        const JobDefinition& job = draft_.job(s);
        const auto found = types_.find(job.worker);
        if (job.worker_unreadable || found == types_.end()) return;  // reported
        const WorkerType& type = *found->second;
        if (type.external && type.form == StageForm::none && !type.form_of)
            return draft_.reading.error(job.worker_place,
                                        "worker " + quote(job.worker) + " cannot be a stage: not in this version",
                                        "it runs a program for one job, and not for one item after another",
                                        "use it under `jobs`, or write a worker in C++ that works on items");
        StageForm form = type.form == StageForm::none ? StageForm::map : type.form;
        if (type.form_of) {
            try {
                form = type.form_of(draft_.plan->templates[s].with, asked(s).from_given);
            } catch (const std::exception&) {
                return;  // reported: the parameters of its worker are wrong
            }
        }
        stages_[s].form = form;
        if (form == StageForm::source)
            check_source(s);
        else if (!asked(s).from_given)
            draft_.reading.error(job.place, text(s) + " takes items from nowhere",
                                 "worker " + quote(job.worker) + " works on items, and makes none by itself",
                                 "add `from:` with the stage whose items it works on");
        if (form == StageForm::fold) check_fold(s, type);
        stages_[s].seeks = form == StageForm::source && type.seeks;
        stages_[s].repeats = form == StageForm::generator && type.repeats;
        if (form == StageForm::source && type.form_of && asked(s).workers > 1)
            draft_.reading.error(asked(s).workers_place,
                                 text(s) + " has " + number_and(asked(s).workers, "worker") + ", and is a source",
                                 "each of them would run the program, and make all of its items again",
                                 "write `workers: 1`");
        if (type.samples) check_sample(s);
    }

    void check_fold(std::uint32_t s, const WorkerType& type) {
        stages_[s].snapshots = type.snapshots;
        if (asked(s).workers == 1 || type.combines) return;
        draft_.reading.error(
            asked(s).workers_place,
            text(s) + " has " + number_and(asked(s).workers, "worker") + ", and " + quote(draft_.job(s).worker) +
                " is a fold that has no combine",
            "each of them would see only a part of the items, and there is no way to put together what "
            "they find",
            "write `workers: 1`, or give the worker type combine() and snapshot()");
    }

    // `sample` is the engine's own: what its parameters say is part of the plan. They have been checked by themselves.
    void check_sample(std::uint32_t s) {
        const Document& with = draft_.plan->templates[s].with;
        const Place place = draft_.job(s).with ? draft_.job(s).with->place : draft_.job(s).place;
        Stage& stage = stages_[s];
        stage.role = Stage::Role::sample;
        if (const auto limit = with.find("limit"); limit != with.end() && limit->second.is(Value::Type::int64))
            stage.limit = static_cast<std::uint32_t>(std::clamp<std::int64_t>(limit->second.int64(), 1, kMostSampled));
        if (const auto keep = with.find("keep-latest"); keep != with.end() && keep->second.is(Value::Type::boolean))
            stage.keep_latest = keep->second.boolean();
        if (asked(s).workers > 1)
            draft_.reading.error(asked(s).workers_place, text(s) + " has " + number_and(asked(s).workers, "worker"),
                                 "`sample` counts what is on its way, which only one can do", "write `workers: 1`");
        const auto until = with.find("until");
        if (until != with.end() && until->second.is(Value::Type::string)) {
            const std::uint32_t end = draft_.names.find(until->second.string());
            if (end == JobNames::kNone) return unknown({until->second.string(), place});
            stage.until = {TemplateIndex(end)};
            const auto above = with_all_above(end);
            if (end == s || std::find(above.begin(), above.end(), s) == above.end())
                return draft_.reading.error(
                    place, "no item of " + quote(draft_.job(s).name) + " reaches " + quote(until->second.string()),
                    "`until` says where the branch of a sample ends, and that begins behind it",
                    "name a stage that takes items from it, at once or by way of others");
        }
        if (!stage.keep_latest) return;
        if (asked(s).from.size() > 1)
            draft_.reading.error(asked(s).from_place,
                                 text(s) +
                                     " keeps the latest result, and takes items from several "
                                     "stages",
                                 "each item of one stage is put together with the latest result",
                                 "let a stage before it merge them");
        if (stage.until.empty())
            draft_.reading.error(place, text(s) + " has `keep-latest` and no `until`",
                                 "it is not clear of what the latest result is kept",
                                 "add `until:` with the stage whose results they are");
    }

    // A source has no input, so nothing that concerns items that come.
    void check_source(std::uint32_t s) {
        const StageDefinition& stage = asked(s);
        const std::string reason =
            "worker " + quote(draft_.job(s).worker) + " is a source: it makes items, and takes none";
        const auto refuse = [&](bool given, Place place, const std::string& key) {
            if (given) draft_.reading.error(place, text(s) + " has `" + key + "`", reason, "remove it");
        };
        refuse(stage.from_given, stage.from_place, "from");
        refuse(stage.on_error_given && stage.on_error != OnError::fail, stage.on_error_place,
               "on-error: " + std::string(stage.on_error == OnError::skip ? "skip" : "retry"));
        refuse(draft_.job(s).settings.timeout_s.value_or(0) > 0, stage.timeout_place, "timeout");
        draft_.plan->templates[s].timeout_s = 0;  // of `defaults`
    }

    // `ordered` keeps the order of the input; where that has none, people may think they get one.
    void check_order(std::uint32_t s) const {
        if (!asked(s).ordered || stages_[s].from.empty()) return;
        std::string reason, suggestion;
        if (stages_[s].from.size() > 1) {
            if (asked(s).merge != Merge::any) return;
            reason = "with `merge: any` items come in no order";
            suggestion = "write `merge: concat`, `interleave`, `zip` or `latest`";
        } else {
            const std::uint32_t producer = stages_[s].from.front().value;
            if (asked(producer).workers == 1 || asked(producer).ordered) return;
            const std::string name(draft_.job(producer).name);
            reason = "its items come from the " + number_and(asked(producer).workers, "worker") + " of " + quote(name) +
                     ", as each gets done";
            suggestion = "write `ordered: true` in " + quote(name) + " too";
        }
        draft_.reading.warning(draft_.job(s).place, text(s) + " is `ordered`, and there is no order to keep",
                               std::move(reason), std::move(suggestion));
    }

    Draft& draft_;
    std::vector<Stage>& stages_;  // `from` as numbers of the definition
    std::vector<bool> has_successor_;
    std::unordered_map<std::string_view, const WorkerType*> types_;
};

// Producers first, else in the order of the definition: the stage to come next is always the first that can.
std::vector<std::uint32_t> order_of_flow(const std::vector<Stage>& stages) {
    std::vector<std::uint32_t> order;
    std::vector<bool> placed(stages.size(), false);
    const auto ready = [&](const Stage& stage) {
        return std::all_of(stage.from.begin(), stage.from.end(), [&](TemplateIndex p) { return placed[p.value]; });
    };
    while (order.size() < stages.size()) {  // at most kMaxStages, and no circles
        std::uint32_t s = 0;
        while (placed[s] || !ready(stages[s])) ++s;
        placed[s] = true;
        order.push_back(s);
    }
    return order;
}

}  // namespace

void draft_stages(Draft& draft, const WorkerTypes& types) { Stages(draft, types).make(); }

void finish_stages(Draft& draft) {
    Plan& plan = *draft.plan;
    const std::vector<std::uint32_t> order = order_of_flow(plan.stages);
    std::vector<TemplateIndex> place(order.size());
    for (std::uint32_t i = 0; i < order.size(); ++i) place[order[i]] = TemplateIndex(i);
    std::vector<JobTemplate> templates;
    std::vector<Stage> stages;
    for (const std::uint32_t s : order) {
        JobTemplate& made = templates.emplace_back(std::move(plan.templates[s]));
        if (made.count > 1)
            made.for_each = std::make_shared<const ForEach>(ForEach{{{Axis{"worker", Range{0, 1, made.count}}}}});
        Stage& stage = stages.emplace_back(std::move(plan.stages[s]));
        for (TemplateIndex& producer : stage.from) producer = place[producer.value];
        for (TemplateIndex& end : stage.until) end = place[end.value];
    }
    plan.templates = std::move(templates);
    plan.stages = std::move(stages);
    complete_stream(plan);
}

}  // namespace penstock
