#include "cli/plan_commands.hpp"

#include "cli/definitions.hpp"
#include "cli/fit.hpp"
#include "cli/for_each_feeder.hpp"
#include "cli/plan_text.hpp"
#include "cli/run_plans.hpp"
#include "language/dot.hpp"
#include "report/text.hpp"
#include "run/layout.hpp"
#include "store/results.hpp"

#include <ostream>
#include <set>

namespace penstock {

namespace {

// Takes every pipeline and runs none, for checking the lines of --for-each.
class NoFeed : public Feed {
public:
    PipelineId submit(Submission submission) override {
        jobs += submission.plan->job_count;
        return PipelineId(++pipelines);
    }
    void close() override {}

    std::uint32_t pipelines = 0;
    std::uint64_t jobs = 0;
};

int check_lines(const DefinitionSource& source, const Definitions& definitions, Streams& streams) {
    NoFeed feed;
    Submitter submitter(feed, nullptr);
    LineReader reader(source.for_each);
    const auto complain = [&](const std::string& text) { streams.err << text << (text.ends_with('\n') ? "" : "\n"); };
    const ForEachReport report = feed_lines(reader, definitions.plans, source.for_each_key, submitter, complain);
    streams.out << "--for-each " << printable(reader.name()) << "\n  " << counted(feed.pipelines, "pipeline") << ", "
                << counted(feed.jobs, "job") << "\n";
    return report.bad_lines == 0 ? kExitSucceeded : kExitUsage;
}

// What jobs ask for that this machine, alone, does not have. No error: the run may be elsewhere.
void tell_unmet(const CheckCommand& command, const Definitions& definitions, std::ostream& out) {
    const Launch here = lay_out({facts_of_this_process()}, 0, 1, command.slots).launch;
    const HostLedger hosts = hosts_of(here, command.resources);
    std::vector<std::string> problems;
    for (const auto& plan : definitions.plans) {
        const auto more = jobs_that_fit_nowhere(*plan, hosts);
        problems.insert(problems.end(), more.begin(), more.end());
        if (const auto problem = more.empty() ? stream_that_never_fits(*plan, hosts) : std::nullopt)
            problems.push_back(*problem);
    }
    if (problems.empty()) return;
    out << "started on this machine alone, with the options given here, a run would be refused:\n";
    for (const std::string& problem : problems) out << "  " << problem << "\n";
}

// Outcomes of one plan, by template.
Outcomes outcomes_of(const Plan& plan, const std::vector<JobRow>& rows) {
    std::map<std::string, std::uint32_t> index;
    for (std::uint32_t i = 0; i < plan.templates.size(); ++i) index[plan.templates[i].name] = i;
    Outcomes outcomes;
    for (const JobRow& row : rows) {
        const auto found = row.pipeline == plan.name ? index.find(row.name) : index.end();
        if (found == index.end()) continue;
        TemplateOutcome& outcome = outcomes[found->second];
        if (row.status == JobStatus::succeeded) ++outcome.succeeded;
        if (row.status == JobStatus::failed) ++outcome.failed;
        if (row.status == JobStatus::skipped) ++outcome.skipped;
    }
    return outcomes;
}

int dot_of_run(const DotCommand& command, const WorkerTypes& types, Streams& streams) {
    const auto results = Results::open(command.run);
    const auto plans = plans_of(*results, types, streams);
    if (plans.empty()) {
        streams.err
            << "penstock dot: the definitions of this run cannot be read by this program; draw the FILE instead\n";
        return kExitUsage;
    }
    const std::vector<JobRow> rows = results->jobs();
    for (const auto& plan : plans) {
        const Outcomes outcomes = outcomes_of(*plan, rows);
        write_dot(*plan, streams.out, &outcomes);
    }
    return kExitSucceeded;
}

}  // namespace

int run_check(const CheckCommand& command, const WorkerTypes& types, bool store_provides_keys, Streams& streams) {
    const Definitions definitions = load_definitions(command.source, types, store_provides_keys, streams);
    streams.err << definitions.problems;
    if (!definitions.ok) return kExitUsage;
    streams.out << plans_text(definitions.plans);
    tell_unmet(command, definitions, streams.out);
    return command.source.for_each.empty() ? kExitSucceeded : check_lines(command.source, definitions, streams);
}

int run_dot(const DotCommand& command, const WorkerTypes& types, Streams& streams) {
    if (!command.run.empty()) return dot_of_run(command, types, streams);
    DefinitionSource source = command.source;
    source.for_each = "any";  // keys a line would give are no problem for a drawing
    const Definitions definitions = load_definitions(source, types, true, streams);
    streams.err << definitions.problems;
    if (!definitions.ok) return kExitUsage;
    for (const auto& plan : definitions.plans) write_dot(*plan, streams.out);
    return kExitSucceeded;
}

}  // namespace penstock
