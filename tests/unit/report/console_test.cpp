#include "report/console.hpp"
#include "report/reporter.hpp"
#include "report/role_text.hpp"
#include "report/run_log.hpp"

#include "support/temporary_path.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace penstock {
namespace {

struct Screen {
    explicit Screen(std::size_t width)
        : console({[this](std::string_view text) { out += text; }, [width] { return width; }}) {}
    std::string out;
    Console console;
};

TEST(Console, ALineStandsAboveTheLiveLine) {
    Screen screen(80);
    screen.console.draw("1/3 done");
    screen.console.print("warning\n");
    screen.console.draw("2/3 done");
    screen.console.draw("");
    EXPECT_EQ(screen.out, "\r\x1b[K1/3 done\r\x1b[Kwarning\n1/3 done\r\x1b[K2/3 done\r\x1b[K");
}

TEST(Console, WritesNoControlSequencesWhereNothingIsLive) {
    Screen screen(0);
    screen.console.draw("1/3 done");
    screen.console.print("warning\n");
    screen.console.draw("");
    EXPECT_EQ(screen.out, "warning\n");
}

TEST(RunLog, VerbosityDecidesWhatIsShown) {
    const auto shown = [](Verbosity verbosity) {
        Screen screen(0);
        RunLog log(screen.console, verbosity, "");
        log.write(Severity::debug, "details");
        log.write(Severity::info, "news");
        log.write(Severity::warning, "odd");
        log.write(Severity::error, "bad\x1b[2J");
        return screen.out;
    };
    EXPECT_EQ(shown(Verbosity::quiet), "penstock: warning: odd\npenstock: error: bad\\x1b[2J\n");
    EXPECT_EQ(shown(Verbosity::normal), "penstock: news\n" + shown(Verbosity::quiet));
    EXPECT_EQ(shown(Verbosity::verbose), "penstock: details\n" + shown(Verbosity::normal));
}

TEST(RunLog, TheFileGetsEverythingWithItsTimeAndIsAppendedTo) {
    const std::filesystem::path file = test::temporary_path("run_log");
    for (int i = 0; i < 2; ++i) {
        Screen screen(0);
        RunLog log(screen.console, Verbosity::quiet, file);
        log.write(Severity::debug, "details");
        log.write_to_file("only here");
        EXPECT_EQ(screen.out, "");
    }
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    std::string line;
    std::vector<std::string> ends;
    while (std::getline(text, line)) ends.push_back(line.substr(24));
    EXPECT_EQ(ends,
              (std::vector<std::string>{"debug: details", "info: only here", "debug: details", "info: only here"}));
}

TEST(RunLog, AFileThatCannotBeWrittenIsToldWithItsReason) {
    Screen screen(0);
    try {
        RunLog log(screen.console, Verbosity::normal, "/proc/none/x.log");
        FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("/proc/none/x.log"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("--log-file"), std::string::npos) << error.what();
    }
}

TEST(RoleText, OneLineARole) {
    EXPECT_EQ(roles_text({{0, "router", "node1", 4711, 0},
                          {1, "pipeliner", "node1", 4712, 0},
                          {10, "broker", "node2", 99, 16},
                          {11, "broker", "node3", 100, 1}}),
              "router      0  node1  pid 4711\n"
              "pipeliner   1  node1  pid 4712\n"
              "broker     10  node2  pid 99    16 slots\n"
              "broker     11  node3  pid 100     1 slot\n");
}

TEST(Reporter, QuietShowsNeitherRolesNorProgress) {
    Screen screen(80);
    RunLog log(screen.console, Verbosity::quiet, "");
    Reporter reporter(screen.console, log, Verbosity::quiet);
    reporter.roles({{0, "router", "node1", 4711, 0}});
    Progress progress;
    progress.jobs = 3;
    reporter.progress(progress);
    reporter.message(Severity::warning, "odd");
    reporter.ended({});
    EXPECT_EQ(screen.out, "penstock: warning: odd\n");
}

TEST(Reporter, ShowsRolesAndWithVerboseEachPipeline) {
    Screen screen(0);
    RunLog log(screen.console, Verbosity::verbose, "");
    Reporter reporter(screen.console, log, Verbosity::verbose);
    reporter.roles({{0, "router", "node1", 1, 0}});
    auto plan = std::make_shared<Plan>();
    plan->name = "sweep";
    PipelineContext context{plan, {}};
    context.info.instance = "url=x";
    reporter.pipeline_ended({&context, JobStatus::failed, 5, 2, 1, 1.5});
    reporter.stop();
    EXPECT_EQ(screen.out,
              "router  0  node1  pid 1\n"
              "penstock: sweep (url=x): failed, 8 jobs in 1.5 s, 2 failed, 1 skipped\n");
}

TEST(Reporter, LeavesNoLiveLineBehind) {
    Screen screen(80);
    RunLog log(screen.console, Verbosity::normal, "");
    Reporter reporter(screen.console, log, Verbosity::normal);
    Progress progress;
    progress.jobs = 3;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        progress.jobs = i;
        reporter.progress(progress);
    }
    reporter.ended({});
    const std::size_t last_erase = screen.out.rfind("\r\x1b[K");
    if (last_erase != std::string::npos)
        EXPECT_EQ(screen.out.substr(last_erase), "\r\x1b[K");
    else
        EXPECT_EQ(screen.out, "") << "the thread never came to draw";
}

}  // namespace
}  // namespace penstock
