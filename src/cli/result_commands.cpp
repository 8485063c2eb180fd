#include "cli/result_commands.hpp"

#include "cli/job_reference.hpp"
#include "cli/result_text.hpp"
#include "exec/job_log.hpp"
#include "language/diagnostic.hpp"
#include "report/text.hpp"
#include "store/collect.hpp"
#include "store/results.hpp"
#include "store/run_directory.hpp"

#include <algorithm>
#include <ostream>

namespace penstock {

namespace {

constexpr std::size_t kInstancesShown = 5;
constexpr std::uint64_t kItemsAtOnce = 256;  // in memory, of a stream

bool wanted(const JobRow& row, const JobsCommand& command) {
    const auto& statuses = command.statuses;
    return (command.pipeline.empty() || row.pipeline == command.pipeline) &&
           (command.job.empty() || row.name == command.job) &&
           (command.worker.empty() || row.worker == command.worker) &&
           (statuses.empty() ||
            std::find(statuses.begin(), statuses.end(), job_status_name(row.status)) != statuses.end());
}

// PIPELINE/JOB of a run that has such a job; throws StoreError naming what there is.
struct PipelineJob {
    std::string pipeline, job;
};
PipelineJob taken_apart(const std::string& reference) {
    const std::size_t slash = reference.find('/');
    if (slash == std::string::npos) {
        throw StoreError("`" + printable(reference) +
                         "` is not PIPELINE/JOB: a table is of one job of one pipeline, such as "
                         "word-count/words");
    }
    // Instances are the rows of the table: simulate[seed=0] means simulate.
    const std::string job = reference.substr(slash + 1);
    return {reference.substr(0, slash), job.substr(0, job.find('['))};
}

void tell_which_there_are(const std::vector<const JobRow*>& meant, const std::string& reference, std::ostream& err) {
    err << "penstock log: " << counted(meant.size(), "job") << " of this run could be meant by `"
        << printable(reference) << "`; name one:\n";
    for (std::size_t i = 0; i < std::min(meant.size(), kInstancesShown); ++i) {
        err << "  " << shell_quoted(printable(full_label(*meant[i]))) << "\n";
    }
    if (meant.size() > kInstancesShown) err << "  ...\n";
}

// Of one stage of one stream: its log is that of all of them. Its workers are its instances "worker=0" and on.
bool are_workers_of_a_stage(const std::vector<const JobRow*>& rows) {
    return std::all_of(rows.begin(), rows.end(), [&](const JobRow* row) {
        return row->pipeline == rows.front()->pipeline && row->pipeline_instance == rows.front()->pipeline_instance &&
               row->name == rows.front()->name && row->instance == "worker=" + std::to_string(row->number);
    });
}

std::vector<JobRow> rows_so_far(const std::string& run) {
    try {
        return Results::open(run)->jobs();
    } catch (const StoreError&) {
        // A run that has just begun has logs, but nothing durable yet.
        if (std::filesystem::is_directory(run_directory_of(run))) return {};
        throw;
    }
}

// A job that has no row yet: the reference is all there is. Splits [PIPELINE/]JOB[INSTANCE].
JobRow row_of_running_job(const std::string& reference) {
    JobRow row;
    const std::size_t slash = reference.find('/');
    if (slash == std::string::npos) return row;
    row.pipeline = reference.substr(0, slash);
    row.name = reference.substr(slash + 1);
    const std::size_t bracket = row.name.find('[');
    if (bracket != std::string::npos && row.name.back() == ']') {
        row.instance = row.name.substr(bracket + 1, row.name.size() - bracket - 2);
        row.name.resize(bracket);
    }
    return row;
}

void print_log(const std::vector<JobLogText>& attempts, Streams& streams) {
    for (const JobLogText& attempt : attempts) {
        if (attempts.size() > 1) streams.out << "== attempt " << attempt.attempt << " ==\n";
        streams.out << (streams.out_is_terminal ? printable_lines(attempt.text) : attempt.text);
        if (!attempt.text.empty() && attempt.text.back() != '\n') streams.out << "\n";
    }
}

void print_outcome(const JobRow& row, std::ostream& err) {
    err << printable(full_label(row)) << ": " << job_status_name(row.status);
    if (row.status != JobStatus::skipped) {
        err << " after " << duration_text(row.finished - row.started) << " on broker " << row.broker;
        if (row.attempts > 1) err << ", attempt " << row.attempts;
    }
    if (!row.error.empty()) err << ": " << printable_lines(row.error);
    err << "\n";
}

// Whether it is a stage whose items are stored; prints them then.
bool print_items(const Results& results, const PipelineJob& stage, const TableCommand& command, Streams& streams) {
    std::vector<StreamRow> meant = results.streams();
    std::erase_if(meant,
                  [&](const StreamRow& row) { return row.pipeline != stage.pipeline || row.stage != stage.job; });
    if (meant.empty()) return false;
    const bool several = meant.size() > 1 || !meant.front().pipeline_instance.empty();
    ItemTable table(command.form, several, streams.out);
    std::uint64_t printed = 0;
    for (const StreamRow& row : meant) {
        table.begin(row.pipeline_instance);
        for (std::uint64_t first = 0; first < row.items; first += kItemsAtOnce) {
            const auto items =
                results.stream_items(row.pipeline, row.pipeline_instance, row.stage, first, kItemsAtOnce);
            for (const Value& item : items) table.add(item);
            printed += items.size();
        }
    }
    if (printed == 0) streams.err << "penstock table: no items of " << printable(command.job) << " are stored so far\n";
    return true;
}

}  // namespace

int run_table(const TableCommand& command, Streams& streams) {
    const PipelineJob job = taken_apart(command.job);
    const auto results = Results::open(command.run);
    if (print_items(*results, job, command, streams)) return kExitSucceeded;
    const ResultTable table = results->table(job.pipeline, job.job);
    if (table.keys.empty() && table.parameter_names.empty()) {
        streams.err
            << "penstock table: " << counted(table.rows.size(), "instance") << " of " << printable(command.job)
            << " succeeded, and no values of it are in this file: it made none, `save` left them out, or --store "
               "put them elsewhere\n";
        return kExitSucceeded;
    }
    write_table(table, command.form, streams.out);
    return kExitSucceeded;
}

int run_jobs(const JobsCommand& command, Streams& streams) {
    const std::vector<JobRow> rows = Results::open(command.run)->jobs();
    std::vector<const JobRow*> chosen;
    for (const JobRow& row : rows) {
        if (command.limit && chosen.size() >= *command.limit) break;
        if (wanted(row, command)) chosen.push_back(&row);
    }
    write_jobs(chosen, command.form, streams.out);
    if (chosen.empty() && rows.empty())
        streams.err << "penstock jobs: no job has ended so far, or none is durable yet\n";
    else if (chosen.empty())
        streams.err << "penstock jobs: none of " << counted(rows.size(), "job") << " is meant\n";
    return kExitSucceeded;
}

// All workers of a stage of one stream, also those that still run and have no row.
bool print_stage_log(const std::filesystem::path& run, const JobRow& stage, const std::vector<const JobRow*>& ended,
                     Streams& streams) {
    const auto workers =
        read_stage_log(run_directory_of(run) / "logs", stage.pipeline, stage.pipeline_instance, stage.name);
    for (const WorkerLogText& worker : workers) {
        streams.out << "== " << printable(worker.instance) << " ==\n";
        print_log(worker.attempts, streams);
    }
    for (const JobRow* row : ended) print_outcome(*row, streams.err);
    return !workers.empty() || !ended.empty();
}

int run_log(const LogCommand& command, Streams& streams) {
    const std::vector<JobRow> rows = rows_so_far(command.run);
    const std::vector<const JobRow*> meant = jobs_meant(rows, command.job);
    const bool one_worker = command.job.ends_with(']') || command.job.find('#') != std::string::npos;
    if (!meant.empty() && !one_worker && are_workers_of_a_stage(meant)) {
        print_stage_log(command.run, *meant.front(), meant, streams);
        return kExitSucceeded;
    }
    if (meant.size() > 1) {
        tell_which_there_are(meant, command.job, streams.err);
        return kExitUsage;
    }
    const JobRow row = meant.empty() ? row_of_running_job(command.job) : *meant.front();
    const auto attempts = read_job_log(run_directory_of(command.run) / "logs", row.pipeline, row.pipeline_instance,
                                       row.name, row.instance);
    if (meant.empty() && attempts.empty()) {
        if (row.instance.empty() && print_stage_log(command.run, row, {}, streams)) return kExitSucceeded;
        const auto near = near_labels(rows, command.job);
        streams.err << "penstock log: no job `" << printable(command.job)
                    << "` has ended or printed anything in this run"
                    << (near.empty() ? "" : "; did you mean " + shell_quoted(printable(near.front())) + "?")
                    << "\nAll that have ended: penstock jobs " << shell_quoted(command.run) << "\n";
        return kExitUsage;
    }
    print_log(attempts, streams);
    if (!meant.empty()) print_outcome(row, streams.err);
    return kExitSucceeded;
}

int run_collect(const CollectCommand& command, Streams& streams) {
    const auto output = command.output.empty() ? results_file_of(command.run) : std::filesystem::path(command.output);
    const CollectReport report = collect(command.run, output, {});
    for (const std::string& warning : report.warnings) streams.err << "penstock: warning: " << warning << "\n";
    streams.err << "penstock: " << counted(report.jobs, "job") << " of " << counted(report.segments, "segment")
                << " in " << printable(output.string()) << " (" << duration_text(report.seconds) << ")\n";
    return kExitSucceeded;
}

int run_workers(const WorkerTypes& types, Streams& streams) {
    TextTable table({{"worker"}, {"needs"}, {"makes"}});
    const auto keys = [](const std::function<Keys(const Document&)>& which) -> std::string {
        if (!which) return "";
        std::vector<std::string_view> names;
        const Keys all = which({});
        for (const std::string& key : all) names.push_back(key);
        return enumerate(names);
    };
    std::vector<const WorkerType*> sorted;
    for (const WorkerType& type : types) sorted.push_back(&type);
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
    for (const WorkerType* type : sorted) table.add({type->name, keys(type->needs), keys(type->makes)});
    streams.out << table.render();
    return kExitSucceeded;
}

}  // namespace penstock
