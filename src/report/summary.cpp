#include "report/summary.hpp"

#include "report/stage_text.hpp"
#include "report/text.hpp"

#include <algorithm>

namespace penstock {

namespace {

constexpr std::size_t kFailuresShown = 10;
constexpr std::size_t kErrorWidth = 240;  // of a line
constexpr std::size_t kErrorLines = 8;
constexpr std::string_view kIndent = "    ";

std::string program_of(const ResultPlace& place) { return shell_quoted(place.program); }

// "the stream succeeded; 3 stages, 1,000,000 items in 2.1 s, 480,000 items/s".
std::string streams_outcome(const RunSummary& summary) {
    const Progress& p = summary.progress;
    const std::uint64_t good = p.streams_ended - std::min(p.streams_ended, p.streams_failed);
    std::string text;
    if (p.streams == 1) {
        text = good == 1               ? "the stream succeeded"
               : p.streams_failed == 1 ? "the stream failed"
                                       : "the stream has not finished";
    } else {
        text = good == p.streams ? "all " + counted(p.streams, "stream") + " succeeded"
                                 : count_text(good) + " of " + counted(p.streams, "stream") + " succeeded";
        if (p.streams_failed > 0) text += ", " + count_text(p.streams_failed) + " failed";
        if (p.streams > p.streams_ended) text += ", " + count_text(p.streams - p.streams_ended) + " not finished";
    }
    text += "; " + counted(p.items, "item");
    if (summary.makespan_s > 0)
        text += " in " + duration_text(summary.makespan_s) + ", " +
                rate_text(static_cast<double>(p.items) / summary.makespan_s) + " items/s";
    return text;
}

std::string outcome_line(const RunSummary& summary) {
    const Progress& p = summary.progress;
    std::string text = "penstock: ";
    if (p.jobs == 0 && p.streams > 0) return text + streams_outcome(summary) + "\n";
    if (p.succeeded == p.jobs) {
        text += p.jobs == 1   ? "1 job succeeded"
                : p.jobs == 0 ? "no jobs"
                              : "all " + counted(p.jobs, "job") + " succeeded";
    } else {
        text += count_text(p.succeeded) + " of " + counted(p.jobs, "job") + " succeeded";
        if (p.failed > 0) text += ", " + count_text(p.failed) + " failed";
        if (p.skipped > 0) text += ", " + count_text(p.skipped) + " skipped";
        const std::uint64_t left = p.jobs - std::min(p.jobs, p.ended());
        if (left > 0) text += ", " + count_text(left) + " not finished";
    }
    if (p.kept > 0) text += ", " + (p.kept == p.ended() ? "all" : count_text(p.kept)) + " of them in earlier launches";
    if (p.retried > 0)
        text +=
            "; " + counted(p.retried, "attempt") + " failed and " + (p.retried == 1 ? "was" : "were") + " made again";
    if (p.pipelines > 1 && p.streams == 0) text += " in " + counted(p.pipelines, "pipeline");
    if (summary.makespan_s > 0) {
        text += "; " + duration_text(summary.makespan_s) + ", " +
                rate_text(static_cast<double>(p.ended() - p.kept) / summary.makespan_s) + " jobs/s";
    }
    if (p.streams > 0) text += "\npenstock: " + streams_outcome(summary);
    return text + "\n";
}

std::string bad_lines_text(const RunSummary& summary) {
    if (summary.bad_lines == 0) return "";
    return "penstock: " + counted(summary.bad_lines, "line") + " of --for-each " +
           (summary.bad_lines == 1 ? "was" : "were") + " no good and left out\n";
}

std::string worker_table(const std::vector<WorkerSummary>& workers) {
    using Align = TextTable::Align;
    TextTable table({{"worker"},
                     {"jobs", Align::right},
                     {"failed", Align::right},
                     {"skipped", Align::right},
                     {"median", Align::right},
                     {"total", Align::right}});
    for (const WorkerSummary& w : workers) {
        const bool ran = w.succeeded + w.failed > 0;
        table.add({printable(w.worker), count_text(w.succeeded + w.failed + w.skipped), count_text(w.failed),
                   count_text(w.skipped), ran ? duration_text(w.median_s) : "-", ran ? duration_text(w.total_s) : "-"});
    }
    return table.empty() ? "" : "\n" + table.render("  ");
}

std::string lost_ranks_text(const RunSummary& summary) {
    if (summary.lost_ranks.empty()) return "";
    return "  (without what " + counted(summary.lost_ranks.size(), "lost rank") + " had run)\n";
}

std::string stages_text(const RunSummary& summary) {
    if (summary.stages.empty()) return "";
    std::string text = "\n" + stage_table(summary.stages, "  ");
    const auto pipelines = by_pipeline(summary.stages);
    for (const auto& stages : pipelines)
        if (const auto why = bottleneck_text(stages, summary.progress.slots))
            text += (pipelines.size() > 1 ? printable(stages.front().pipeline) + ": " : "") + *why + "\n";
    return text;
}

// The first line says what happened, and the last ones why: what is left out stands between them.
std::string error_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        lines.push_back(shortened(text.substr(from, end - from), kErrorWidth));
        from = end + 1;
    }
    if (lines.size() > kErrorLines) {
        lines[1] = "...";
        lines.erase(lines.begin() + 2, lines.end() - static_cast<std::ptrdiff_t>(kErrorLines - 2));
    }
    std::string out;
    for (const std::string& line : lines) out += std::string(kIndent) + line + "\n";
    return out;
}

std::string failure_text(const FailureKind& failure, const ResultPlace& place) {
    std::string text = "  " + counted(failure.count, failure.stage ? "stage" : "job") + " of " +
                       printable(failure.worker) + (failure.count == 1 ? ": " : ", first ") +
                       printable(failure.first_job) + "\n";
    text += error_lines(printable_lines(failure.error));
    if (!place.run.empty()) {
        text += std::string(kIndent) + "more: " + program_of(place) + " log " + shell_quoted(place.run) + " " +
                shell_quoted(failure.first_job) + "\n";
    }
    return text;
}

std::string failures_text(const RunSummary& summary, const ResultPlace& place) {
    if (summary.failures.empty()) return "";
    std::string text = "\nfailures:\n";
    const std::size_t shown = std::min(summary.failures.size(), kFailuresShown);
    for (std::size_t i = 0; i < shown; ++i) text += failure_text(summary.failures[i], place);
    const std::size_t hidden = summary.failures.size() - shown;
    if (hidden > 0) {
        text += "  " + counted(hidden, "further kind") + "; all of them: " + program_of(place) + " jobs " +
                shell_quoted(place.run) + " --failed\n";
    }
    return text;
}

std::string results_text(const RunSummary& summary, const ResultPlace& place) {
    if (place.run.empty()) return "";
    const std::string run = shell_quoted(place.run);
    std::string text = "\n";
    if (!place.store.empty()) text += "values:  " + printable(place.store) + "\n";
    if (place.collected) {
        text += "results: " + printable(place.run) + "\n";
    } else {
        text += "results: not collected" +
                (place.not_collected_reason.empty() ? "" : ": " + place.not_collected_reason) +
                "\n         collect them with: " + program_of(place) + " collect " + run + "\n";
    }
    if (summary.progress.streams > 0) text += "stages:  " + program_of(place) + " stages " + run + "\n";
    if (summary.progress.jobs + summary.progress.streams > 0) {
        if (summary.progress.jobs > 0) text += "jobs:    " + program_of(place) + " jobs " + run + "\n";
        if (!place.example_table.empty() && place.store.empty()) {
            text += "values:  " + program_of(place) + " table " + run + " " + shell_quoted(place.example_table) + "\n";
        }
    }
    return text;
}

std::string not_started_text(const RunSummary& summary) {
    std::string text;
    for (const WaitingJobs& w : summary.not_started)
        text += "Not started: " + counted(w.jobs, "job") + " of " + printable(w.job) +
                (w.jobs == 1 ? ", which takes about " : " that take about ") + duration_text(w.likely_s) +
                " did not fit in the " + duration_text(w.left_s) + " left.\n";
    const std::uint64_t n = summary.cut_short;
    if (n > 0)
        text += counted(n, "job") + (n == 1 ? " was" : " were") + " ended while running, and " +
                (n == 1 ? "runs" : "run") + " again.\n";
    return text;
}

std::string unfinished_streams_text(const RunSummary& summary) {
    const Progress& p = summary.progress;
    const std::uint64_t all = p.streams - std::min(p.streams, p.streams_ended);
    const std::uint64_t going_on = std::min(all, summary.streams_that_go_on);
    if (all == 0) return {};
    if (going_on == 0) return "Streams that have not ended start again then, from the beginning.\n";
    if (going_on == all) return "Streams that have not ended go on then, behind what was durable of them.\n";
    return "Of the streams that have not ended " + count_text(going_on) + (going_on == 1 ? " goes" : " go") +
           " on then, behind what was durable; " + count_text(all - going_on) +
           (all - going_on == 1 ? " starts" : " start") + " again from the beginning.\n";
}

std::string early_end_text(const RunSummary& summary) {
    std::string text;
    if (!summary.fatal.empty())
        text += "\npenstock: error: the run could not go on: " + printable_lines(summary.fatal) + "\n";
    else if (!summary.out_of_time.empty())
        text += "\npenstock: the time did not suffice (" + printable(summary.out_of_time) +
                "): what had not finished was not run to its end.\n";
    else if (summary.interrupted)
        text += "\npenstock: interrupted: what had not finished was not run to its end.\n";
    if (text.empty()) return text;
    text += not_started_text(summary);
    if (!summary.vanished.empty())
        return text + "The run directory " + printable(summary.vanished) +
               " is gone, and what was durable in it. The same command with --resume begins again.\n";
    text += "Nothing that was durable is lost";
    const std::uint64_t ended = summary.progress.ended();
    const std::uint64_t durable = std::min(summary.progress.durable, ended);
    if (summary.progress.streams == 0) text += ": " + counted(durable, "job");
    if (summary.progress.streams == 0 && durable < ended)
        text += "; " + count_text(ended - durable) + " more had ended, and " + (ended - durable == 1 ? "runs" : "run") +
                " again";
    text += ". The same command with --resume goes on with it.\n";
    return text + unfinished_streams_text(summary);
}

}  // namespace

std::string summary_text(const RunSummary& summary, const ResultPlace& place) {
    return outcome_line(summary) + bad_lines_text(summary) + worker_table(summary.workers) + lost_ranks_text(summary) +
           stages_text(summary) + failures_text(summary, place) + early_end_text(summary) +
           results_text(summary, place);
}

}  // namespace penstock
