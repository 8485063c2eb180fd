// `penstock stages`: what the stages of a run's streams have done.
#include "cli/result_commands.hpp"
#include "cli/result_text.hpp"
#include "report/stage_text.hpp"
#include "report/text.hpp"
#include "store/results.hpp"
#include "store/schema.hpp"
#include "value/value_json.hpp"

#include <algorithm>
#include <cmath>
#include <ostream>

namespace penstock {

namespace {

constexpr std::uint64_t kRowsAtOnce = 1024;  // in memory

std::uint64_t count_at(const Document& row, std::string_view key) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, at(row, key).int64()));
}
Nanoseconds time_at(const Document& row, std::string_view key) {
    return static_cast<Nanoseconds>(std::llround(at(row, key).float64() * 1e9));
}

StageCounts counts_of(const Document& row) {
    StageCounts c;
    c.items_in = count_at(row, "items_in");
    c.items_out = count_at(row, "items_out");
    c.dropped = count_at(row, "dropped");
    c.skipped = count_at(row, "skipped");
    c.failed = count_at(row, "failed");
    c.retried = count_at(row, "retried");
    c.bytes_in = count_at(row, "bytes_in");
    c.bytes_out = count_at(row, "bytes_out");
    c.busy = time_at(row, "busy_s");
    c.blocked = time_at(row, "blocked_s");
    c.starved = time_at(row, "starved_s");
    c.alive = time_at(row, "alive_s");
    return c;
}

// Calls f with each row, and the pipeline it is of.
template <class F>
std::uint64_t each_row(const Results& results, F&& f) {
    std::uint64_t rows = 0;
    for (const StreamRow& of : results.stage_counts())
        for (std::uint64_t first = 0; first < of.items; first += kRowsAtOnce)
            for (const Value& row :
                 results.stream_items(of.pipeline, of.pipeline_instance, of.stage, first, kRowsAtOnce)) {
                f(of, row.map());
                ++rows;
            }
    return rows;
}

// Streams of one definition together, as in the summary of a run.
std::vector<StageSummary> summed_up(const Results& results) {
    std::vector<StageSummary> stages;
    each_row(results, [&](const StreamRow& of, const Document& row) {
        const std::string& name = at(row, "stage").string();
        const bool first = at(row, "worker").int64() == 0;
        auto stage = std::find_if(stages.begin(), stages.end(),
                                  [&](const StageSummary& s) { return s.pipeline == of.pipeline && s.stage == name; });
        if (stage == stages.end()) {
            stage = stages.insert(stages.end(), StageSummary());
            stage->pipeline = of.pipeline;
            stage->stage = name;
            stage->streams = stage->workers = 0;
        }
        stage->streams += first ? 1 : 0;
        if (stage->streams == 1) ++stage->workers;
        const StageCounts counts = counts_of(row);
        if (counts.items_in > 0 && stage->from.empty()) stage->from.push_back("");  // it is no source
        stage->counts += counts;
    });
    return stages;
}

void write_rows(const Results& results, TableForm form, std::ostream& out) {
    constexpr std::string_view kColumns[] = {"stage",   "worker",    "items_in",  "items_out", "dropped",
                                             "skipped", "failed",    "retried",   "bytes_in",  "bytes_out",
                                             "busy_s",  "blocked_s", "starved_s", "alive_s"};
    if (form == TableForm::csv) {
        out << "pipeline,pipeline_instance";
        for (const std::string_view column : kColumns) out << "," << column;
        out << "\r\n";
    }
    each_row(results, [&](const StreamRow& of, const Document& row) {
        if (form == TableForm::json) {
            Document all = row;
            all.insert_or_assign("pipeline", of.pipeline);
            all.insert_or_assign("pipeline_instance", of.pipeline_instance);
            out << to_json(Value(std::move(all))) << "\n";
            return;
        }
        out << csv_field(of.pipeline) << "," << csv_field(of.pipeline_instance);
        for (const std::string_view column : kColumns) out << "," << csv_field(cell_text(at(row, column)));
        out << "\r\n";
    });
}

}  // namespace

int run_stages(const StagesCommand& command, Streams& streams) {
    const auto results = Results::open(command.run);
    if (results->stage_counts().empty()) {
        streams.err
            << "penstock stages: nothing is known of stages so far: this run has no stream, or none has ended\n";
        return kExitSucceeded;
    }
    if (command.form == TableForm::text)
        streams.out << stage_table(summed_up(*results), "");
    else
        write_rows(*results, command.form, streams.out);
    return kExitSucceeded;
}

}  // namespace penstock
