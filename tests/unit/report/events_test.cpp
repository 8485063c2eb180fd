#include "report/events.hpp"
#include "report/observer_list.hpp"
#include "support/temporary_path.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace penstock {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

// A pipeline of `download` (one job) and `simulate` (three, for seed 0 to 2).
PipelineContext sweep() {
    auto plan = std::make_shared<Plan>();
    plan->name = "sweep";
    JobTemplate download;
    download.name = "download";
    download.worker = "Downloader";
    JobTemplate simulate;
    simulate.name = "simulate";
    simulate.worker = "command";
    simulate.first_job = JobIndex(1);
    simulate.count = 3;
    auto seeds = std::make_shared<ForEach>();
    seeds->dimensions = {{Axis{"seed", Range{0, 1, 3}}}};
    simulate.for_each = seeds;
    plan->templates = {download, simulate};
    plan->job_count = 4;
    PipelineContext context{plan, {}};
    context.info.id = PipelineId(7);
    context.info.instance = "url=\"x\"";
    return context;
}

std::vector<Json> lines_of(const fs::path& file) {
    std::vector<Json> lines;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
    return lines;
}

EventPipe::Options to(const fs::path& target) {
    EventPipe::Options options;
    options.target = target;
    options.patience_s = 0.2;
    return options;
}

TEST(Events, EachJobAndPipelineIsALineOfJson) {
    const fs::path file = test::temporary_path("lines");
    const PipelineContext context = sweep();
    EventWriter events(to(file));
    EXPECT_TRUE(events.wants_jobs());
    events.started("X.h5", "X.h5.run");
    events.jobs_ended({&context, JobIndex(0), 1, JobStatus::succeeded, 1, 2, ""});
    events.jobs_ended({&context, JobIndex(1), 2, JobStatus::succeeded, 1, 3, ""});
    events.jobs_ended({&context, JobIndex(3), 1, JobStatus::failed, 4, 3, "said \"no\"\nand \xff"});
    events.pipeline_ended({&context, JobStatus::failed, 3, 1, 0, 1.25});
    RunSummary summary;
    summary.progress.jobs = 4;
    summary.progress.succeeded = 3;
    summary.progress.failed = 1;
    EXPECT_EQ(events.finished(summary, 1, true), "");

    const auto lines = lines_of(file);
    ASSERT_EQ(lines.size(), 7u);
    EXPECT_EQ(lines[0], Json::parse(R"({"event":"start","results":"X.h5","run":"X.h5.run"})"));
    EXPECT_EQ(lines[1],
              Json::parse(R"({"event":"job","pipeline":"sweep","pipeline_id":7,"pipeline_instance":"url=\"x\"",
        "name":"download","worker":"Downloader","instance":"","status":"succeeded","attempt":1,"broker":2})"));
    EXPECT_EQ(lines[2]["instance"], "seed=0");
    EXPECT_EQ(lines[3]["instance"], "seed=1");
    EXPECT_EQ(lines[4],
              Json::parse(R"({"event":"job","pipeline":"sweep","pipeline_id":7,"pipeline_instance":"url=\"x\"",
        "name":"simulate","worker":"command","instance":"seed=2","status":"failed","attempt":4,"broker":3,
        "error":"said \"no\"\nand �"})"));
    EXPECT_EQ(lines[5], Json::parse(R"({"event":"pipeline","pipeline":"sweep","pipeline_id":7,
        "pipeline_instance":"url=\"x\"","status":"failed","succeeded":3,"failed":1,"skipped":0,"duration_s":1.25})"));
    EXPECT_EQ(lines[6], Json::parse(R"({"event":"end","status":"failed","exit_code":1,"jobs":4,"succeeded":3,"failed":1,
        "skipped":0,"streams":0,"streams_failed":0,"collected":true})"));
}

TEST(Events, AnAttemptThatIsMadeAgainIsALineOfItsOwn) {
    const fs::path file = test::temporary_path("attempts");
    const PipelineContext context = sweep();
    EventWriter events(to(file));
    events.attempt_failed({&context, JobIndex(3), 1, JobStatus::ready, 2, 3, "busy"});
    events.jobs_ended({&context, JobIndex(3), 1, JobStatus::succeeded, 3, 4, ""});
    EXPECT_EQ(events.finished({}, 0, true), "");
    const auto lines = lines_of(file);
    ASSERT_EQ(lines.size(), 3u);
    EXPECT_EQ(lines[0],
              Json::parse(R"({"event":"attempt","pipeline":"sweep","pipeline_id":7,"pipeline_instance":"url=\"x\"",
        "name":"simulate","worker":"command","instance":"seed=2","status":"failed","attempt":2,"broker":3,
        "error":"busy"})"));
    EXPECT_EQ(lines[1]["event"], "job");
    EXPECT_EQ(lines[1]["attempt"], 3);
}

TEST(Events, AFifoNobodyReadsDoesNotHoldUpTheRun) {
    const fs::path fifo = test::temporary_path("unread");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const PipelineContext context = sweep();
    EventWriter events(to(fifo));
    for (int i = 0; i < 1000; ++i) events.jobs_ended({&context, JobIndex(1), 3, JobStatus::succeeded, 1, 2, ""});
    const std::string problem = events.finished({}, 0, true);
    EXPECT_EQ(problem, "3,001 lines of --events lost: the reader was too slow; read faster, or write to a file");
}

TEST(Events, AReaderThatComesLateStillGetsEverything) {
    const fs::path fifo = test::temporary_path("late");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const PipelineContext context = sweep();
    EventPipe::Options options = to(fifo);
    options.patience_s = 60;
    EventWriter events(options);
    for (int i = 0; i < 5000; ++i) events.jobs_ended({&context, JobIndex(1), 3, JobStatus::succeeded, 1, 2, ""});
    std::vector<Json> lines;
    std::thread reader([&] { lines = lines_of(fifo); });
    EXPECT_EQ(events.finished({}, 0, true), "");
    reader.join();  // which sees the end of the file now
    ASSERT_EQ(lines.size(), 15001u);
    EXPECT_EQ(lines.back()["event"], "end");
}

TEST(Events, WhatASlowReaderLostIsCountedInALine) {
    const fs::path fifo = test::temporary_path("slow");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    ASSERT_GE(reader, 0);
    EventPipe::Options options = to(fifo);
    options.max_pending_bytes = 2000;
    options.patience_s = 60;
    EventPipe pipe(options);
    const std::string line = "{\"n\":\"" + std::string(990, 'x') + "\"}\n";
    constexpr std::uint64_t kLines = 2000;  // more than the pipe (64 KiB) and the bound hold
    for (std::uint64_t i = 0; i < kLines; ++i) pipe.push(line);

    // Now the reader wakes; what comes after says what is missing.
    std::string text;
    std::atomic<bool> seen = false;
    std::thread drain([&] {
        char buffer[65536];
        for (ssize_t n = 1; n != 0;) {
            n = ::read(reader, buffer, sizeof buffer);
            if (n > 0) text.append(buffer, static_cast<std::size_t>(n));
            if (text.find("the end") != std::string::npos) seen = true;
        }
    });
    while (!seen) {  // until there is room again
        pipe.push(std::string("{\"last\":\"the end\"}\n"));
        std::this_thread::yield();
    }
    pipe.close();
    drain.join();
    ::close(reader);
    std::istringstream in(text);
    std::uint64_t whole = 0;
    std::uint64_t lost = 0;
    for (std::string l; std::getline(in, l);) {
        const Json json = Json::parse(l);
        if (json.contains("n")) ++whole;
        if (json.contains("lines")) lost += json["lines"].get<std::uint64_t>();
    }
    EXPECT_GE(lost, kLines - whole);
    EXPECT_LT(whole, kLines);
}

TEST(Events, AReaderThatGoesAwayIsToldOnceAndEndsNothing) {
    std::signal(SIGPIPE, SIG_IGN);
    const fs::path fifo = test::temporary_path("gone");
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
    ASSERT_GE(reader, 0);
    EventPipe pipe(to(fifo));
    ::close(reader);
    pipe.push(std::string("{}\n"));
    EXPECT_EQ(pipe.close(), "1 line of --events lost: the reader went away");
}

TEST(Events, AFileThatCannotBeWrittenIsRefusedAtTheStart) {
    try {
        EventPipe pipe(to("/proc/none/events"));
        FAIL() << "no exception";
    } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(),
                     "cannot write events to /proc/none/events: No such file or directory; name a file or a "
                     "FIFO that can be written, or - for standard output, with --events");
    }
}

TEST(Events, AFullDiskIsTold) {
    EventPipe pipe(to("/dev/full"));
    pipe.push(std::string("{}\n"));
    EXPECT_EQ(pipe.close(), "1 line of --events lost: writing failed: No space left on device");
}

struct Counting : RunObserver {
    explicit Counting(bool wants) : wants_(wants) {}
    bool wants_jobs() const override { return wants_; }
    void jobs_ended(const JobsEnded&) override { ++jobs; }
    void message(Severity, std::string_view) override { ++messages; }
    bool wants_;
    int jobs = 0, messages = 0;
};

TEST(ObserverList, JobsGoOnlyToThoseWhoWantThem) {
    Counting wants(true), does_not(false);
    ObserverList none;
    none.add(does_not);
    EXPECT_FALSE(none.wants_jobs());
    ObserverList both;
    both.add(does_not);
    both.add(wants);
    EXPECT_TRUE(both.wants_jobs());
    both.jobs_ended({});
    both.message(Severity::info, "x");
    EXPECT_EQ(wants.jobs, 1);
    EXPECT_EQ(does_not.jobs, 0);
    EXPECT_EQ(wants.messages + does_not.messages, 2);
}

}  // namespace
}  // namespace penstock
