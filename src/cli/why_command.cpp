// penstock why: finds the job that is meant, and what the run directory says about it.
#include "cli/job_reference.hpp"
#include "cli/result_commands.hpp"
#include "cli/run_plans.hpp"
#include "cli/why.hpp"
#include "language/diagnostic.hpp"
#include "report/text.hpp"
#include "store/ownership.hpp"
#include "store/run_directory.hpp"

#include <algorithm>
#include <ostream>

namespace penstock {

namespace {

constexpr std::size_t kMeantShown = 5;

RunSoFar::State state_of(const std::filesystem::path& directory, std::string& owner_text) {
    std::error_code gone;
    if (!std::filesystem::is_directory(directory, gone)) return RunSoFar::State::ended;  // collected, and moved
    const auto owner = newest_owner(directory);
    if (!owner || owner->ended) return RunSoFar::State::ended;
    owner_text = owner->text();
    if (lock_is_held(directory)) return RunSoFar::State::goes_on;
    return owner->locked ? RunSoFar::State::ended : RunSoFar::State::unknown;
}

// A job of a plan, whether it has a row or not, in the form in which references name jobs.
struct PlannedJob {
    JobRow row;
    const Plan* plan = nullptr;
    const JobTemplate* job = nullptr;
};

// Those that could be meant. Pipelines of --for-each are known by their jobs that have ended, or by the reference.
std::vector<PlannedJob> planned_jobs(const std::vector<std::shared_ptr<const Plan>>& plans,
                                     const std::vector<JobRow>& rows, const std::string& reference) {
    std::vector<PlannedJob> found;
    for (const auto& plan : plans) {
        std::vector<std::string> instances;
        for (const JobRow& row : rows)
            if (row.pipeline == plan->name &&
                std::find(instances.begin(), instances.end(), row.pipeline_instance) == instances.end())
                instances.push_back(row.pipeline_instance);
        if (instances.empty()) instances.emplace_back();
        for (const JobTemplate& job : plan->templates) {
            if (reference.find(job.name) == std::string::npos) continue;
            for (const std::string& instance : instances)
                for (std::uint32_t i = 0; i < job.count; ++i) {
                    JobRow row;
                    row.pipeline = plan->name;
                    row.pipeline_instance = instance;
                    row.name = job.name;
                    row.instance = job.for_each ? job.for_each->label(i) : "";
                    row.number = i;
                    found.push_back({std::move(row), plan.get(), &job});
                }
        }
    }
    return found;
}

int tell_meant(const std::vector<const JobRow*>& meant, const std::string& reference, std::ostream& err) {
    err << "penstock why: " << counted(meant.size(), "job") << " of this run could be meant by `"
        << printable(reference) << "`; name one:\n";
    for (std::size_t i = 0; i < std::min(meant.size(), kMeantShown); ++i)
        err << "  " << shell_quoted(printable(full_label(*meant[i]))) << "\n";
    if (meant.size() > kMeantShown) err << "  ...\n";
    return kExitUsage;
}

int tell_unknown(const std::vector<JobRow>& rows, const std::vector<std::shared_ptr<const Plan>>& plans,
                 const WhyCommand& command, std::ostream& err) {
    std::vector<JobRow> all = rows;
    for (const auto& plan : plans)
        for (const JobTemplate& job : plan->templates) {
            JobRow row;
            row.pipeline = plan->name;
            row.name = job.name;
            all.push_back(std::move(row));
        }
    auto near = near_labels(all, command.job);
    if (near.empty()) {  // typed without its pipeline
        std::vector<std::string> names;
        for (const JobRow& row : all) names.push_back(row.name);
        near = did_you_mean(command.job.substr(0, command.job.find_first_of("[#")), names);
    }
    err << "penstock why: no job `" << printable(command.job) << "` is known of this run"
        << (near.empty() ? "" : "; did you mean " + shell_quoted(printable(near.front())) + "?")
        << "\nAll that have ended: penstock jobs " << shell_quoted(command.run) << "\n";
    return kExitUsage;
}

}  // namespace

int run_why(const WhyCommand& command, const WorkerTypes& types, Streams& streams) {
    const auto results = Results::open(command.run);
    const std::vector<JobRow> rows = results->jobs();
    const auto plans = plans_of(*results, types, streams);
    RunSoFar run;
    run.run = results_file_of(command.run).string();
    run.rows = &rows;
    run.attempts = [&](const JobRow& row) { return results->attempts(row); };
    run.state = state_of(run_directory_of(command.run), run.owner);
    if (run.state != RunSoFar::State::unknown)
        run.waiting = read_waiting(run_directory_of(command.run) / "waiting.json", run.waiting_written_s);
    const auto plan_named = [&](const std::string& name) -> const Plan* {
        const auto at = std::find_if(plans.begin(), plans.end(), [&](const auto& p) { return p->name == name; });
        return at == plans.end() ? nullptr : at->get();
    };

    const std::vector<const JobRow*> meant = jobs_meant(rows, command.job);
    if (meant.size() == 1) {
        run.plan = plan_named(meant.front()->pipeline);
        streams.out << why_text(run, *meant.front());
        return kExitSucceeded;
    }
    const std::vector<PlannedJob> planned = planned_jobs(plans, rows, command.job);
    std::vector<JobRow> planned_rows;
    for (const PlannedJob& job : planned) planned_rows.push_back(job.row);
    const std::vector<const JobRow*> by_plan = jobs_meant(planned_rows, command.job);
    if (meant.size() > 1 || by_plan.size() > 1)
        return tell_meant(meant.size() > 1 ? meant : by_plan, command.job, streams.err);
    if (by_plan.empty()) return tell_unknown(rows, plans, command, streams.err);
    const PlannedJob& job = planned[static_cast<std::size_t>(by_plan.front() - planned_rows.data())];
    run.plan = job.plan;
    streams.out << why_not_yet_text(run, job.row.pipeline_instance, *job.job, job.row.number);
    return kExitSucceeded;
}

}  // namespace penstock
