// What a job may take: its time and its memory, and what becomes of it and of what it has started.
#include "exec/process_tree.hpp"
#include "lanes_fixture.hpp"

#include <gmock/gmock.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

namespace penstock::testing {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class LaneLimits : public LanesTest {
protected:
    LaneLimits() { fork_zygote(); }
    std::shared_ptr<const PipelineContext> limited(std::string worker, Document with, double timeout_s,
                                                   std::uint64_t memory_bytes = 0) {
        TestPlan plan;
        plan.job("j", std::move(worker), isolation_, std::move(with));
        plan.last().timeout_s = timeout_s;
        plan.last().resources.memory_bytes = memory_bytes;
        return plan.context();
    }
    // Neither running nor waiting to be waited for.
    static void await_death(pid_t process) {
        for (;;) {
            std::ifstream stat("/proc/" + std::to_string(process) + "/stat");
            const std::string text{std::istreambuf_iterator<char>(stat), std::istreambuf_iterator<char>()};
            if (text.empty() || text.find(") Z ") != std::string::npos) return;
            ::usleep(1000);
        }
    }
};

TEST_F(LaneLimits, AJobThatTakesTooLongIsEnded) {
    const Outcome outcome = run_one(limited("hang", {{"path", (folder_ / "begun").string()}}, 0.2));
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_EQ(outcome.details->reason, EndReason::timeout);
    EXPECT_EQ(outcome.details->error, "the job ran longer than its timeout of 0.2 s and was ended");
    EXPECT_FALSE(outcome.details->crashed);
    EXPECT_GE(outcome.finished - outcome.started, 200'000'000);
    EXPECT_TRUE(run_one(one_job("noop")).succeeded) << "in another process";
}

TEST_F(LaneLimits, ItIsTheTimeOfTheJobNotOfTheQueue) {
    // Ten jobs of 50 ms in one lane take longer together than each may.
    std::vector<Ticket> tickets;
    const auto context = limited("burn", {{"bytes", 1}, {"ms", 50}}, 10);
    for (int i = 0; i < 10; ++i) tickets.push_back(ticket(context));
    tickets.push_back(ticket(limited("hang", {{"path", (folder_ / "begun").string()}}, 0.3)));
    run_all(0, std::move(tickets));
    const auto outcomes = collect(11);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(outcomes[static_cast<std::size_t>(i)].succeeded);
    EXPECT_EQ(outcomes[10].details->reason, EndReason::timeout);
}

TEST_F(LaneLimits, OnlyTheJobThatRunsPaysForIt) {
    run(0, ticket(limited("hang", {{"path", (folder_ / "begun").string()}}, 0.2)), ticket(one_job("noop")),
        ticket(one_job("noop")));
    const auto outcomes = collect(3);
    EXPECT_EQ(outcomes[0].details->reason, EndReason::timeout);
    EXPECT_TRUE(outcomes[1].succeeded && outcomes[2].succeeded);
}

TEST_F(LaneLimits, ACrashIsSaidToBeOne) {
    EXPECT_TRUE(run_one(one_job("crash", {{"how", "segv"}})).details->crashed);
    EXPECT_TRUE(run_one(one_job("crash", {{"how", "_exit"}})).details->crashed);
    EXPECT_FALSE(run_one(one_job("throw")).details->crashed);
}

TEST_F(LaneLimits, AnInlineJobIsToldAndFailsWhenItReturns) {
    isolation_ = Isolation::in_line;
    const Outcome outcome = run_one(limited("patient", {{"path", (folder_ / "begun").string()}}, 0.2));
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_EQ(outcome.details->reason, EndReason::timeout);
    EXPECT_THAT(outcome.details->error, StartsWith("the job ran longer than its timeout of 0.2 s"));
    EXPECT_EQ(outcome.outputs, nullptr);
    EXPECT_TRUE(run_one(one_job("noop")).succeeded);
}

TEST_F(LaneLimits, AJobThatUsesTooMuchMemoryIsEnded) {
    const Outcome outcome = run_one(limited("hog", {{"mib", 300}}, 0, 100 << 20));
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_EQ(outcome.details->reason, EndReason::memory);
    EXPECT_THAT(outcome.details->error, StartsWith("out of memory: used "));
    EXPECT_THAT(outcome.details->error, HasSubstr(" of 100 MiB (`memory`)"));
    EXPECT_TRUE(run_one(one_job("noop")).succeeded);
}

TEST_F(LaneLimits, WhatItStartedCountsAndEndsWithIt) {
    const std::string path = (folder_ / "child").string();
    run(0, ticket(limited("hog", {{"mib", 300}, {"path", path}}, 0, 100 << 20)));
    const pid_t child = std::stoi(wait_for_file(path));
    const Outcome outcome = std::move(collect(1).at(0));
    EXPECT_EQ(outcome.details->reason, EndReason::memory) << describe(outcome);
    await_death(child);  // though it leads a session of its own
}

TEST_F(LaneLimits, WithinItsLimitsAJobIsLeftAlone) {
    const auto context = limited("pid", {}, 100, 1ull << 40);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(run_one(context).succeeded);
}

TEST_F(LaneLimits, WhatTheStoreCannotReadFailsTheAttemptAndSaysSo) {
    options_.retrieve = [](const Ticket&, const std::vector<std::string>&) -> Document {
        throw std::runtime_error("disk gone");
    };
    TestPlan plan;
    plan.job("j", "echo", Isolation::process);
    plan.last().bindings = {{"in", Binding::From::store, "in", {}, false, Missing::fail, true}};
    EXPECT_EQ(describe(run_one(plan.context())), "store: the store could not be asked: disk gone");
    EXPECT_TRUE(run_one(one_job("noop")).succeeded);
}

// Two processes that share 200 MiB use them once.
TEST(ProcessTree, WhatProcessesShareCountsOnce) {
    constexpr std::size_t kBytes = 200 << 20;
    std::vector<char> shared(kBytes, 1);
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t parent = ::fork();
    if (parent == 0) {
        const pid_t child = ::fork();
        if (child > 0) {
            const char ready = 1;
            if (::write(pipe_ends[1], &ready, 1) != 1) ::_exit(1);
        }
        for (;;) ::pause();
    }
    char ready = 0;
    ASSERT_EQ(::read(pipe_ends[0], &ready, 1), 1);
    const auto tree = process_tree(parent);
    EXPECT_EQ(tree.size(), 2u);
    EXPECT_GT(resident_bytes(tree, UINT64_MAX), 2 * kBytes) << "the plain sum";
    EXPECT_LT(resident_bytes(tree, kBytes), kBytes + kBytes / 2);
    kill_tree(parent);
    ::waitpid(parent, nullptr, 0);
    EXPECT_TRUE(process_tree(parent).empty());
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
    EXPECT_EQ(shared[0], 1);
}

TEST(ProcessTree, NobodyIsNobodysTree) {
    EXPECT_TRUE(process_tree(0).empty());
    EXPECT_TRUE(process_tree(-1).empty());
}

}  // namespace penstock::testing
