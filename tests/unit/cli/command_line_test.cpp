#include "cli/command_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

std::vector<std::string> words(const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> out;
    for (std::string word; in >> word;) out.push_back(word);
    return out;
}

Command parse(const std::string& line) { return parse_command_line(words(line), {}); }

template <class C>
C parsed(const std::string& line, const ProgramInfo& program = {}) {
    const Command command = parse_command_line(words(line), program);
    if (const auto* text = std::get_if<ShowText>(&command)) ADD_FAILURE() << line << ": " << text->text;
    return std::get<C>(command);
}

std::string refused(const std::string& line) {
    const Command command = parse(line);
    const auto* text = std::get_if<ShowText>(&command);
    if (!text) {
        ADD_FAILURE() << "not refused: " << line;
        return "";
    }
    EXPECT_EQ(text->exit_code, 2) << line;
    return text->text;
}

TEST(CommandLine, RunHasItsDefaults) {
    const auto run = parsed<RunCommand>("run a.yaml");
    EXPECT_THAT(run.source.files, ElementsAre("a.yaml"));
    EXPECT_EQ(run.output, "");
    EXPECT_EQ(run.pipeliners, 1u);
    EXPECT_EQ(run.slots, std::nullopt);
    EXPECT_EQ(run.verbosity, Verbosity::normal);
    EXPECT_EQ(run.source.for_each_key, "item");
    EXPECT_FALSE(run.force || run.fail_fast || run.dry_run || run.no_collect);
}

TEST(CommandLine, RunTakesEveryOption) {
    const auto run = parsed<RunCommand>(
        "run a.yaml b.json -o X.h5 --pipeliners 4 --slots 16 --resources matlab=2,gpu=1 --set n=1 c.yaml --set m=[1,2] "
        "--resources licence=0 --for-each urls.txt --for-each-key url --store json:out --force --fail-fast --dry-run "
        "--no-collect --events - -v --log-file log.txt");
    EXPECT_THAT(run.source.files, ElementsAre("a.yaml", "b.json", "c.yaml"));
    EXPECT_EQ(run.output, "X.h5");
    EXPECT_EQ(run.pipeliners, 4u);
    EXPECT_EQ(run.slots, 16u);
    EXPECT_THAT(run.resources, ElementsAre(Pair("gpu", 1), Pair("licence", 0), Pair("matlab", 2)));
    EXPECT_THAT(run.source.set, ElementsAre("n=1", "m=[1,2]"));
    EXPECT_EQ(run.source.for_each, "urls.txt");
    EXPECT_EQ(run.source.for_each_key, "url");
    EXPECT_EQ(run.store, "json:out");
    EXPECT_TRUE(run.force && run.fail_fast && run.dry_run && run.no_collect);
    EXPECT_EQ(run.events, "-");
    EXPECT_EQ(run.verbosity, Verbosity::verbose);
    EXPECT_EQ(run.log_file, "log.txt");
}

TEST(CommandLine, AnOptionTakesOneValueAndLeavesTheNextFileAlone) {
    EXPECT_THAT(parsed<RunCommand>("run --set n=1 a.yaml").source.files, ElementsAre("a.yaml"));
    EXPECT_THAT(parsed<RunCommand>("run --resources m=1 a.yaml").source.files, ElementsAre("a.yaml"));
    EXPECT_THAT(parsed<RunCommand>("run -q - --set a=b=c").source.set, ElementsAre("a=b=c"));
}

TEST(CommandLine, TheOtherCommands) {
    EXPECT_THAT(parsed<CheckCommand>("check a b --set k=v --resources m=1").source.files, ElementsAre("a", "b"));
    EXPECT_EQ(parsed<DotCommand>("dot --run X.h5").run, "X.h5");
    const auto table = parsed<TableCommand>("table X.h5 p/j --csv");
    EXPECT_EQ(table.run + " " + table.job, "X.h5 p/j");
    EXPECT_EQ(table.form, TableForm::csv);
    EXPECT_EQ(parsed<LogCommand>("log X.h5 p/j[a=1]").job, "p/j[a=1]");
    EXPECT_EQ(parsed<CollectCommand>("collect X.h5 -o Y.h5").output, "Y.h5");
    const auto jobs = parsed<JobsCommand>("jobs X.h5 --failed --status skipped -n 3 --worker w --pipeline p --json");
    EXPECT_THAT(jobs.statuses, testing::UnorderedElementsAre("failed", "skipped"));
    EXPECT_EQ(jobs.limit, 3u);
    EXPECT_EQ(jobs.form, TableForm::json);
    const auto doctor = parsed<DoctorCommand>("doctor /scratch --json --launcher mpirun");
    EXPECT_EQ(doctor.folder + " " + doctor.launcher, "/scratch mpirun");
    EXPECT_TRUE(doctor.json);
    EXPECT_EQ(parsed<DoctorRankCommand>("doctor-rank hello there").mode, "hello");
    parsed<WorkersCommand>("workers");
}

TEST(CommandLine, WhatIsLaunchedIsNotLookedInto) {
    const auto launched = [](const std::string& line) { return std::get<LaunchCommand>(parse(line)); };
    const LaunchCommand launch = launched("launch x.h5 mpirun -n 4 --help penstock run d.yaml -o x.h5 -- a");
    EXPECT_EQ(launch.run, "x.h5");
    EXPECT_THAT(launch.command, testing::ElementsAre("mpirun", "-n", "4", "--help", "penstock", "run", "d.yaml", "-o",
                                                     "x.h5", "--", "a"));
    EXPECT_THAT(launched("launch x.h5 -- -odd name").command, testing::ElementsAre("-odd", "name"));
    EXPECT_THAT(std::get<ShowText>(parse("launch x.h5")).text,
                testing::HasSubstr("no COMMAND given: say what to start"));
    EXPECT_THAT(std::get<ShowText>(parse("launch x.h5 --")).text, testing::HasSubstr("no COMMAND given"));
    EXPECT_THAT(std::get<ShowText>(parse("launch")).text, testing::HasSubstr("RUN is required"));
    EXPECT_EQ(std::get<ShowText>(parse("launch x.h5 --help")).exit_code, 0);
}

TEST(CommandLine, TheWalltimeIsATimeOrNone) {
    const auto run = parsed<RunCommand>("run a --walltime 2h");
    EXPECT_EQ(run.walltime.time_s, 7200);
    EXPECT_FALSE(run.walltime.margin_s);
    const auto none = parsed<RunCommand>("run a --walltime none --walltime-margin 30");
    EXPECT_EQ(none.walltime.walltime, "none");
    EXPECT_FALSE(none.walltime.time_s);
    EXPECT_EQ(none.walltime.margin_s, 30);
}

TEST(CommandLine, WhatIsWrongIsSaidWithAWayOut) {
    const std::pair<const char*, const char*> cases[] = {
        {"rnu x", "penstock: unknown command `rnu`; did you mean run?\n"},
        {"a.yaml", "penstock: unknown command `a.yaml`; did you mean penstock run a.yaml?\n"},
        {"run", "penstock run: no definition FILE given; name one or several, or - for standard input\n"},
        {"run --pipliners 3 a", "penstock run: unknown option --pipliners; did you mean --pipeliners?\n"},
        {"run a --slots 0", "--slots: `0` is not a number of slots: give a whole number from 1 to 65536\n"},
        {"run a --slots 1.5", "--slots: `1.5` is not a number of slots"},
        {"run a --slots -1", "--slots: `-1` is not a number of slots"},
        {"run a --pipeliners 99999999999999999999",
         "--pipeliners: `99999999999999999999` is not a number of pipeliners"},
        {"run a --walltime soon", "--walltime: `soon` is not a time, nor none; give "},
        {"run a --walltime-margin none", "--walltime-margin: `none` is not a time; give "},
        {"run a --set b", "--set: `b` is not KEY=VALUE, such as --set n=100\n"},
        {"run a --set =b", "--set: `=b` is not KEY=VALUE"},
        {"run a --resources m", "--resources: `m` is not NAME=N with a whole number N, such as --resources matlab=2\n"},
        {"run a --resources m=x", "--resources: `m=x` is not NAME=N"},
        {"run a --resources =1", "--resources: `=1` is not NAME=N"},
        {"run a --resources m=1 --resources m=2", "--resources: `m` is given twice\n"},
        {"run - -", "standard input (-) is given twice; it can be read once\n"},
        {"run - --for-each -", "both FILE and --for-each are standard input (-); put one of them into a file\n"},
        {"run a --for-each-key k", "--for-each-key requires --for-each\n"},
        {"run a -v -q", "excludes"},
        {"run -o", "--output: 1 required X.h5 missing\n"},
        {"check", "penstock check: no definition FILE given"},
        {"dot", "penstock dot: nothing to draw: name definition files, or a run with --run\n"},
        {"dot a --run X", "penstock dot: both FILE and --run are given; a graph is of one of them\n"},
        {"table X", "penstock table: JOB is required\n"},
        {"table X p/j --csv --json", "excludes"},
        {"jobs X --status done", "--status: `done` is no status of an ended job: succeeded, failed or skipped\n"},
        {"workers x", "penstock workers: unexpected argument `x`\n"},
        {"jobs X --faled", "unknown option --faled; did you mean --failed?\n"},
    };
    for (const auto& [line, problem] : cases) {
        const std::string text = refused(line);
        EXPECT_THAT(text, HasSubstr(problem)) << line;
        EXPECT_THAT(text, HasSubstr("\nTry: penstock")) << line;
    }
}

TEST(CommandLine, AnUnknownCommandIsAnsweredWithTheKnownOnes) {
    EXPECT_EQ(refused("frobnicate"),
              "penstock: unknown command `frobnicate`\n"
              "Commands: run, check, dot, table, log, collect, jobs, why, stages, doctor, launch, workers\n"
              "Try: penstock --help\n");
}

TEST(CommandLine, ControlCharactersOfTheCommandLineAreNotPassedOn) {
    const Command command = parse_command_line({"\x1b[2J"}, {});
    EXPECT_THAT(std::get<ShowText>(command).text, HasSubstr("`\\x1b[2J`"));
}

TEST(CommandLine, AProgramWithADriverNeedsNoFileAndNoCommand) {
    ProgramInfo program;
    program.name = "./my";
    program.has_driver = true;
    EXPECT_TRUE(parsed<RunCommand>("", program).source.files.empty());
    EXPECT_EQ(parsed<RunCommand>("-o X.h5", program).output, "X.h5");
    EXPECT_EQ(parsed<RunCommand>("run -o X.h5", program).output, "X.h5");
    EXPECT_EQ(parsed<JobsCommand>("jobs X.h5", program).run, "X.h5");
    const auto run = parsed<RunCommand>("--slots 2 -- first --second", program);
    EXPECT_EQ(run.slots, 2u);
    EXPECT_THAT(run.program_arguments, ElementsAre("first", "--second"));
    const Command help = parse_command_line({"--help"}, program);
    EXPECT_THAT(std::get<ShowText>(help).text, HasSubstr("Usage: ./my [OPTIONS] [COMMAND]"));
}

TEST(CommandLine, NothingAtAllShowsTheHelpAsAnError) {
    const auto text = std::get<ShowText>(parse(""));
    EXPECT_EQ(text.exit_code, 2);
    EXPECT_EQ(text.text, std::get<ShowText>(parse("--help")).text);
}

TEST(CommandLine, Version) {
    const auto text = std::get<ShowText>(parse("--version"));
    EXPECT_EQ(text.exit_code, 0);
    EXPECT_THAT(text.text, testing::MatchesRegex("penstock [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

// The help as people see it. After a deliberate change: PENSTOCK_UPDATE_GOLDEN=1 cli_test, then read the difference.
TEST(CommandLine, HelpReadsAsInTheGoldenFiles) {
    for (const std::string name :
         {"", "run", "check", "dot", "table", "log", "collect", "jobs", "why", "stages", "launch", "workers"}) {
        const std::string help = std::get<ShowText>(parse(name + " --help")).text;
        EXPECT_EQ(help, std::get<ShowText>(parse("help " + name)).text) << name;
        const std::string file = std::string(PENSTOCK_GOLDEN_DIR) + "/help" + (name.empty() ? "" : "_" + name) + ".txt";
        if (std::getenv("PENSTOCK_UPDATE_GOLDEN")) std::ofstream(file) << help;
        std::stringstream golden;
        golden << std::ifstream(file).rdbuf();
        EXPECT_EQ(help, golden.str()) << file;
        for (const std::string& line : {help}) {
            std::istringstream lines(line);
            for (std::string one; std::getline(lines, one);) EXPECT_LE(one.size(), 120u) << one;
        }
    }
}

}  // namespace
}  // namespace penstock
