#include "cli/command_options.hpp"

#include "report/text.hpp"
#include "value/quantity.hpp"

#include <algorithm>
#include <charconv>

namespace penstock {

namespace {

constexpr const char* kRunDescription = "Run pipelines and collect their results";
constexpr const char* kRunText =
    "Start it alone (everything in one process) or under a launcher: rank 0 is the router, ranks 1 to P are\n"
    "pipeliners, the rest are brokers, which run the jobs.\n"
    "\n"
    "  PROGRAM run word-count.yaml                # on this machine, results in word-count.h5\n"
    "  PROGRAM run sweep.yaml --dry-run           # who would be where; runs nothing\n"
    "  mpirun -n 8 PROGRAM run sweep.yaml -o sweep.h5 --set n=100\n"
    "  srun -n 512 PROGRAM run sweep.yaml --pipeliners 4\n"
    "  PROGRAM run page.yaml --for-each urls.txt --for-each-key url     # one pipeline a line\n"
    "\n"
    "While it runs and afterwards: PROGRAM jobs X.h5, PROGRAM table X.h5 PIPELINE/JOB, PROGRAM log X.h5 JOB.\n"
    "\n"
    "Exit codes: 0 all jobs succeeded; 1 some failed (or a line of --for-each was no good, or the program's driver\n"
    "function threw); 2 bad usage or definition, nothing was run; 70 a bug of Penstock; 75 interrupted, or results\n"
    "could not be stored: what is durable is kept.";

constexpr const char* kCheckDescription = "Validate definitions and say what a run would do";
constexpr const char* kCheckText =
    "Prints every problem with its place, the reason and what to do; else the number of jobs and edges, depth, width,\n"
    "critical path, and resources that this machine does not have. Exit code 0, or 2 when something is wrong.\n"
    "\n"
    "  PROGRAM check word-count.yaml\n"
    "  PROGRAM check sweep.yaml --set n=1000 --resources matlab=2\n"
    "  generate-pipeline | PROGRAM check -";

constexpr const char* kDotDescription = "Draw pipelines as a Graphviz graph";
constexpr const char* kDotText =
    "  PROGRAM dot word-count.yaml | dot -Tsvg > word-count.svg\n"
    "  PROGRAM dot --run X.h5 | dot -Tsvg > outcome.svg     # coloured by outcome";

constexpr const char* kTableDescription = "Print the results of one job, a row for each instance";
constexpr const char* kTableText =
    "Columns: the for-each parameters, then the values the job made. Works while the run goes on.\n"
    "\n"
    "  PROGRAM table X.h5 sweep/simulate\n"
    "  PROGRAM table X.h5 sweep/simulate --csv > simulate.csv";

constexpr const char* kLogDescription = "Print what a job printed and logged, each attempt";
constexpr const char* kLogText =
    "  PROGRAM log X.h5 word-count/download\n"
    "  PROGRAM log X.h5 'sweep/simulate[seed=0,beta=0.1]'\n"
    "  PROGRAM log X.h5 download          # when only one pipeline has such a job\n"
    "  PROGRAM log X.h5 titles/fetch      # of a stream's stage: all of its workers; titles/fetch#2 for one";

constexpr const char* kCollectDescription = "Bring the results of a run together in one HDF5 file";
constexpr const char* kCollectText =
    "A run does this at its end by itself. By hand it also works while the run goes on, and after a crash.\n"
    "\n"
    "  PROGRAM collect X.h5\n"
    "  PROGRAM collect X.h5 -o so-far.h5";

constexpr const char* kJobsDescription = "Print the table of jobs: status, duration, error";
constexpr const char* kJobsText =
    "  PROGRAM jobs X.h5 --failed\n"
    "  PROGRAM jobs X.h5 --worker command --limit 20\n"
    "  PROGRAM jobs X.h5 --failed --json | jq .error";

constexpr const char* kWhyDescription = "Say why a job failed, was skipped, or has not ended";
constexpr const char* kWhyText =
    "Of a failed job each attempt: when, where, and why it ended. Of one that was skipped the job that caused it. Of "
    "one\n"
    "that has not ended what it waits for, as far as that is durable. Works while the run goes on.\n"
    "\n"
    "  PROGRAM why X.h5 word-count/download\n"
    "  PROGRAM why X.h5 'simulate[seed=0,beta=0.1]'      # or simulate#17";

constexpr const char* kStagesDescription = "Print what the stages of streams have done: items, rates, waiting";
constexpr const char* kStagesText =
    "A line for each stage, over all of its workers: items it took and made, how many a second, and the parts of its\n"
    "time in which it was busy, blocked (no room behind it) and starved (no items). As JSON or CSV a row for each "
    "worker.\n"
    "\n"
    "  PROGRAM stages X.h5\n"
    "  PROGRAM stages X.h5 --csv > workers.csv";

constexpr const char* kDoctorDescription = "Try out what holds here: the file system, processes, the launcher and MPI";
constexpr const char* kDoctorText =
    "Renames, locks and syncs files in FOLDER (this one, if none is named; name the one that results go to), makes "
    "worker\n"
    "processes, and starts small launches, of which it kills parts. Says what holds, what it costs where something "
    "does\n"
    "not, and which options to give. Takes about half a minute. Exit code 0 when all that is needed holds, else 1.\n"
    "\n"
    "  PROGRAM doctor\n"
    "  PROGRAM doctor /scratch/me --launcher 'mpirun -n 4'      # words separated by spaces\n"
    "  salloc -N 2 PROGRAM doctor";

constexpr const char* kLaunchDescription = "Start a launcher and end when its run has, with the run's exit code";
constexpr const char* kLaunchText =
    "For job scripts. A launcher may stay when the run is over, or give another exit code, once a rank was lost or a\n"
    "signal came: Open MPI's mpirun does. This ends it then, and passes signals on.\n"
    "\n"
    "  PROGRAM launch X.h5 mpirun --enable-recovery -n 64 PROGRAM run sweep.yaml -o X.h5 --resume";

constexpr const char* kWorkersDescription = "List the worker types this program knows";
constexpr const char* kWorkersText =
    "A definition names a worker type for each job. Own types are C++ classes listed in Application<...>.";

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// For CLI11: "" = fine.
CLI::Validator whole_between(std::uint64_t low, std::uint64_t high, const std::string& unit) {
    return CLI::Validator(
        [=](std::string& text) -> std::string {
            const auto number = whole_number(text);
            if (number && *number >= low && *number <= high) return "";
            return "`" + printable(text) + "` is not a number of " + unit + ": give a whole number from " +
                   std::to_string(low) + " to " + std::to_string(high);
        },
        "");
}

// For CLI11: "" = fine.
std::string one_of_statuses(const std::string& text) {
    if (text == "succeeded" || text == "failed" || text == "skipped") return "";
    return "`" + printable(text) + "` is no status of an ended job: succeeded, failed or skipped";
}

constexpr std::uint64_t kMaxRanks = 1'000'000;
constexpr std::uint64_t kMaxSlots = 65'536;
constexpr double kMaxRetryDelay_s = 24 * 3600;
constexpr double kLeastBrokerTimeout_s = 1, kMaxBrokerTimeout_s = 24 * 3600;
constexpr std::uint64_t kMaxCrashes = 10'000;

void add_files(CLI::App& command, DefinitionSource& source) {
    command.add_option("FILE", source.files, "Definition files (YAML or JSON), - for standard input")->type_name("");
}

void add_set(CLI::App& command, DefinitionSource& source) {
    command.add_option("--set", source.set, "Override a key of the pipelines' `data`; may be given again")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
}

void add_for_each(CLI::App& command, DefinitionSource& source) {
    auto* for_each = command
                         .add_option("--for-each", source.for_each,
                                     "Submit the pipelines once for each line of FILE (- reads standard\n"
                                     "input as the run goes on); a line is a JSON object of data keys,\n"
                                     "or text")
                         ->type_name("FILE");
    command.add_option("--for-each-key", source.for_each_key, "The data key that a line of text sets (default item)")
        ->type_name("KEY")
        ->needs(for_each);
}

void add_machine(CLI::App& command, std::optional<std::uint32_t>& slots, std::vector<std::string>& resources) {
    command.add_option("--slots", slots, "Jobs a broker runs at once (default: the CPUs of its host, shared\nfairly)")
        ->type_name("N")
        ->check(whole_between(1, kMaxSlots, "slots"));
    command
        .add_option("--resources", resources,
                    "How much there is of what jobs ask for in `resources`, over the\nwhole run; may be given again")
        ->type_name("NAME=N")
        ->delimiter(',')
        ->allow_extra_args(false);
}

void add_run_argument(CLI::App& command, std::string& run) {
    command.add_option("RUN", run, "Results file X.h5 or run directory X.h5.run")->type_name("")->required();
}

void add_form(CLI::App& command, TableForm& form, const std::string& json_text) {
    auto* csv = command.add_flag_callback(
        "--csv", [&form] { form = TableForm::csv; }, "As comma-separated values");
    command
        .add_flag_callback(
            "--json", [&form] { form = TableForm::json; }, json_text)
        ->excludes(csv);
}

std::string store_text(const ProgramInfo& program) {
    std::string text = "Where values go: hdf5 (the results file), json:DIR (a JSON file a\npipeline)";
    for (const std::string& name : program.stores) text += ", " + name + ":SPEC";
    return text;
}

void declare_run(CLI::App& app, Commands& commands, const ProgramInfo& program) {
    RunCommand& run = commands.run;
    CLI::App& command = *app.add_subcommand("run", kRunDescription)->group("Commands");
    command.footer(with_program(kRunText, program.name));
    add_files(command, run.source);
    command.add_option("-o,--output", run.output, "Results file (default: the first pipeline's name with .h5)")
        ->type_name("X.h5");
    auto* force = command.add_flag("--force", run.force, "Replace results of that name");
    auto* resume =
        command
            .add_flag("--resume", run.resume,
                      "Go on with the run of that name: what is done and has not changed does\nnot run again")
            ->excludes(force);
    command.add_flag("--retry-failed", run.retry_failed, "With --resume: run jobs that failed again")->needs(resume);
    add_set(command, run.source);
    add_for_each(command, run.source);
    command
        .add_option("--pipeliners", run.pipeliners,
                    "Ranks that follow dependencies (default 1); more for thousands of\npipelines")
        ->type_name("P")
        ->check(whole_between(1, kMaxRanks, "pipeliners"));
    add_machine(command, run.slots, commands.resources);
    command.add_option("--store", run.store, store_text(program))->type_name("NAME[:SPEC]");
    command.add_flag("--fail-fast", run.fail_fast, "Start nothing more once a job has failed");
    command
        .add_option(
            "--retry-delay", run.retry_delay,
            "Pause before a job with `retries` is tried again (default 0.5 s);\ndoubles with each attempt, up to "
            "30 s")
        ->type_name("TIME");
    command
        .add_option("--crash-limit", run.crash_limit,
                    "A job that ends its worker process (a signal, exit) K times in a row\nis not tried again (default "
                    "3)")
        ->type_name("K")
        ->check(whole_between(1, kMaxCrashes, "crashes"));
    command
        .add_option("--walltime", run.walltime.walltime,
                    "So long this launch may take: what would not end in time is not\nstarted, and the exit code is 75 "
                    "(default: what Slurm says; none)")
        ->type_name("TIME");
    command
        .add_option("--walltime-margin", run.walltime_margin,
                    "So long before its end what still runs is ended (default: 5 % of it,\n2 s to 60 s)")
        ->type_name("TIME");
    command
        .add_option("--broker-timeout", run.broker_timeout,
                    "A rank that says nothing for so long is lost, and what it had runs\nelsewhere (default 30 s). The "
                    "launcher must let the others live:\nmpirun --enable-recovery")
        ->type_name("TIME");
    command.add_flag("--strict-slots", run.strict_slots,
                     "Refuse streams of which workers would share slots, because their\nstages have no `cpus`");
    command.add_flag("--dry-run", run.dry_run, "Say who would be where and what would run, and stop");
    command.add_flag("--no-collect", run.no_collect, "Leave results in the run directory");
    command
        .add_option("--events", run.events,
                    "Write each finished job and pipeline as a JSON line (- is standard\noutput); see docs/events.md")
        ->type_name("FILE");
    auto* verbose = command.add_flag_callback(
        "-v,--verbose", [&run] { run.verbosity = Verbosity::verbose; }, "Say more: each pipeline that ends, details");
    command
        .add_flag_callback(
            "-q,--quiet", [&run] { run.verbosity = Verbosity::quiet; }, "Say only what is wrong")
        ->excludes(verbose);
    command.add_option("--log-file", run.log_file, "Append every message to FILE")->type_name("FILE");
}

}  // namespace

std::string with_program(std::string text, const std::string& program) {
    constexpr std::string_view kPlaceholder = "PROGRAM";
    for (std::size_t at = text.find(kPlaceholder); at != std::string::npos; at = text.find(kPlaceholder, at)) {
        text.replace(at, kPlaceholder.size(), program);
        at += program.size();
    }
    return text;
}

void declare_commands(CLI::App& app, Commands& commands, const ProgramInfo& program) {
    declare_run(app, commands, program);
    const auto declare = [&](const char* name, const char* description, const char* text) -> CLI::App& {
        CLI::App& command = *app.add_subcommand(name, description)->group("Commands");
        command.footer(with_program(text, program.name));
        return command;
    };

    CLI::App& check = declare("check", kCheckDescription, kCheckText);
    add_files(check, commands.check.source);
    add_set(check, commands.check.source);
    add_for_each(check, commands.check.source);
    add_machine(check, commands.check.slots, commands.resources);
    check.add_option("--store", commands.check.store, store_text(program))->type_name("NAME[:SPEC]");

    CLI::App& dot = declare("dot", kDotDescription, kDotText);
    add_files(dot, commands.dot.source);
    add_set(dot, commands.dot.source);
    dot.add_option("--run", commands.dot.run, "Of a run, coloured by outcome")->type_name("RUN");

    CLI::App& table = declare("table", kTableDescription, kTableText);
    add_run_argument(table, commands.table.run);
    table.add_option("JOB", commands.table.job, "PIPELINE/JOB")->type_name("")->required();
    add_form(table, commands.table.form, "One JSON object a row");

    CLI::App& log = declare("log", kLogDescription, kLogText);
    add_run_argument(log, commands.log.run);
    log.add_option("JOB", commands.log.job, "[PIPELINE/]JOB, with [name=value,...] for an instance")
        ->type_name("")
        ->required();

    CLI::App& collect = declare("collect", kCollectDescription, kCollectText);
    add_run_argument(collect, commands.collect.run);
    collect.add_option("-o,--output", commands.collect.output, "Another file than the run's own")->type_name("X.h5");

    CLI::App& jobs = declare("jobs", kJobsDescription, kJobsText);
    add_run_argument(jobs, commands.jobs.run);
    jobs.add_option("--status", commands.jobs.statuses, "Only these: succeeded, failed, skipped; may be given again")
        ->type_name("STATUS")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(CLI::Validator(one_of_statuses, ""));
    jobs.add_flag_callback(
        "--failed", [&commands] { commands.jobs.statuses.push_back("failed"); }, "Only failed jobs");
    jobs.add_option("--pipeline", commands.jobs.pipeline, "Only of this pipeline")->type_name("NAME");
    jobs.add_option("--job", commands.jobs.job, "Only jobs of this name")->type_name("NAME");
    jobs.add_option("--worker", commands.jobs.worker, "Only of this worker type")->type_name("TYPE");
    jobs.add_option("-n,--limit", commands.jobs.limit, "At most N rows")->type_name("N");
    add_form(jobs, commands.jobs.form, "One JSON object a row");

    CLI::App& why = declare("why", kWhyDescription, kWhyText);
    add_run_argument(why, commands.why.run);
    why.add_option("JOB", commands.why.job, "[PIPELINE/]JOB, with [name=value,...] for an instance")
        ->type_name("")
        ->required();

    CLI::App& stages = declare("stages", kStagesDescription, kStagesText);
    add_run_argument(stages, commands.stages.run);
    add_form(stages, commands.stages.form, "One JSON object a worker");

    CLI::App& doctor = declare("doctor", kDoctorDescription, kDoctorText);
    doctor.add_option("FOLDER", commands.doctor.folder, "Where results would be")->type_name("");
    doctor
        .add_option("--launcher", commands.doctor.launcher,
                    "How launches are started (default: mpirun and srun, where there are)")
        ->type_name("WORDS");
    doctor.add_flag("--json", commands.doctor.json, "As JSON");
    CLI::App& rank = *app.add_subcommand(kDoctorRank)->group("");  // not shown
    rank.add_option("MODE", commands.doctor_rank.mode)->required();
    rank.add_option("FOLDER", commands.doctor_rank.folder)->required();

    CLI::App& launch = declare("launch", kLaunchDescription, kLaunchText);
    launch.add_option("RUN", commands.launch.run, "Results file X.h5 of the run (its -o)")->type_name("")->required();
    launch.add_option("COMMAND", "The launcher, with all that belongs to it")->type_name("...");

    declare("workers", kWorkersDescription, kWorkersText);
}

namespace {

std::string complete(const DefinitionSource& source, bool files_needed) {
    if (source.files.empty() && files_needed)
        return "no definition FILE given; name one or several, or - for standard input";
    const auto from_stdin = std::count(source.files.begin(), source.files.end(), "-");
    if (from_stdin > 1) return "standard input (-) is given twice; it can be read once";
    if (from_stdin == 1 && source.for_each == "-") {
        return "both FILE and --for-each are standard input (-); put one of them into a file";
    }
    for (const std::string& set : source.set) {
        const std::size_t equals = set.find('=');
        if (equals == std::string::npos || equals == 0) {
            return "--set: `" + printable(set) + "` is not KEY=VALUE, such as --set n=100";
        }
    }
    return "";
}

std::string parse_resources(const std::vector<std::string>& texts, NamedResources& resources) {
    for (const std::string& text : texts) {
        const std::size_t equals = text.find('=');
        const auto amount =
            equals == std::string::npos ? std::nullopt : whole_number(std::string_view(text).substr(equals + 1));
        if (equals == 0 || !amount) {
            return "--resources: `" + printable(text) +
                   "` is not NAME=N with a whole number N, such as --resources matlab=2";
        }
        if (!resources.emplace(text.substr(0, equals), *amount).second) {
            return "--resources: `" + printable(text.substr(0, equals)) + "` is given twice";
        }
    }
    return "";
}

std::string complete_walltime(RunCommand& run) {
    WalltimeChoice& choice = run.walltime;
    const auto problem = [](const char* option, const std::string& text, const char* or_none) {
        return std::string(option) + ": `" + printable(text) + "` is not a time" + or_none + "; give " +
               std::string(kDurationForm);
    };
    if (!choice.walltime.empty() && choice.walltime != "none") {
        choice.time_s = parse_duration_s(choice.walltime);
        if (!choice.time_s) return problem("--walltime", choice.walltime, ", nor none");
    }
    if (!run.walltime_margin.empty()) {
        choice.margin_s = parse_duration_s(run.walltime_margin);
        if (!choice.margin_s) return problem("--walltime-margin", run.walltime_margin, "");
    }
    return "";
}

}  // namespace

std::string complete(RunCommand& run, const std::vector<std::string>& resources, const ProgramInfo& program) {
    const std::string problem = complete(run.source, !program.has_driver);
    if (!problem.empty()) return problem;
    if (!run.source.for_each.empty() && run.source.files.empty()) {
        return "--for-each submits the pipelines of a FILE once for each line, and no FILE is given";
    }
    if (!run.retry_delay.empty()) {
        const auto seconds = parse_duration_s(run.retry_delay);
        if (!seconds || *seconds > kMaxRetryDelay_s)
            return "--retry-delay: `" + printable(run.retry_delay) + "` is not a time up to a day; give " +
                   std::string(kDurationForm);
        run.retry_delay_s = *seconds;
    }
    if (!run.broker_timeout.empty()) {
        const auto seconds = parse_duration_s(run.broker_timeout);
        if (!seconds || *seconds < kLeastBrokerTimeout_s || *seconds > kMaxBrokerTimeout_s)
            return "--broker-timeout: `" + printable(run.broker_timeout) + "` is not a time from 1 s to a day; give " +
                   "`30s` or `2min`";
        run.broker_timeout_s = *seconds;
    }
    const std::string problem_of_time = complete_walltime(run);
    return problem_of_time.empty() ? parse_resources(resources, run.resources) : problem_of_time;
}

std::string complete(CheckCommand& check, const std::vector<std::string>& resources) {
    const std::string problem = complete(check.source, true);
    return problem.empty() ? parse_resources(resources, check.resources) : problem;
}

std::string complete(const DotCommand& dot) {
    if (!dot.run.empty() && !dot.source.files.empty())
        return "both FILE and --run are given; a graph is of one of them";
    if (dot.run.empty() && dot.source.files.empty())
        return "nothing to draw: name definition files, or a run with --run";
    return complete(dot.source, false);
}

}  // namespace penstock
