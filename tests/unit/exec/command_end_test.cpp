// How commands end: outputs, exit codes, signals, cancellation, and what is left of them.
#include "command_harness.hpp"

#include <gmock/gmock.h>

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace penstock::command_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Map output(std::initializer_list<std::pair<const std::string, Value>> members) { return Map(members); }

std::size_t open_descriptors() { return entries("/proc/self/fd"); }

// Waits until a file is there and has content: a command's way to say how far it is.
std::string await_text(const fs::path& path) {
    while (true) {
        const std::string text = read_text(path);
        if (!text.empty() && text.back() == '\n') return text;
        ::usleep(1000);
    }
}

bool is_alive(pid_t process) {
    const std::string stat = read_text("/proc/" + std::to_string(process) + "/stat");
    return !stat.empty() && stat.find(") Z ") == std::string::npos;
}

void await_death(pid_t process) {
    while (is_alive(process)) ::usleep(1000);
}

// ---------------------------------------------------------------------------------------------- outputs

TEST(CommandOutputs, OfEveryForm) {
    CommandHarness harness;
    const char* script =
        "echo '{{\"energy\": -1.5, \"a/b\": [10, {{\"~\": \"deep\"}}]}}'; echo warning >&2; printf 'line\\n' > "
        "text.txt; "
        "echo '[1, 2]' > list.json; printf '\\001\\000\\002\\000\\003\\000\\004\\000' > raw.bin";
    const Document made = harness.outputs(
        {{"shell", script},
         {"outputs",
          Map{{"out", output({{"text", "stdout"}})},
              {"err", output({{"text", "stderr"}})},
              {"energy", output({{"json", "/energy"}})},
              {"deep", output({{"json", "/a~1b/1/~0"}})},
              {"text", output({{"file", "text.txt"}, {"as", "text"}})},
              {"list", output({{"file", "list.json"}, {"as", "json"}})},
              {"second", output({{"file", "list.json"}, {"as", "json"}, {"pointer", "/1"}})},
              {"bytes", output({{"file", "raw.bin"}, {"as", "bytes"}})},
              {"flat", output({{"file", "raw.bin"}, {"as", "array"}, {"dtype", "int16"}})},
              {"square",
               output({{"file", "raw.bin"}, {"as", "array"}, {"dtype", "int16"}, {"shape", List{"{n}", -1}}})}}}},
        {{"n", 2}});
    EXPECT_THAT(made.at("out").string(), HasSubstr("-1.5"));
    EXPECT_EQ(made.at("err"), Value("warning\n"));
    EXPECT_EQ(made.at("energy"), Value(-1.5));
    EXPECT_EQ(made.at("deep"), Value("deep"));
    EXPECT_EQ(made.at("text"), Value("line\n"));
    EXPECT_EQ(made.at("list"), Value(List{1, 2}));
    EXPECT_EQ(made.at("second"), Value(2));
    EXPECT_EQ(made.at("bytes").bytes().size(), 8u);
    EXPECT_EQ(made.at("flat"), Value(std::vector<std::int16_t>{1, 2, 3, 4}));
    EXPECT_EQ(made.at("square"), Value(Array::of<std::int16_t>({2, 2}, std::vector<std::int16_t>{1, 2, 3, 4})));
    EXPECT_EQ(made.size(), 10u);
    EXPECT_EQ(entries(harness.scratch_root()), 0u);
}

TEST(CommandOutputs, FilesAreMovedOnSuccess) {
    CommandHarness harness;
    const Document made = harness.outputs(
        {{"shell", "echo data > big.dat"},
         {"outputs", Map{{"big", output({{"file", "big.dat"}, {"as", "path"}, {"to", "kept/big-{x}.dat"}})}}}},
        {{"x", 7}});
    const fs::path destination = harness.definition_directory() / "kept/big-7.dat";
    EXPECT_EQ(read_text(destination), "data\n");
    struct stat facts {};
    ASSERT_EQ(::stat(destination.c_str(), &facts), 0);
    EXPECT_EQ(made.at("big"),
              Value(Map{{"path", destination.string()},
                        {"size", 5},
                        {"mtime", std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec}}));
    EXPECT_EQ(entries(harness.scratch_root()), 0u);
}

TEST(CommandOutputs, FilesMoveAcrossFileSystems) {
    struct stat memory {
    }, disk{};
    if (::stat("/dev/shm", &memory) != 0 || ::access("/dev/shm", W_OK) != 0) GTEST_SKIP() << "no /dev/shm";
    CommandHarness harness;
    ::stat(harness.root().c_str(), &disk);
    if (memory.st_dev == disk.st_dev) GTEST_SKIP() << "one file system only";
    const std::string target = "/dev/shm/penstock-test-" + std::to_string(::getpid()) + ".dat";
    const Document made =
        harness.outputs({{"shell", "head -c 3000000 /dev/zero > f; chmod 640 f"},
                         {"outputs", Map{{"f", output({{"file", "f"}, {"as", "path"}, {"to", target}})}}}});
    EXPECT_EQ(made.at("f").map().at("size"), Value(3000000));
    EXPECT_EQ(fs::file_size(target), 3000000u);
    ::stat(target.c_str(), &memory);
    EXPECT_EQ(memory.st_mode & 0777, 0640u);
    fs::remove(target);
    for (const auto& entry : fs::directory_iterator("/dev/shm"))
        EXPECT_THAT(entry.path().string(), Not(HasSubstr("penstock-test")));
}

TEST(CommandOutputs, NothingIsMovedWhenAnotherOutputIsBad) {
    CommandHarness harness;
    const OutcomeDetails details =
        harness.failure({{"shell", "echo data > a"},
                         {"outputs", Map{{"a", output({{"file", "a"}, {"as", "path"}, {"to", "a.dat"}})},
                                         {"z", output({{"json", "/z"}})}}}});
    EXPECT_EQ(details.reason, EndReason::bad_output);
    EXPECT_THAT(details.error, HasSubstr("output `z`: stdout is not JSON"));
    EXPECT_EQ(entries(harness.definition_directory()), 0u);
    EXPECT_EQ(entries(harness.scratch_root()), 1u);
}

TEST(CommandOutputs, WhatIsNotAsDeclaredIsNamed) {
    CommandHarness harness;
    auto error = [&](const char* script, const Map& form) {
        const OutcomeDetails details = harness.failure({{"shell", script}, {"outputs", Map{{"key", form}}}});
        EXPECT_EQ(details.reason, EndReason::bad_output) << details.error;
        EXPECT_THAT(details.error, HasSubstr("output `key`: "));
        return details.error;
    };
    EXPECT_THAT(error("echo nothing", output({{"json", "/x"}})),
                AllOf(HasSubstr("not JSON"), HasSubstr("it begins: nothing")));
    EXPECT_THAT(error("true", output({{"json", ""}})), HasSubstr("it is empty"));
    EXPECT_THAT(error("echo '{{\"y\": 1}}'", output({{"json", "/x"}})), HasSubstr("has nothing at `/x`"));
    EXPECT_THAT(error("echo '[1]'", output({{"json", "/01"}})), HasSubstr("has nothing at"));
    EXPECT_THAT(error("printf '\\377'", output({{"text", "stdout"}})), HasSubstr("not UTF-8"));
    EXPECT_THAT(error("true", output({{"file", "gone"}, {"as", "text"}})), HasSubstr("did not make the file"));
    EXPECT_THAT(error("mkdir gone", output({{"file", "gone"}, {"as", "text"}})), HasSubstr("not a regular file"));
    EXPECT_THAT(error("mkfifo gone", output({{"file", "gone"}, {"as", "bytes"}})), HasSubstr("not a regular file"));
    EXPECT_THAT(error("printf 12345 > f", output({{"file", "f"}, {"as", "array"}, {"dtype", "int16"}})),
                HasSubstr("has 5 bytes"));
    EXPECT_THAT(
        error("printf 123456 > f", output({{"file", "f"}, {"as", "array"}, {"dtype", "int16"}, {"shape", List{2, 2}}})),
        HasSubstr("has 6 bytes, which is not what int16 of shape [2, 2] needs (8 bytes)"));
    EXPECT_THAT(
        error("printf 1 > f", output({{"file", "f"}, {"as", "array"}, {"dtype", "int8"}, {"shape", List{0, -1}}})),
        HasSubstr("has 1 bytes"));
    EXPECT_THAT(error("echo no > f", output({{"file", "f"}, {"as", "npy"}})), HasSubstr("no .npy file"));
    EXPECT_THAT(error("true", output({{"file", "gone"}, {"as", "path"}, {"to", "x"}})),
                HasSubstr("did not make the file"));
}

TEST(CommandOutputs, AFileMayBeElsewhere) {
    CommandHarness harness;
    const Document made =
        harness.outputs({{"shell", "pwd > {launch-dir}/here"},
                         {"outputs", Map{{"x", output({{"file", "{launch-dir}/here"}, {"as", "text"}})},
                                         {"y", output({{"file", "{launch-dir}/here"}, {"as", "path"}})}}}});
    EXPECT_EQ(made.at("x"), Value(harness.launch_directory().string() + "\n"));
    EXPECT_EQ(made.at("y").map().at("path"), Value((harness.launch_directory() / "here").string()));
    EXPECT_FALSE(fs::exists(harness.scratch_root()));
}

// ---------------------------------------------------------------------------------------------- failures

TEST(CommandFailure, ShowsAShellScriptAsItIsWritten) {
    CommandHarness harness;
    const OutcomeDetails details = harness.failure({{"shell", "test {n} -ne 3\n"}, {"n", 3}});
    EXPECT_THAT(details.error, testing::StartsWith("the command `test {n} -ne 3` ended with exit code 1"));
}

TEST(CommandFailure, TellsTheExitCodeAndTheLastLines) {
    CommandHarness harness;
    const OutcomeDetails details =
        harness.failure({{"shell", "for i in $(seq 100); do echo line $i >&2; done; echo out; exit 7"}});
    EXPECT_EQ(details.reason, EndReason::exit_code);
    EXPECT_EQ(details.exit_code, 7);
    EXPECT_THAT(details.error, AllOf(HasSubstr("ended with exit code 7"), HasSubstr("\nline 91\n"),
                                     HasSubstr("line 100"), Not(HasSubstr("line 90\n")), Not(HasSubstr("out\n"))));
    EXPECT_THAT(harness.failure({{"argv", argv({"false"})}}).error, HasSubstr("wrote nothing"));
}

TEST(CommandFailure, TellsTheSignal) {
    CommandHarness harness;
    const OutcomeDetails details = harness.failure({{"shell", "echo dying >&2; kill -SEGV $$"}});
    EXPECT_EQ(details.reason, EndReason::signal);
    EXPECT_EQ(details.signal, SIGSEGV);
    EXPECT_THAT(details.error, AllOf(HasSubstr("SIGSEGV (Segmentation fault)"), HasSubstr("dying")));
}

TEST(CommandFailure, TellsWhyAProgramCannotRun) {
    CommandHarness harness;
    const fs::path place = harness.definition_directory();
    write_text(place / "data", "x");
    write_text(place / "no-interpreter", "#!/no/such/interpreter\n", true);
    write_text(place / "no-program", "neither\n", true);
    auto error = [&](const char* program) {
        const OutcomeDetails details = harness.failure({{"argv", argv({program})}});
        EXPECT_EQ(details.reason, EndReason::exception);
        return details.error;
    };
    EXPECT_THAT(error("no-such-program-anywhere"),
                AllOf(HasSubstr("`no-such-program-anywhere` was not found in PATH"), HasSubstr("Install it")));
    EXPECT_THAT(error("./missing"), AllOf(HasSubstr((place / "missing").string()), HasSubstr("No such file"),
                                          HasSubstr("beside the definition")));
    EXPECT_THAT(error("./data"), AllOf(HasSubstr("Permission denied"), HasSubstr("chmod +x")));
    EXPECT_THAT(error("./no-interpreter"), HasSubstr("interpreter"));
    EXPECT_THAT(error("./no-program"), HasSubstr("#!"));
}

TEST(CommandFailure, WrongParametersAreToldToo) {
    CommandHarness harness;
    EXPECT_THAT(harness.failure({{"argv", "ls -l"}}).error,
                HasSubstr("parameters of the command are wrong: `argv` must be a list"));
    Ticket ticket;
    ticket.id = 1000;
    ticket.pipeline = harness.job({{"argv", argv({"true"})}, {"stdin", "x"}});
    ticket.job = ticket.pipeline->plan->templates.data();
    harness.runner().start(0, std::move(ticket));
    EXPECT_EQ(harness.wait(1000).details->reason, EndReason::missing_key);
}

// ---------------------------------------------------------------------------------------------- logs and bounds

TEST(CommandLog, IsBoundedInTheOutcomeAndWholeInTheFile) {
    CommandHarness harness(1000);
    const Outcome outcome = harness.run({{"shell", "seq 100000"}});
    ASSERT_TRUE(outcome.succeeded);
    EXPECT_LT(outcome.details->log.size(), 1200u);
    EXPECT_THAT(outcome.details->log, AllOf(HasSubstr("1\n2\n3\n"), HasSubstr("\n100000\n"), HasSubstr("left out")));
    const auto logs = read_job_log(harness.root() / "logs", "pipeline", "", "job", "");
    ASSERT_EQ(logs.size(), 1u);
    EXPECT_EQ(logs[0].text.size(), 588895u);
}

TEST(CommandLog, OfASilentCommandIsNoFile) {
    CommandHarness harness;
    EXPECT_EQ(harness.run({{"argv", argv({"true"})}}).details->log, "");
    EXPECT_FALSE(fs::exists(harness.root() / "logs"));
}

TEST(CommandLog, HugeOutputsDoNotFillMemory) {
    CommandHarness harness;
    struct rusage before {
    }, after{};
    ::getrusage(RUSAGE_SELF, &before);
    const Outcome outcome = harness.run({{"argv", argv({"head", "-c", "1073741824", "/dev/zero"})}});
    ::getrusage(RUSAGE_SELF, &after);
    EXPECT_TRUE(outcome.succeeded);
    EXPECT_LT(outcome.details->log.size(), 3 * 70'000u);  // NUL is a character of UTF-8
    EXPECT_LT((after.ru_maxrss - before.ru_maxrss) / 1024, 100);
    EXPECT_LT(fs::file_size(fs::directory_iterator(harness.root() / "logs")->path()), 80'000'000u);
    const OutcomeDetails details = harness.failure({{"argv", argv({"head", "-c", "100000000", "/dev/zero"})},
                                                    {"outputs", Map{{"x", output({{"text", "stdout"}})}}}});
    EXPECT_EQ(details.reason, EndReason::bad_output);
    EXPECT_THAT(details.error, HasSubstr("more than 64 MiB to stdout"));
}

TEST(CommandUsage, IsMeasured) {
    CommandHarness harness;
    const Outcome outcome =
        harness.run({{"argv", argv({"python3", "-c", "x = bytearray(400_000_000); sum(range(3_000_000))"})}});
    EXPECT_GT(outcome.details->cpu_s, 0.01);
    EXPECT_GT(outcome.details->peak_memory_bytes, 380'000'000u);
    EXPECT_LT(outcome.details->peak_memory_bytes, 600'000'000u);
    EXPECT_LE(outcome.started, outcome.finished);
}

// ---------------------------------------------------------------------------------------------- ends

TEST(CommandCancel, EndsTheWholeProcessGroup) {
    CommandHarness harness;
    const std::uint64_t ticket = harness.start({{"shell", "sleep 1000 & echo $! > {launch-dir}/child; wait"}});
    const pid_t child = std::stoi(await_text(harness.launch_directory() / "child"));
    EXPECT_TRUE(is_alive(child));
    harness.runner().cancel(0, ticket, EndReason::cancelled);
    const Outcome outcome = harness.wait(ticket);
    EXPECT_FALSE(outcome.succeeded);
    EXPECT_EQ(outcome.details->reason, EndReason::cancelled);
    await_death(child);
}

TEST(CommandCancel, DoesNotAskTwice) {
    CommandHarness harness;
    const auto job = harness.job(
        {{"shell", "trap '' TERM; echo ready > {launch-dir}/ready; while :; do sleep 1; done"}}, {}, {}, 1.5);
    const std::uint64_t ticket = harness.start(job);
    await_text(harness.launch_directory() / "ready");
    harness.runner().cancel(0, ticket, EndReason::timeout);
    const Outcome outcome = harness.wait(ticket);
    EXPECT_EQ(outcome.details->reason, EndReason::timeout);
    EXPECT_EQ(outcome.details->signal, SIGKILL);
    EXPECT_THAT(outcome.details->error, HasSubstr("longer than its timeout of 1.5 s"));
}

TEST(CommandCancel, OfWhatIsNotThereIsNothing) {
    CommandHarness harness;
    harness.runner().cancel(0, 12345, EndReason::cancelled);
    EXPECT_TRUE(harness.run({{"argv", argv({"true"})}}).succeeded);
}

TEST(CommandStop, EndsWhatRuns) {
    CommandHarness harness;
    const std::uint64_t first = harness.start({{"argv", argv({"sleep", "1000"})}});
    const std::uint64_t second =
        harness.start({{"shell", "trap '' TERM; echo ready > {launch-dir}/ready; while :; do sleep 1; done"}});
    await_text(harness.launch_directory() / "ready");
    harness.runner().stop();
    EXPECT_EQ(harness.wait(first).details->reason, EndReason::cancelled);
    EXPECT_EQ(harness.wait(second).details->reason, EndReason::cancelled);
}

TEST(CommandEnd, DoesNotWaitForProcessesLeftBehind) {
    CommandHarness harness;
    const Outcome outcome = harness.run({{"shell", "sleep 1000 & echo $! > {launch-dir}/child; echo done"},
                                         {"outputs", Map{{"x", output({{"text", "stdout"}})}}}});
    EXPECT_TRUE(outcome.succeeded);
    EXPECT_EQ(outcome.outputs->at("x"), Value("done\n"));
    EXPECT_THAT(outcome.details->log, HasSubstr("left running"));
    await_death(std::stoi(read_text(harness.launch_directory() / "child")));
}

TEST(CommandEnd, ReadsWhatProcessesLeftBehindStillWrite) {
    CommandHarness harness;
    EXPECT_EQ(harness.output_of({{"shell", "(sleep 0.2; echo late) & echo early"}}), "early\nlate\n");
}

TEST(CommandEnd, ClosedStreamsAreNoEnd) {
    CommandHarness harness;
    const Outcome outcome = harness.run({{"shell", "exec 1>&- 2>&-; sleep 0.1; echo still > {launch-dir}/still"}});
    EXPECT_TRUE(outcome.succeeded);
    EXPECT_EQ(read_text(harness.launch_directory() / "still"), "still\n");
}

TEST(CommandEnd, LeavesNoProcessesAndNoDescriptors) {
    CommandHarness harness;
    const auto job =
        harness.job({{"shell", "cat; echo out; echo err >&2"}, {"stdin", "x"}, {"cwd", "scratch"}}, {{"x", "in"}});
    harness.wait(harness.start(job));
    const std::size_t before = open_descriptors();
    constexpr int kCommands = 2000, kAtOnce = 8;
    std::vector<std::uint64_t> tickets;
    for (int i = 0; i < kCommands; ++i) {
        tickets.push_back(harness.start(job, static_cast<std::uint32_t>(i % kAtOnce)));
        if (tickets.size() < kAtOnce) continue;
        EXPECT_TRUE(harness.wait(tickets.front()).succeeded);
        tickets.erase(tickets.begin());
    }
    for (const std::uint64_t ticket : tickets) EXPECT_TRUE(harness.wait(ticket).succeeded);
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // no child is left, dead or alive
    EXPECT_EQ(errno, ECHILD);
    EXPECT_EQ(entries(harness.scratch_root()), 0u);
}

TEST(CommandEnd, ManyAtOnce) {
    CommandHarness harness;
    const auto job = harness.job({{"argv", argv({"sleep", "0.2"})}});
    std::vector<std::uint64_t> tickets;
    for (std::uint32_t lane = 0; lane < 100; ++lane) tickets.push_back(harness.start(job, lane));
    for (const std::uint64_t ticket : tickets) EXPECT_TRUE(harness.wait(ticket).succeeded);
}

// A process that is killed takes its commands with it.
TEST(CommandEnd, CommandsDieWithTheRank) {
    TemporaryDirectory directory;
    const fs::path told = directory.path() / "told";
    const pid_t rank = ::fork();
    if (rank == 0) {
        LaneOptions options;
        options.launch_directory = directory.path();
        const auto runner = make_external_runner(options, [](Outcome) {});
        auto plan = std::make_shared<Plan>();
        plan->templates.emplace_back().with = {{"argv", argv({"sh", "-c", "echo $$ > told; exec sleep 1000"})}};
        Ticket ticket;
        ticket.pipeline = std::make_shared<PipelineContext>(PipelineContext{plan, {}});
        ticket.job = plan->templates.data();
        runner->start(0, std::move(ticket));
        while (true) ::pause();
    }
    const pid_t command = std::stoi(await_text(told));
    EXPECT_TRUE(is_alive(command));
    ::kill(rank, SIGKILL);
    ::waitpid(rank, nullptr, 0);
    await_death(command);
}

}  // namespace
}  // namespace penstock::command_test
