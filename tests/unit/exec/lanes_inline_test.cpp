#include "lanes_fixture.hpp"

#include <unistd.h>

#include <algorithm>

namespace penstock::testing {

class InlineLanes : public LanesTest {
protected:
    InlineLanes() { isolation_ = Isolation::in_line; }
};

TEST_F(InlineLanes, RunsJobsInThisProcessInOrderWithOneWorkerObjectALane) {
    const auto context = one_job("pid");
    std::vector<Ticket> tickets;
    for (int i = 0; i < 200; ++i) tickets.push_back(ticket(context));
    run_all(0, std::move(tickets));
    const auto outcomes = collect(200);
    for (int i = 0; i < 200; ++i) {
        const Outcome& outcome = outcomes[static_cast<std::size_t>(i)];
        ASSERT_TRUE(outcome.succeeded) << describe(outcome);
        ASSERT_EQ(outcome.ticket, static_cast<std::uint64_t>(i) + 1);
        ASSERT_EQ(at(*outcome.outputs, "pid"), Value(::getpid()));
        ASSERT_EQ(at(*outcome.outputs, "calls"), Value(i + 1));
        ASSERT_EQ(at(*outcome.outputs, "starts"), Value(1));
        ASSERT_LE(outcome.started, outcome.finished);
        if (i > 0) {
            ASSERT_LE(outcomes[static_cast<std::size_t>(i) - 1].finished, outcome.started);
        }
    }
    run(1, ticket(context));
    EXPECT_EQ(at(*collect(1)[0].outputs, "calls"), Value(1)) << "another lane, another object";
    EXPECT_TRUE(children().empty()) << "no process for inline jobs";
}

TEST_F(InlineLanes, WakesOnceUntilDrained) {
    const auto context = one_job("noop");
    constexpr std::size_t kJobs = 5000;
    std::vector<Ticket> tickets;
    for (std::size_t i = 0; i < kJobs; ++i) tickets.push_back(ticket(context));
    run_all(0, std::move(tickets));
    run(0, ticket(one_job("keyed", {{"returns", List{"a", "b"}}})));
    // Nobody drains until the wake-up has come: there is one, and one only.
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_; });
    EXPECT_EQ(wakes_, 1);
    lock.unlock();
    EXPECT_EQ(collect(kJobs + 1).size(), kJobs + 1);
    std::vector<Outcome> none;
    EXPECT_FALSE(lanes().drain(none));
}

TEST_F(InlineLanes, ExceptionsFailTheJobAndNothingElse) {
    EXPECT_EQ(describe(run_one(one_job("throw", {{"what", "no such file"}}))), "exception: no such file");
    EXPECT_EQ(describe(run_one(one_job("throw", {{"what", ""}}))),
              "exception: an exception without a text: std::runtime_error");
    EXPECT_EQ(describe(run_one(one_job("throw", {{"what", "int"}}))),
              "exception: an exception that is not a std::exception: int");
    EXPECT_EQ(describe(run_one(one_job("bad-start"))), "exception: no licence");
    EXPECT_EQ(describe(run_one(one_job("noop"))), "succeeded");
}

TEST_F(InlineLanes, ALongErrorIsCutAndBecomesUtf8) {
    const Outcome outcome = run_one(one_job("throw", {{"what", std::string(100'000, 'x') + "\xff"}}));
    EXPECT_EQ(outcome.details->error.size(), 16u * 1024);
    EXPECT_TRUE(outcome.details->error.ends_with("x [cut]"));
    EXPECT_EQ(describe(run_one(one_job("throw", {{"what", "a\xff"}}))), "exception: a\xef\xbf\xbd");
}

TEST_F(InlineLanes, OutputsMustBeWhatMakesLists) {
    const auto ends = [&](List keys) { return describe(run_one(one_job("keyed", {{"returns", std::move(keys)}}))); };
    EXPECT_EQ(ends({"a", "b"}), "succeeded");
    EXPECT_EQ(ends({"a"}),
              "bad-output: the worker keyed did not return \"b\", which its makes() lists; every job of this type has "
              "to return all of: a, b");
    EXPECT_EQ(ends({"a", "b", "c"}),
              "bad-output: the worker keyed returned \"c\", which its makes() does not list; add it there, or do not "
              "return it");
    EXPECT_EQ(ends({}).substr(0, 10), "bad-output");
}

TEST_F(InlineLanes, AMissingKeyFailsTheJobByName) {
    TestPlan plan;
    plan.job("j", "square", Isolation::in_line);
    plan.last().bindings = {{"x", Binding::From::data, "x", {}, false, Missing::fail, true}};
    const Outcome outcome = run_one(plan.context());
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_EQ(outcome.details->reason, EndReason::missing_key);
    EXPECT_NE(outcome.details->error.find("x"), std::string::npos) << outcome.details->error;
}

TEST_F(InlineLanes, KeysFromTheStoreAreAskedFor) {
    options_.retrieve = [](const Ticket& ticket, const std::vector<std::string>& keys) -> Document {
        if (ticket.job->name == "b") throw std::runtime_error("disk gone");
        return {{keys.at(0), 3}};
    };
    TestPlan plan;
    for (const char* name : {"a", "b"}) {
        plan.job(name, "square", Isolation::in_line);
        plan.last().bindings = {{"x", Binding::From::store, "x", {}, false, Missing::fail, true}};
    }
    const auto context = plan.context();
    run(0, ticket(context, 0), ticket(context, 1));
    const auto outcomes = collect(2);
    ASSERT_TRUE(outcomes[0].succeeded) << describe(outcomes[0]);
    EXPECT_EQ(at(*outcomes[0].outputs, "square"), Value(9.0));
    EXPECT_EQ(describe(outcomes[1]), "store: the store could not be asked: disk gone");
}

TEST_F(InlineLanes, CancelIsSeenByTheJobAndNamedWhenItThrows) {
    for (const bool throws : {true, false}) {
        const std::string path = (folder_ / (throws ? "throws" : "returns")).string();
        Document with{{"path", path}};
        if (throws) with["throws"] = true;
        run(0, ticket(one_job("patient", with)));
        const std::uint64_t id = last_ticket_;
        wait_for_file(path);
        EXPECT_EQ(lanes().progress(0), 0.25);
        lanes().cancel(0, id, EndReason::timeout);
        const auto outcomes = collect(1);
        if (throws) {
            EXPECT_EQ(describe(outcomes[0]),
                      "timeout: the job was stopped because its time was up (timeout): ended early");
        } else {
            EXPECT_TRUE(outcomes[0].succeeded) << "it finished all the same";
        }
        EXPECT_TRUE(run_one(one_job("noop")).succeeded);
    }
}

TEST_F(InlineLanes, TakeBackLeavesWhatRuns) {
    const std::string path = (folder_ / "pid").string();
    constexpr std::uint64_t id = 1;
    run(0, ticket(one_job("patient", {{"path", path}})), ticket(one_job("noop")), ticket(one_job("noop")));
    wait_for_file(path);
    const auto back = lanes().take_back(0);
    ASSERT_EQ(back.size(), 2u);
    EXPECT_EQ(back[0].id, 2u);
    EXPECT_EQ(back[1].id, 3u);
    lanes().cancel(0, id, EndReason::cancelled);
    EXPECT_EQ(collect(1)[0].ticket, id);
    EXPECT_TRUE(lanes().take_back(5).empty());
}

TEST_F(InlineLanes, AJobThatNeverReturnsDoesNotHoldUpTheStop) {
    const std::string path = (folder_ / "pid").string();
    run(0, ticket(one_job("hang", {{"path", path}})), ticket(one_job("noop")));
    run(1, ticket(one_job("noop")));
    collect(1);
    wait_for_file(path);
    lanes().stop();
    const auto outcomes = collect(1);
    EXPECT_EQ(describe(outcomes[0]).substr(0, 10), "cancelled:");
    EXPECT_EQ(outcomes[0].ticket, 2u);
}

TEST_F(InlineLanes, LongJobsAreMeasured) {
    const Outcome outcome = run_one(one_job("burn", {{"ms", 20}, {"bytes", 1}}));
    ASSERT_NE(outcome.details, nullptr);
    EXPECT_GT(outcome.details->cpu_s, 0.0);
    EXPECT_EQ(outcome.details->reason, EndReason::succeeded);
}

TEST_F(InlineLanes, AnUnknownWorkerTypeIsAFailureAndNotACrash) {
    EXPECT_EQ(describe(run_one(one_job("nobody"))),
              "exception: this program has no worker type \"nobody\"; list it in Application<...>");
}

TEST_F(InlineLanes, KindsMixInOneLaneInOrder) {
    fork_zygote();
    TestPlan plan;
    for (int i = 0; i < 300; ++i)
        plan.job("j" + std::to_string(i), "pid", i % 3 == 0 ? Isolation::in_line : Isolation::process);
    const auto context = plan.context();
    std::vector<Ticket> tickets;
    for (std::size_t i = 0; i < 300; ++i) tickets.push_back(ticket(context, i));
    run_all(0, std::move(tickets));
    const auto outcomes = collect(300);
    for (std::size_t i = 0; i < 300; ++i) {
        ASSERT_TRUE(outcomes[i].succeeded) << describe(outcomes[i]);
        ASSERT_EQ(outcomes[i].ticket, i + 1);
        ASSERT_EQ(at(*outcomes[i].outputs, "pid") == Value(::getpid()), i % 3 == 0);
        if (i > 0) {
            ASSERT_LE(outcomes[i - 1].finished, outcomes[i].started) << "one at a time";
        }
    }
}

}  // namespace penstock::testing
