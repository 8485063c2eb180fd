#include "cli/manager.hpp"

#include "cli/stream_handle.hpp"
#include "language/pipeline_form.hpp"
#include "language/stream_form.hpp"
#include "report/text.hpp"

#include <algorithm>

namespace penstock {

namespace {

std::string quoted_name(std::string_view name) { return "`" + printable(name) + "`"; }

}  // namespace

std::function<bool()> Manager::stopping() const {
    return [&submitter = submitter()] { return submitter.stopping(); };
}

Submitter& Manager::submitter() const {
    Submitter* const current = submitter_;
    if (!current) throw PipelineError("the driver function has returned: its PipelineManager can no longer be used");
    return *current;
}

PipelineNumber Manager::start(const Pipeline& pipeline) { return start(pipeline, {}); }

PipelineNumber Manager::start(const Pipeline& pipeline, const Document& data) {
    return start({plan_of(pipeline, data), data.empty() ? "" : label_of(data), data});
}

bool Manager::finished(const Pipeline& pipeline) const {
    const auto number = ledger_.find(pipeline.name(), "");
    {
        const std::scoped_lock lock(planning_);
        const auto known = known_.find(pipeline.name());
        if (!number || known == known_.end() || !(known->second.pipeline == pipeline)) {
            throw PipelineError(
                "pipeline " + quoted_name(pipeline.name()) +
                " was not started by this manager; start() it first, and ask for what start() returned when "
                "it has data of its own");
        }
    }
    return finished(*number);
}

std::shared_ptr<const Plan> Manager::plan_of(const Pipeline& pipeline, const Document& data) {
    const std::scoped_lock lock(planning_);
    const auto known = known_.find(pipeline.name());
    if (known != known_.end() && !(known->second.pipeline == pipeline)) {
        throw PipelineError(
            "another pipeline called " + quoted_name(pipeline.name()) +
            " was started before: results are found by name; give this one a name of its own, or, when only "
            "data differ, start the same one with start(pipeline, data)");
    }
    Keys keys;
    for (const auto& [key, value] : data) keys.push_back(key);
    if (known != known_.end()) {
        std::shared_ptr<const Plan>& plan = known->second.plans[keys];
        if (!plan) plan = validated(pipeline, data);
        return plan;
    }
    auto plan = validated(pipeline, data);  // throws before anything is remembered
    known_.emplace(pipeline.name(), Known{pipeline, {{keys, plan}}});
    return plan;
}

std::shared_ptr<const Plan> Manager::validated(const Pipeline& pipeline, const Document& data) const {
    LoadOptions options;
    options.store_provides_keys = setup_.store_provides_keys;
    for (const auto& [key, value] : data) options.for_each_keys.push_back(key);
    const Loaded loaded = penstock::plan_of(pipeline, setup_.types, options, std::filesystem::current_path());
    if (!loaded.ok() || loaded.plans.size() != 1) throw PipelineError(render(loaded.diagnostics));
    return loaded.plans.front();
}

PipelineNumber Manager::start(Submission submission) {
    if (setup_.refuse) {
        const std::string problem = setup_.refuse(*submission.plan);
        if (!problem.empty()) throw PipelineError(problem);
    }
    Submitter& to = submitter();
    try {
        return ledger_.start(std::move(submission), [&](Submission one) {
            std::vector<Submission> all;
            all.push_back(std::move(one));
            return to.submit(std::move(all)).front();
        });
    } catch (const SubmittedBefore& error) {
        throw PipelineError(error.what());
    } catch (const FeedStopped& error) {
        throw RunStopped(error.what());
    }
}

// The second time it needs a name of its own for its results.
Submission Manager::next_run_of(const StreamPipeline& pipeline) {
    const std::scoped_lock lock(planning_);
    const std::string text = pipeline.serialize();
    KnownStream& known = streams_[pipeline.name()];
    if (known.plan == nullptr || known.text != text) {
        LoadOptions options;
        options.store_provides_keys = setup_.store_provides_keys;
        const Loaded loaded = penstock::plan_of(pipeline, setup_.types, options, std::filesystem::current_path());
        if (!loaded.ok() || loaded.plans.size() != 1) throw PipelineError(render(loaded.diagnostics));
        if (known.plan != nullptr)
            throw PipelineError("another stream called " + quoted_name(pipeline.name()) +
                                " was started before: results are found by name; give this one a name of its own");
        known.text = text;
        known.plan = loaded.plans.front();
    }
    Document run;
    if (++known.runs > 1) run.emplace("run", known.runs);
    return {known.plan, run.empty() ? "" : label_of(run), run, nullptr};
}

StreamHandle Manager::stream(const StreamPipeline& pipeline) {
    Submission run = next_run_of(pipeline);
    const auto port = std::make_shared<StreamPort>(run.plan, setup_.run_directory / "spill");
    run.port = port;
    const PipelineNumber number = start(std::move(run));
    return StreamHandle(
        std::make_unique<StreamHandle::Impl>(*this, number, pipeline.name(), port, StreamForm::feeds(pipeline)));
}

const JobTemplate& Manager::job_of(const Plan& plan, std::string_view job) const {
    const auto found =
        std::find_if(plan.templates.begin(), plan.templates.end(), [&](const JobTemplate& t) { return t.name == job; });
    if (found == plan.templates.end()) {
        throw PipelineError("pipeline " + quoted_name(plan.name) + " has no job " + quoted_name(job));
    }
    return *found;
}

// What is durable by now, or null while there is nothing. Under reading_.
Results* Manager::up_to_date_results(bool pipeline_runs) {
    const std::uint64_t finished = ledger_.finished();
    if (!results_) {
        try {
            results_ = Results::open(setup_.run_directory);
        } catch (const StoreError&) {
            if (pipeline_runs) return nullptr;  // the first segment is still to come
            throw;
        }
    } else if (pipeline_runs || finished != finished_when_read_) {
        results_->refresh();
    }
    finished_when_read_ = finished;
    return results_.get();
}

std::optional<Document> Manager::from_store(const PipelineStatus& pipeline, const JobTemplate& job,
                                            const std::string& instance) {
    const auto type = std::find_if(setup_.types.begin(), setup_.types.end(),
                                   [&](const WorkerType& t) { return t.name == job.worker; });
    Keys keys;
    if (type != setup_.types.end() && type->makes) {
        for (const std::string& key : type->makes(job.with)) {
            if (job.save.saves(key)) keys.push_back(key);
        }
    }
    Document found = setup_.values->retrieve({pipeline.name, pipeline.instance, job.name, instance}, keys);
    if (found.empty() && !keys.empty()) return std::nullopt;
    return found;
}

std::optional<Document> Manager::results(PipelineNumber pipeline, std::string_view job, std::string_view instance) {
    const PipelineStatus status = ledger_.status(pipeline);
    const auto plan = ledger_.plan(pipeline);
    const JobTemplate& its_template = job_of(*plan, job);
    const std::scoped_lock lock(reading_);
    if (setup_.values) return from_store(status, its_template, std::string(instance));
    Results* const results = up_to_date_results(!status.finished());
    if (!results) return std::nullopt;
    return results->outputs(status.name, status.instance, its_template.name, std::string(instance));
}

std::vector<ResultRow> Manager::rows(PipelineNumber pipeline, std::string_view job) {
    const PipelineStatus status = ledger_.status(pipeline);
    const auto plan = ledger_.plan(pipeline);
    const JobTemplate& its_template = job_of(*plan, job);
    std::vector<ResultRow> rows;
    const std::scoped_lock lock(reading_);
    if (setup_.values) {
        for (std::uint32_t i = 0; i < its_template.count; ++i) {
            const std::string label = its_template.for_each ? its_template.for_each->label(i) : "";
            auto values = from_store(status, its_template, label);
            const Document parameters = its_template.for_each ? its_template.for_each->parameters(i) : Document();
            if (values) rows.push_back({label, parameters, std::move(*values)});
        }
        return rows;
    }
    Results* const results = up_to_date_results(!status.finished());
    if (!results) return rows;
    ResultTable table;
    try {
        table = results->table(status.name, its_template.name);
    } catch (const StoreError&) {
        return rows;  // no instance has succeeded
    }
    for (ResultTable::Row& row : table.rows) {
        if (row.pipeline_instance != status.instance) continue;
        rows.push_back({std::move(row.instance), std::move(row.parameters), std::move(row.values)});
    }
    return rows;
}

std::vector<JobFailure> Manager::failures(PipelineNumber pipeline) {
    const PipelineStatus status = ledger_.status(pipeline);
    std::vector<JobFailure> failures;
    const std::scoped_lock lock(reading_);
    Results* const results = up_to_date_results(!status.finished());
    if (!results) return failures;
    for (const JobRow& row : results->jobs()) {
        if (row.pipeline != status.name || row.pipeline_instance != status.instance) continue;
        if (row.status != JobStatus::failed && row.status != JobStatus::skipped) continue;
        failures.push_back({row.name, row.instance, row.worker, row.error, row.status == JobStatus::skipped});
    }
    return failures;
}

}  // namespace penstock
