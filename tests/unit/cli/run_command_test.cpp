// What `penstock run` does around the run itself, with a session that plays a script.
#include "cli/run_command.hpp"

#include "fakes.hpp"
#include "workers/builtin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <thread>

namespace penstock {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

// Ends every submitted pipeline at once.
class ScriptedSession : public Session {
public:
    ScriptedSession() {
        launch_.roles = {{0, "router+pipeliner+broker", "node1", 4711, 2}};
        launch_.hosts = {{"node1", 2, 1ull << 30, 2}};
    }
    const Launch& launch() const override { return launch_; }
    std::optional<RunRequest> agree(const std::optional<RunRequest>& request) override {
        agreed.push_back(request);
        return request;
    }
    RunSummary run(const RunRequest& request, RunObserver& observer, const Feeder& feeder) override {
        ran = request;
        if (breaks) throw std::logic_error("an invariant is broken");
        FakeFeed feed;
        feed.on_submit = [&](PipelineId id, const Submission& submission) {
            summary.progress.jobs += submission.plan->job_count;
            summary.progress.succeeded += submission.plan->job_count;
            ++summary.progress.pipelines;
            tell_ended(observer, id, submission);
        };
        std::thread([&] { feeder(feed); }).join();
        EXPECT_TRUE(feed.closed);
        summary.progress.succeeded -= summary.progress.failed;
        observer.ended(summary);
        return summary;
    }
    void close() override { closed = true; }

    RunSummary summary;
    bool breaks = false;
    bool closed = false;
    std::vector<std::optional<RunRequest>> agreed;
    std::optional<RunRequest> ran;

private:
    Launch launch_;
};

struct Run : testing::Test {
    Run() {
        fs::remove_all(folder);
        fs::create_directories(folder);
        command.output = folder / "X.h5";
        command.no_collect = true;
        define("penstock: 1\nname: small\njobs: {a: {worker: noop}, b: {worker: noop, after: a}}\n");
    }
    ~Run() override { fs::remove_all(folder); }

    void define(const std::string& text) {
        const fs::path file = folder / "definition.yaml";
        std::ofstream(file) << text;
        command.source.files = {file};
    }
    int run(Driver driver = nullptr) {
        const RunSetup setup{types, stores, std::move(driver), "penstock", {"penstock", "run", "definition.yaml"}};
        Console console({[this](std::string_view text) { shown += text; }, nullptr});
        return lead_run(command, choose_store(command.store, "", stores), setup, session, io.streams, console);
    }

    const fs::path folder = fs::path(testing::TempDir()) / ("run_command_test_" + std::to_string(::getpid()));
    const WorkerTypes types = builtin_worker_types();
    std::vector<NamedStore> stores;
    RunCommand command;
    ScriptedSession session;
    TestStreams io;
    std::string shown;
};

TEST_F(Run, AllSucceeded) {
    EXPECT_EQ(run(), 0);
    ASSERT_EQ(session.agreed.size(), 1u);
    EXPECT_TRUE(session.agreed[0]);
    EXPECT_TRUE(session.closed);
    EXPECT_THAT(shown, StartsWith("router+pipeliner+broker  0  node1  pid 4711  2 slots\n"));
    EXPECT_THAT(shown, HasSubstr("penstock: all 2 jobs succeeded\n"));
    EXPECT_THAT(shown, HasSubstr("results: not collected: --no-collect\n"));
    EXPECT_EQ(io.err.str(), "");
    EXPECT_EQ(io.out.str(), "");
}

TEST_F(Run, TheRequestCarriesWhatWasAskedFor) {
    command.pipeliners = 3;
    command.slots = 2;
    command.resources = {{"matlab", 2}};
    command.fail_fast = true;
    command.retry_delay_s = 7;
    command.crash_limit = 4;
    command.walltime = {"1 h", 3600.0, 60.0};
    EXPECT_EQ(run(), 0);
    ASSERT_TRUE(session.ran);
    EXPECT_EQ(session.ran->run_directory, folder / "X.h5.run");
    EXPECT_EQ(session.ran->pipeliners, 3u);
    EXPECT_EQ(session.ran->slots, 2u);
    EXPECT_EQ(session.ran->resources.at("matlab"), 2u);
    EXPECT_TRUE(session.ran->fail_fast);
    EXPECT_EQ(session.ran->retry_delay_s, 7);
    EXPECT_EQ(session.ran->crash_limit, 4u);
    EXPECT_GT(session.ran->ends_at, 0);
    EXPECT_EQ(session.ran->ends_by, "--walltime");
    EXPECT_EQ(session.ran->store, "");
}

TEST_F(Run, QuietSaysNothingWhenAllIsWell) {
    command.verbosity = Verbosity::quiet;
    EXPECT_EQ(run(), 0);
    EXPECT_EQ(shown, "");
}

TEST_F(Run, FailedJobs) {
    session.summary.progress.failed = 1;
    command.verbosity = Verbosity::quiet;
    EXPECT_EQ(run(), 1);
    EXPECT_THAT(shown, HasSubstr("penstock: 1 of 2 jobs succeeded, 1 failed\n")) << "also with -q";
}

TEST_F(Run, InterruptedOrNotStored) {
    session.summary.interrupted = true;
    EXPECT_EQ(run(), 75);
    EXPECT_THAT(shown, HasSubstr("penstock: interrupted"));
    session.summary = {};
    session.summary.fatal = "disk full";
    command.force = true;
    command.no_collect = false;
    EXPECT_EQ(run(), 75);
    EXPECT_THAT(shown, HasSubstr("the run could not go on: disk full"));
    EXPECT_THAT(shown, HasSubstr("results: not collected: the run is not over\n"));
}

TEST_F(Run, ABadDefinitionIsToldAndNothingIsMade) {
    define("penstock: 1\nname: small\njobs: {a: {worker: nop}}\n");
    EXPECT_EQ(run(), 2);
    ASSERT_EQ(session.agreed.size(), 1u);
    EXPECT_FALSE(session.agreed[0]) << "the other ranks are told to leave";
    EXPECT_FALSE(session.ran);
    EXPECT_THAT(io.err.str(), HasSubstr("definition.yaml:3:"));
    EXPECT_THAT(io.err.str(), HasSubstr("noop"));
    EXPECT_FALSE(fs::exists(folder / "X.h5.run"));
    EXPECT_EQ(shown, "");
}

TEST_F(Run, AJobTooBigForEveryHostIsRefusedWithALaunchThatHoldsIt) {
    define("penstock: 1\nname: small\njobs: {a: {worker: noop, cpus: 64}}\n");
    EXPECT_EQ(run(), 2);
    EXPECT_FALSE(session.ran);
    EXPECT_THAT(io.err.str(), HasSubstr("small/a cannot run in this launch: it needs 64 CPUs"));
    EXPECT_THAT(io.err.str(), HasSubstr("srun -n 3 --cpus-per-task=64 penstock run definition.yaml"));
    EXPECT_FALSE(fs::exists(folder / "X.h5.run"));
}

TEST_F(Run, DryRunSaysWhoIsWhereAndWhatWouldRun) {
    command.dry_run = true;
    EXPECT_EQ(run(), 0);
    EXPECT_FALSE(session.agreed.at(0));
    EXPECT_FALSE(session.ran);
    EXPECT_THAT(io.out.str(), StartsWith("router+pipeliner+broker  0  node1  pid 4711  2 slots\npipeline small\n"));
    EXPECT_THAT(io.out.str(), HasSubstr("workers: noop (2 jobs)\n"));
    EXPECT_FALSE(fs::exists(folder / "X.h5.run"));
}

TEST_F(Run, ResultsThatExistAreKeptUnlessForced) {
    EXPECT_EQ(run(), 0);
    session.ran.reset();
    EXPECT_EQ(run(), 2);
    EXPECT_FALSE(session.ran);
    EXPECT_THAT(io.err.str(), HasSubstr("X.h5"));
    EXPECT_THAT(io.err.str(), HasSubstr("--force"));
    command.force = true;
    session.summary = {};
    EXPECT_EQ(run(), 0);
    EXPECT_TRUE(session.ran);
}

TEST_F(Run, FilesThatCannotBeOpenedAreRefusedBeforeAnythingIsMade) {
    const auto refused = [&](const RunCommand& with, const std::string& about) {
        const RunCommand before = std::exchange(command, with);
        io.err.str("");
        EXPECT_EQ(run(), 2);
        EXPECT_THAT(io.err.str(), HasSubstr(about));
        EXPECT_FALSE(session.ran);
        EXPECT_FALSE(fs::exists(folder / "X.h5.run"));
        command = before;
    };
    RunCommand lines = command;
    lines.source.for_each = folder / "missing.txt";
    refused(lines, "missing.txt");
    RunCommand events = command;
    events.events = folder / "missing" / "events";
    refused(events, "--events");
    RunCommand log = command;
    log.log_file = "/proc/none/log";
    refused(log, "--log-file");
}

TEST_F(Run, ABadLineIsToldAndDoesNotStopTheRest) {
    std::ofstream(folder / "lines") << "x\n{\ny\n";
    command.source.for_each = folder / "lines";
    EXPECT_EQ(run(), 1);
    EXPECT_EQ(session.summary.progress.pipelines, 2u);
    EXPECT_THAT(shown, HasSubstr("lines:2:"));
    EXPECT_THAT(shown, HasSubstr("penstock: all 4 jobs succeeded in 2 pipelines\n"));
}

TEST_F(Run, EventsFrameTheRun) {
    command.events = folder / "events";
    EXPECT_EQ(run(), 0);
    std::ifstream in(folder / "events");
    std::vector<nlohmann::json> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0]["event"], "start");
    EXPECT_EQ(lines[0]["run"], (folder / "X.h5.run").string());
    EXPECT_EQ(lines[1]["pipeline"], "small");
    EXPECT_EQ(lines[2]["event"], "end");
    EXPECT_EQ(lines[2]["collected"], false);
}

TEST_F(Run, TheLogFileKeepsWhatWasSaid) {
    command.log_file = folder / "log";
    command.verbosity = Verbosity::quiet;
    EXPECT_EQ(run(), 0);
    std::stringstream text;
    text << std::ifstream(folder / "log").rdbuf();
    EXPECT_THAT(text.str(), HasSubstr("debug: small: succeeded, 2 jobs in 500 ms"));
    EXPECT_THAT(text.str(), HasSubstr("penstock: all 2 jobs succeeded"));
}

TEST_F(Run, ADriverThatThrowsCostsTheExitCode) {
    command.source.files.clear();
    EXPECT_EQ(run([](PipelineManager&) { throw std::runtime_error("no more ideas"); }), 1);
    EXPECT_THAT(shown, HasSubstr("error: the driver function of this program failed: no more ideas"));
    EXPECT_THAT(shown, HasSubstr("penstock: no jobs\n"));
}

TEST_F(Run, ADriverStartsPipelines) {
    command.source.files.clear();
    EXPECT_EQ(run([](PipelineManager& manager) {
                  const Pipeline pipeline = Pipeline("mine").add(Job("a", "noop"));
                  EXPECT_TRUE(manager.wait(manager.start(pipeline)).finished());
                  EXPECT_THROW(manager.start(Pipeline("big").add(Job("a", "noop").cpus(64))), PipelineError);
              }),
              0);
    EXPECT_THAT(shown, HasSubstr("penstock: 1 job succeeded\n"));
}

TEST_F(Run, ABrokenInvariantPassesThrough) {
    session.breaks = true;
    EXPECT_THROW(run(), std::logic_error);
}

class Flaky : public Store {
public:
    Document retrieve(const Scope&, const std::vector<std::string>&) override { return {}; }
    void save(const Scope&, std::string_view, const Document&) override {}
    void flush() override {}
    void finish() override { throw std::runtime_error("the database is gone"); }
};

TEST_F(Run, AStoreThatCannotFinishMeansResumeMe) {
    stores = {{"flaky", [](const std::string&) { return std::make_unique<Flaky>(); }}};
    command.store = "flaky:x";
    EXPECT_EQ(run(), 75);
    EXPECT_EQ(session.ran->store, "flaky:x");
    EXPECT_THAT(shown, HasSubstr("error: the store flaky:x could not bring its values together: the database is gone"));
}

TEST_F(Run, FollowersLeaveWhenNothingRunsAndElseTakePart) {
    class Follower : public ScriptedSession {
    public:
        std::optional<RunRequest> agree(const std::optional<RunRequest>&) override { return told; }
        RunSummary run(const RunRequest& request, RunObserver&, const Feeder& feeder) override {
            EXPECT_FALSE(feeder);
            EXPECT_TRUE(request.make_store);
            ran = request;
            return {};
        }
        std::optional<RunRequest> told;
    };
    const RunSetup setup{types, stores, nullptr, "penstock", {}};
    Follower follower;
    EXPECT_EQ(follow_run(setup, follower), 0);
    EXPECT_FALSE(follower.ran);
    follower.told = RunRequest{};
    EXPECT_EQ(follow_run(setup, follower), 0);
    EXPECT_TRUE(follower.ran);
}

}  // namespace
}  // namespace penstock
