#include "cli/why.hpp"

#include "cli/job_reference.hpp"
#include "exec/signal_text.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <unordered_map>

namespace penstock {

namespace {

constexpr std::size_t kShown = 5;          // of jobs that are waited for
constexpr std::size_t kAttemptsShown = 6;  // the first and the last of them
constexpr std::string_view kIndent = "      ";

std::string command(const RunSoFar& run, const std::string& name, const JobRow& row) {
    return run.program + " " + name + " " + shell_quoted(printable(run.run)) + " " +
           shell_quoted(printable(full_label(row)));
}

std::string indented(const std::string& text) {
    std::string out;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t end = std::min(text.find('\n', from), text.size());
        out += std::string(kIndent) + printable(text.substr(from, end - from)) + "\n";
        from = end + 1;
    }
    return out;
}

std::string reason_text(const AttemptRow& a) {
    switch (a.reason) {
        case EndReason::succeeded:
            return "succeeded";
        case EndReason::exception:
            return "failed";
        case EndReason::missing_key:
            return "an input was missing";
        case EndReason::bad_output:
            return "what it returned could not be taken";
        case EndReason::exit_code:
            return "ended with exit code " + std::to_string(a.exit_code);
        case EndReason::signal:
            return "was killed by " + signal_text(a.signal);
        case EndReason::timeout:
            return "its time was up";
        case EndReason::memory:
            return "used more memory than it may";
        case EndReason::lost_broker:
            return "its broker was lost";
        case EndReason::cancelled:
            return "was stopped, because the run ended";
        case EndReason::store:
            return "what it made could not be stored, or what it needs could not be read";
    }
    return "ended";
}

std::string attempt_text(const AttemptRow& a) {
    std::string text = "  attempt " + std::to_string(a.number) + ": " + reason_text(a) + " after " +
                       duration_text(std::max(0.0, a.finished - a.started)) + ", on broker " +
                       std::to_string(a.broker) + " slot " + std::to_string(a.slot) + ", " + date_text(a.started);
    if (a.peak_memory_bytes != 0) text += ", peak memory " + bytes_text(a.peak_memory_bytes);
    return text + "\n" + indented(a.error);
}

std::string attempts_text(const RunSoFar& run, const JobRow& row) {
    const std::vector<AttemptRow> attempts = run.attempts(row);
    std::string text;
    for (std::size_t i = 0; i < attempts.size(); ++i) {
        const bool hidden = attempts.size() > kAttemptsShown && i != 0 && i + kAttemptsShown - 1 < attempts.size();
        if (!hidden) text += attempt_text(attempts[i]);
        if (hidden && i == 1)
            text += "  ... " + counted(attempts.size() - kAttemptsShown, "further attempt") + " in /attempts\n";
    }
    return text;
}

std::string label_within(const JobRow& row) {
    return row.instance.empty() ? row.name : row.name + "[" + row.instance + "]";
}

bool of_one_pipeline(const JobRow& a, const JobRow& b) {
    return a.pipeline == b.pipeline && a.pipeline_instance == b.pipeline_instance;
}

std::string failed_text(const RunSoFar& run, const JobRow& row) {
    std::string text = printable(full_label(row)) + " failed: " +
                       (row.attempts > 1 ? "none of its " + count_text(row.attempts) + " attempts succeeded."
                                         : "its only attempt did not succeed.") +
                       "\n" + attempts_text(run, row);
    if (run.plan != nullptr) {
        const auto job = std::find_if(run.plan->templates.begin(), run.plan->templates.end(),
                                      [&](const JobTemplate& t) { return t.name == row.name; });
        if (job != run.plan->templates.end() && job->retries == 0)
            text += "It has no `retries`, so it was not tried again.\n";
    }
    return text + "What it printed: " + command(run, "log", row) + "\n";
}

std::string skipped_text(const RunSoFar& run, const JobRow& row) {
    std::string text =
        printable(full_label(row)) + " was skipped: it follows " + printable(row.error) + ", which failed.\n";
    const auto cause = std::find_if(run.rows->begin(), run.rows->end(), [&](const JobRow& other) {
        return of_one_pipeline(row, other) && label_within(other) == row.error;
    });
    if (cause == run.rows->end()) return text + "What became of that one is not durable (yet).\n";
    return text + "\n" + why_text(run, *cause);
}

std::string again_text(const RunSoFar& run, const JobRow& row) {
    const std::vector<AttemptRow> attempts = run.attempts(row);
    const bool cut = !attempts.empty() && attempts.back().reason == EndReason::cancelled;
    std::string text = printable(full_label(row)) +
                       (cut ? " has not ended: its last attempt was stopped, and it runs again.\n"
                            : " has failed " + counted(row.attempts, "time") + " and has attempts left.\n") +
                       attempts_text(run, row);
    if (run.state == RunSoFar::State::goes_on)
        return text + "The run goes on (" + run.owner + "): it waits for its next attempt, or is in it.\n";
    return text + "The run has ended before its next attempt" + (cut ? "; --resume goes on with it.\n" : ".\n");
}

std::string succeeded_text(const RunSoFar& run, const JobRow& row) {
    std::string text =
        printable(full_label(row)) + " succeeded" +
        (row.attempts > 1 ? ", though not at once.\n" + attempts_text(run, row) : ": nothing is wrong with it.\n");
    return text;
}

// ---------------------------------------------------------------------------------------------- not ended

// What the run itself says about jobs that need the same.
std::string waiting_text(const RunSoFar& run, const Resources& needs, const std::string& job) {
    const bool goes_on = run.state == RunSoFar::State::goes_on;
    if (goes_on && run.waiting_written_s == 0) return "The run has not said yet what is short.\n";
    const std::string when = (goes_on ? "As the run saw it (" : "As the run saw it when it ended (") +
                             date_text(run.waiting_written_s) + "): ";
    std::string text;
    for (const WaitingText& w : run.waiting)
        if (w.needs == needs_text(needs) && (w.job.empty() || w.job == job)) text += when + printable(w.text) + ".\n";
    if (!goes_on) return text;
    return text.empty() ? when + "no job that needs " + printable(needs_text(needs)) + " waits, so this one runs.\n"
                        : text;
}

// The jobs above one, as far as they keep it from running.
class Above {
public:
    Above(const RunSoFar& run, const std::string& pipeline_instance) {
        for (const JobRow& row : *run.rows)
            if (row.pipeline == run.plan->name && row.pipeline_instance == pipeline_instance)
                ended_.emplace(key(row.name, row.number), row.status);
    }

    void look(const Plan& plan, TemplateIndex t, std::uint32_t instance) {
        for (const Edge& edge : plan.edges) {
            if (edge.consumer != t) continue;
            const JobTemplate& producer = plan.templates[edge.producer.value];
            for (std::uint32_t i = 0; i < producer.count; ++i) {
                if (edge.relation == Relation::twin && i != instance) continue;
                if (edge.relation == Relation::group && plan.groupings[edge.grouping].consumer_of[i] != instance)
                    continue;
                const auto found = ended_.find(key(producer.name, i));
                const bool over = found != ended_.end() && found->second >= JobStatus::succeeded;
                if (over && (edge.when == When::ended || found->second == JobStatus::succeeded)) continue;
                over ? ++failed_ : ++waiting_;
                std::vector<std::string>& names = over ? failed_names_ : waiting_names_;
                if (names.size() < kShown) names.push_back(job_label(producer, i));
            }
        }
    }

    std::uint64_t waiting() const { return waiting_; }
    std::uint64_t failed() const { return failed_; }
    std::string waiting_text() const { return listed(waiting_names_, waiting_); }
    std::string failed_text() const { return listed(failed_names_, failed_); }

private:
    static std::string key(const std::string& name, std::uint32_t number) {
        return name + "#" + std::to_string(number);
    }
    static std::string listed(const std::vector<std::string>& names, std::uint64_t all) {
        std::string text;
        for (const std::string& name : names) text += (text.empty() ? "" : ", ") + printable(name);
        if (all > names.size()) text += " and " + count_text(all - names.size()) + " more";
        return text;
    }

    std::unordered_map<std::string, JobStatus> ended_;
    std::uint64_t waiting_ = 0, failed_ = 0;
    std::vector<std::string> waiting_names_, failed_names_;
};

std::string state_text(const RunSoFar& run) {
    switch (run.state) {
        case RunSoFar::State::goes_on:
            return "The run goes on (" + run.owner +
                   "). What is said here is as far as its results are durable: about a second ago.\n";
        case RunSoFar::State::ended:
            return "The run is over, or was interrupted: nothing of it runs now.\n";
        case RunSoFar::State::unknown:
            break;
    }
    return "Whether the run still goes on cannot be seen from here.\n";
}

}  // namespace

std::string why_text(const RunSoFar& run, const JobRow& row) {
    switch (row.status) {
        case JobStatus::failed:
            return failed_text(run, row);
        case JobStatus::skipped:
            return skipped_text(run, row);
        case JobStatus::succeeded:
            return succeeded_text(run, row);
        default:
            return again_text(run, row);
    }
}

std::string why_not_yet_text(const RunSoFar& run, const std::string& pipeline_instance, const JobTemplate& job,
                             std::uint32_t instance) {
    const Plan& plan = *run.plan;
    const std::string of = plan.name + (pipeline_instance.empty() ? "" : "[" + pipeline_instance + "]");
    std::string text = printable(of + "/" + job_label(job, instance)) + " has not ended";
    if (plan.is_stream()) return text + ": it is a stage of a stream.\n" + state_text(run);
    Above above(run, pipeline_instance);
    above.look(plan, TemplateIndex(static_cast<std::uint32_t>(&job - plan.templates.data())), instance);
    if (above.failed() != 0) {
        text += ", and will be skipped: " + above.failed_text() + " did not succeed.\n";
    } else if (above.waiting() != 0) {
        text += ". It waits for " + counted(above.waiting(), "job") + " that " +
                (above.waiting() == 1 ? "has" : "have") + " not ended: " + above.waiting_text() + ".\n";
    } else {
        const bool over = run.state == RunSoFar::State::ended;
        text += std::string(over ? ". All it follows had when the run ended: it was running then, or waited for "
                                 : ". All it follows has ended: it runs, or waits for ") +
                (job.resources.simple() ? std::string("a free slot")
                                        : "what it needs (" + printable(needs_text(job.resources)) + ")") +
                ".\n";
        text += waiting_text(run, job.resources, plan.name + "/" + job.name);
    }
    return text + state_text(run);
}

}  // namespace penstock
