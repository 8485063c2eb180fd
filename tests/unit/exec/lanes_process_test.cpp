#include "lanes_fixture.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

namespace penstock::testing {

class ProcessLanes : public LanesTest {
protected:
    ProcessLanes() { fork_zygote(); }
};

TEST_F(ProcessLanes, RunsAJobInAProcessOfItsOwnAndReusesIt) {
    const auto context = one_job("pid");
    const Outcome first = run_one(context);
    const Outcome second = run_one(context);
    ASSERT_TRUE(first.succeeded) << describe(first);
    ASSERT_TRUE(second.succeeded) << describe(second);
    EXPECT_NE(at(*first.outputs, "pid").int64(), ::getpid());
    EXPECT_EQ(at(*first.outputs, "pid"), at(*second.outputs, "pid"));
    EXPECT_EQ(at(*second.outputs, "calls"), Value(2)) << "the Worker object serves many jobs";
    EXPECT_EQ(at(*second.outputs, "starts"), Value(1));
    EXPECT_LE(first.started, first.finished);
    EXPECT_LE(first.finished, second.started);
    EXPECT_EQ(second.details, nullptr) << describe(second);
}

TEST_F(ProcessLanes, LanesHaveProcessesOfTheirOwn) {
    const auto context = one_job("pid");
    run(0, ticket(context));
    run(1, ticket(context));
    const auto outcomes = collect(2);
    EXPECT_NE(at(*outcomes[0].outputs, "pid"), at(*outcomes[1].outputs, "pid"));
    EXPECT_NE(outcomes[0].lane, outcomes[1].lane);
}

TEST_F(ProcessLanes, AWorkerProcessInheritsNothingAndDiesWithThisOne) {
    const Outcome outcome = run_one(one_job("inspect"));
    ASSERT_TRUE(outcome.succeeded) << describe(outcome);
    EXPECT_EQ(at(*outcome.outputs, "parent"), Value(::getpid()));
    EXPECT_EQ(at(*outcome.outputs, "death-signal"), Value(SIGKILL));
    EXPECT_EQ(at(*outcome.outputs, "stdin"), Value(true));
    EXPECT_EQ(at(*outcome.outputs, "group-leader"), Value(true));
    // stdin, stdout, stderr, the socket for documents, the bell, and both ends of the pipe
    EXPECT_EQ(at(*outcome.outputs, "descriptors"), Value(7));
}

struct Death {
    const char* how;
    EndReason reason;
    const char* error;
};

TEST_F(ProcessLanes, AProcessThatDiesFailsItsJobAndIsReplaced) {
    const std::vector<Death> deaths{
        {"segv", EndReason::signal, "the worker process was killed by SIGSEGV (segmentation fault)"},
        {"abort", EndReason::signal, "the worker process was killed by SIGABRT (aborted)"},
        {"exit", EndReason::exit_code,
         "the worker process called exit(3); a job ends by returning from process(), or by an exception"},
        {"_exit", EndReason::exit_code,
         "the worker process called exit(4); a job ends by returning from process(), or by an exception"},
    };
    for (const Death& death : deaths) {
        const Outcome outcome = run_one(one_job("crash", {{"how", death.how}}));
        ASSERT_FALSE(outcome.succeeded) << death.how;
        ASSERT_NE(outcome.details, nullptr);
        EXPECT_EQ(outcome.details->reason, death.reason) << death.how;
        EXPECT_EQ(outcome.details->error, death.error);
        EXPECT_LE(outcome.started, outcome.finished);
        EXPECT_GT(outcome.started, 0);
        EXPECT_TRUE(run_one(one_job("noop")).succeeded) << "after " << death.how;
    }
}

TEST_F(ProcessLanes, SayWithWhichSignalOrCode) {
    EXPECT_EQ(run_one(one_job("crash", {{"how", "segv"}})).details->signal, SIGSEGV);
    EXPECT_EQ(run_one(one_job("crash", {{"how", "exit"}})).details->exit_code, 3);
}

TEST_F(ProcessLanes, AJobThatClosesAllDescriptorsIsNotWaitedForForEver) {
    run(0, ticket(one_job("crash", {{"how", "close"}})), ticket(one_job("noop")));
    const auto outcomes = collect(2);
    EXPECT_TRUE(outcomes[1].succeeded) << describe(outcomes[1]);
}

TEST_F(ProcessLanes, KilledFromOutsideChargesTheRunningJobOnly) {
    const std::string path = (folder_ / "pid").string();
    run(0, ticket(one_job("hang", {{"path", path}})), ticket(one_job("noop")));
    ::kill(std::stoi(wait_for_file(path)), SIGKILL);
    const auto outcomes = collect(2);
    EXPECT_EQ(outcomes[0].details->reason, EndReason::signal);
    EXPECT_EQ(outcomes[0].details->signal, SIGKILL);
    EXPECT_TRUE(outcomes[1].succeeded) << describe(outcomes[1]);
}

TEST_F(ProcessLanes, AnIdleProcessThatDiesCostsNoJob) {
    const Outcome first = run_one(one_job("pid"));
    const auto pid = static_cast<pid_t>(at(*first.outputs, "pid").int64());
    ::kill(pid, SIGKILL);
    while (::kill(pid, 0) == 0) ::usleep(100);  // until its lane has waited for it
    const Outcome second = run_one(one_job("pid"));
    ASSERT_TRUE(second.succeeded) << describe(second);
    EXPECT_NE(at(*second.outputs, "pid"), at(*first.outputs, "pid"));
}

TEST_F(ProcessLanes, ACrashInAThousandShortJobsCostsExactlyOne) {
    constexpr std::uint32_t kJobs = 1000;
    constexpr std::int64_t kCrash = 500;
    TestPlan plan;
    plan.job("many", "crash-at", Isolation::process, {{"i", "{i}"}, {"at", kCrash}});
    auto for_each = std::make_shared<ForEach>();
    for_each->dimensions = {{{"i", Range{0, 1, kJobs}}}};
    plan.last().for_each = for_each;
    plan.last().count = kJobs;
    plan.last().bindings = {{"i", Binding::From::for_each, "i", {}, false, Missing::fail, false}};
    const auto context = plan.context();
    std::vector<Ticket> tickets;
    for (std::uint32_t i = 0; i < kJobs; ++i) tickets.push_back(ticket(context, 0, i));
    run_all(0, std::move(tickets));
    const auto outcomes = collect(kJobs);
    for (std::uint32_t i = 0; i < kJobs; ++i) {
        ASSERT_EQ(outcomes[i].ticket, i + 1) << "in order";
        if (i == kCrash) {
            ASSERT_FALSE(outcomes[i].succeeded);
            EXPECT_EQ(outcomes[i].details->reason, EndReason::signal);
        } else {
            ASSERT_TRUE(outcomes[i].succeeded) << i << " " << describe(outcomes[i]);
            ASSERT_EQ(at(*outcomes[i].outputs, "i"), Value(i));
        }
    }
}

TEST_F(ProcessLanes, TakeBackReturnsExactlyWhatIsNotStarted) {
    const std::string path = (folder_ / "pid").string();
    constexpr std::size_t kWaiting = 600;  // more than a ring takes
    run(0, ticket(one_job("patient", {{"path", path}})));
    const auto noop = one_job("noop");
    std::vector<Ticket> tickets;
    for (std::size_t i = 0; i < kWaiting; ++i) tickets.push_back(ticket(noop));
    run_all(0, std::move(tickets));
    const int pid = std::stoi(wait_for_file(path));
    std::vector<std::uint64_t> back;
    // Whether a job on its way into the ring counts as started is the lane's matter: what is not given back is run.
    for (const Ticket& ticket : lanes().take_back(0)) back.push_back(ticket.id);
    EXPECT_GE(back.size(), kWaiting - 1);
    // One that was on its way then may be back in the queue since; more there are not.
    const auto late = lanes().take_back(0);
    EXPECT_LE(late.size() + back.size(), kWaiting);
    for (const Ticket& ticket : late) back.push_back(ticket.id);
    ::kill(pid, SIGKILL);
    std::vector<std::uint64_t> seen = back;
    for (const Outcome& outcome : collect(1 + kWaiting - back.size())) seen.push_back(outcome.ticket);
    std::sort(seen.begin(), seen.end());
    std::vector<std::uint64_t> all(1 + kWaiting);
    std::iota(all.begin(), all.end(), 1);
    EXPECT_EQ(seen, all);
    EXPECT_TRUE(run_one(noop).succeeded) << "the lane goes on";
}

TEST_F(ProcessLanes, CancelKillsTheRunningJobAndSaysWhy) {
    const std::string path = (folder_ / "pid").string();
    constexpr std::uint64_t id = 1;
    run(0, ticket(one_job("hang", {{"path", path}})), ticket(one_job("noop")), ticket(one_job("noop")));
    wait_for_file(path);
    lanes().cancel(0, id, EndReason::timeout);
    const auto outcomes = collect(3);
    EXPECT_EQ(outcomes[0].ticket, id);
    EXPECT_EQ(outcomes[0].details->reason, EndReason::timeout);
    EXPECT_EQ(outcomes[0].details->error, "the job was stopped because its time was up (timeout)");
    EXPECT_TRUE(outcomes[1].succeeded);
    EXPECT_TRUE(outcomes[2].succeeded);
}

TEST_F(ProcessLanes, CancelOfAWaitingJobNeverRunsIt) {
    const std::string path = (folder_ / "pid").string();
    const std::string never = (folder_ / "never").string();
    constexpr std::uint64_t running_id = 1;
    constexpr std::uint64_t waiting_id = 2;
    run(0, ticket(one_job("hang", {{"path", path}})), ticket(one_job("hang", {{"path", never}})),
        ticket(one_job("noop")));
    wait_for_file(path);
    lanes().cancel(0, waiting_id, EndReason::cancelled);
    lanes().cancel(0, running_id, EndReason::memory);
    std::map<std::uint64_t, std::string> ends;
    for (const Outcome& outcome : collect(3)) ends[outcome.ticket] = describe(outcome);
    EXPECT_EQ(ends[running_id].substr(0, 7), "memory:");
    EXPECT_EQ(ends[waiting_id].substr(0, 10), "cancelled:");
    EXPECT_EQ(ends[3], "succeeded");
    EXPECT_FALSE(std::filesystem::exists(never));
}

TEST_F(ProcessLanes, StopEndsEverythingAndLeavesNoChild) {
    const std::string hanging = (folder_ / "hanging").string();
    const std::string patient = (folder_ / "patient").string();
    const std::string throwing = (folder_ / "throwing").string();
    run(0, ticket(one_job("hang", {{"path", hanging}})), ticket(one_job("noop")));
    run(1, ticket(one_job("patient", {{"path", patient}})));
    run(2, ticket(one_job("patient", {{"path", throwing}, {"throws", true}})));
    run(3, ticket(one_job("noop")));
    collect(1);
    for (const auto& path : {hanging, patient, throwing}) wait_for_file(path);
    EXPECT_EQ(children().size(), 5u) << "four worker processes and the zygote";
    lanes().stop();
    EXPECT_TRUE(children().empty());
    std::map<std::uint64_t, std::string> ends;
    for (const Outcome& outcome : collect(4)) ends[outcome.ticket] = describe(outcome);
    EXPECT_EQ(ends[1].substr(0, 10), "cancelled:") << "killed after the grace";
    EXPECT_EQ(ends[2].substr(0, 10), "cancelled:") << "never started";
    EXPECT_EQ(ends[3].substr(0, 9), "succeeded") << "was told, and returned";
    EXPECT_EQ(ends[4], "exception: ended early");
}

TEST_F(ProcessLanes, AThousandReplacementsLeakNoDescriptorAndNoChild) {
    const auto crash = one_job("crash", {{"how", "_exit"}});
    run_one(crash);
    const std::size_t before = open_descriptors();
    std::vector<Ticket> tickets;
    for (int i = 0; i < 1000; ++i) tickets.push_back(ticket(crash));
    run_all(0, std::move(tickets));
    for (const Outcome& outcome : collect(1000)) ASSERT_EQ(outcome.details->exit_code, 4) << describe(outcome);
    const std::string path = (folder_ / "pid").string();
    run(0, ticket(one_job("hang", {{"path", path}})));
    wait_for_file(path);
    EXPECT_EQ(children().size(), 2u) << "the zygote and one worker process";
    lanes().stop();
    EXPECT_LE(open_descriptors(), before);
}

TEST_F(ProcessLanes, ProgressOfTheRunningJobIsSeen) {
    const std::string path = (folder_ / "pid").string();
    constexpr std::uint64_t id = 1;
    run(0, ticket(one_job("patient", {{"path", path}})));
    wait_for_file(path);
    EXPECT_EQ(lanes().progress(0), 0.25);
    EXPECT_EQ(lanes().progress(7), 0);
    lanes().cancel(0, id, EndReason::cancelled);
    collect(1);
}

TEST_F(ProcessLanes, LongJobsAreMeasured) {
    constexpr std::int64_t kBytes = 64 * 1024 * 1024;
    const Outcome outcome = run_one(one_job("burn", {{"ms", 60}, {"bytes", kBytes}}));
    ASSERT_NE(outcome.details, nullptr);
    EXPECT_TRUE(outcome.succeeded);
    EXPECT_GT(outcome.details->cpu_s, 0.0);
    EXPECT_GT(outcome.details->peak_memory_bytes, static_cast<std::uint64_t>(kBytes));
#ifndef __SANITIZE_ADDRESS__  // which keeps memory that was freed
    const Outcome small = run_one(one_job("burn", {{"ms", 5}, {"bytes", 1}}));
    ASSERT_NE(small.details, nullptr);
    EXPECT_LT(small.details->peak_memory_bytes, outcome.details->peak_memory_bytes) << "not that of an earlier job";
#endif
}

}  // namespace penstock::testing
