#include "lanes_fixture.hpp"

#include "exec/job_log.hpp"

#include <signal.h>

#include <fstream>

namespace penstock::testing {

namespace fs = std::filesystem;

class LanesLog : public LanesTest {
protected:
    std::vector<JobLogText> read(std::string_view job, std::string_view instance = "") const {
        return read_job_log(folder_ / "logs", "p", "", job, instance);
    }
    std::size_t files() const {
        if (!fs::exists(folder_ / "logs")) return 0;
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(folder_ / "logs"), fs::directory_iterator()));
    }
};

TEST_F(LanesLog, WhatAJobPrintsIsItsLogInOrder) {
    fork_zygote();
    run(0, ticket(one_job("print", {{"text", "a"}, {"times", 2}})), ticket(one_job("noop")),
        ticket(one_job("print", {{"text", "b"}, {"times", 1}})));
    const auto outcomes = collect(3);
    ASSERT_NE(outcomes[0].details, nullptr);
    EXPECT_TRUE(outcomes[0].succeeded);
    // stderr is written at once, stdout when the job logs or ends: within each, and around log(), the order holds.
    EXPECT_EQ(outcomes[0].details->log, "stderr a\ncout a\nprintf a\nlog a\nstderr a\ncout a\nprintf a\nlog a\n");
    EXPECT_EQ(outcomes[1].details, nullptr);
    EXPECT_EQ(outcomes[2].details->log, "stderr b\ncout b\nprintf b\nlog b\n");
    EXPECT_EQ(files(), 2u) << "one log and its index";
}

TEST_F(LanesLog, TextOfManyShortJobsGoesToTheRightOnes) {
    fork_zygote();
    constexpr std::uint32_t kJobs = 2000;
    TestPlan plan;
    plan.job("many", "print", Isolation::process, {{"text", "#{i}"}, {"times", "{n}"}});
    auto for_each = std::make_shared<ForEach>();
    for_each->dimensions = {{{"i", Range{0, 1, kJobs}}}};
    plan.plan().data = {{"n", 1}};
    plan.last().for_each = for_each;
    plan.last().count = kJobs;
    plan.last().bindings = {{"i", Binding::From::for_each, "i", {}, false, Missing::fail, false},
                            {"n", Binding::From::data, "n", {}, false, Missing::fail, false}};
    const auto context = plan.context();
    std::vector<Ticket> tickets;
    for (std::uint32_t i = 0; i < kJobs; ++i) tickets.push_back(ticket(context, 0, i));
    run_all(0, std::move(tickets));
    const auto outcomes = collect(kJobs);
    for (std::uint32_t i = 0; i < kJobs; ++i) {
        const std::string n = "#" + std::to_string(i);
        ASSERT_NE(outcomes[i].details, nullptr) << i;
        ASSERT_EQ(outcomes[i].details->log, "stderr " + n + "\ncout " + n + "\nprintf " + n + "\nlog " + n + "\n");
    }
    for (const char* i : {"0", "1", "999", "1999"}) {
        const auto texts = read("many", std::string("i=") + i);
        ASSERT_EQ(texts.size(), 1u);
        EXPECT_EQ(texts[0].attempt, 1u);
        EXPECT_NE(texts[0].text.find(std::string("log #") + i + "\n"), std::string::npos);
    }
    EXPECT_TRUE(read("many", "i=2000").empty());
    EXPECT_EQ(files(), 2u);
}

TEST_F(LanesLog, MuchTextIsKeptWholeInTheFileAndBoundedInTheOutcome) {
    for (const Isolation isolation : {Isolation::process, Isolation::in_line}) {
        isolation_ = isolation;
        const std::string line(1000, 'x');
        TestPlan plan;
        const std::string name = isolation == Isolation::process ? "process" : "inline";
        plan.job(name, "print", isolation, {{"text", line}, {"times", 3000}});
        ::testing::internal::CaptureStdout();  // what inline jobs print is not caught
        ::testing::internal::CaptureStderr();
        const Outcome outcome = run_one(plan.context());
        ::testing::internal::GetCapturedStdout();
        ::testing::internal::GetCapturedStderr();
        ASSERT_TRUE(outcome.succeeded) << describe(outcome);
        const std::string& log = outcome.details->log;
        EXPECT_LT(log.size(), options_.log_bytes + 100);
        EXPECT_GT(log.size(), options_.log_bytes - 100);
        EXPECT_NE(log.find("bytes are left out]"), std::string::npos);
        EXPECT_TRUE(log.ends_with("log " + line + "\n"));
        const auto texts = read(name);
        ASSERT_EQ(texts.size(), 1u);
        const std::size_t log_lines = 3000 * (line.size() + 5);
        const std::size_t others = 3000 * (3 * line.size() + 6 + 8 + 8);
        EXPECT_EQ(texts[0].text.size(), isolation == Isolation::process ? log_lines + others : log_lines);
    }
}

TEST_F(LanesLog, TheLastWordsOfACrashAreKept) {
    run(0, ticket(one_job("print", {{"text", "dying"}, {"times", 1}, {"crash", true}})), ticket(one_job("noop")));
    const auto outcomes = collect(2);
    EXPECT_EQ(outcomes[0].details->signal, SIGSEGV);
    EXPECT_EQ(outcomes[0].details->log, "stderr dying\ncout dying\nprintf dying\nlog dying\n");
    EXPECT_TRUE(outcomes[1].succeeded);
    EXPECT_TRUE(outcomes[1].details == nullptr || outcomes[1].details->log.empty()) << "it is measured when slow";
}

TEST_F(LanesLog, InlineJobsHaveTheLinesTheyLog) {
    isolation_ = Isolation::in_line;
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const Outcome outcome = run_one(one_job("print", {{"text", "a"}, {"times", 2}}));
    ::testing::internal::GetCapturedStdout();
    ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(outcome.details->log, "log a\nlog a\n");
    EXPECT_EQ(read("j").at(0).text, "log a\nlog a\n");
}

TEST_F(LanesLog, NothingPrintedMakesNoFile) {
    run_one(one_job("noop"));
    lanes().stop();
    EXPECT_EQ(files(), 0u);
}

class JobLogTest : public LanesLog {
protected:
    JobLogKey key(std::uint32_t attempt, std::string instance = "i=1") const {
        return {"p", "", "j", std::move(instance), attempt};
    }
};

TEST_F(JobLogTest, PiecesOfSeveralAttemptsMayAlternate) {
    {
        JobLog log(folder_ / "logs");
        log.append(key(2), "second ");
        log.append(key(1), "first ");
        log.append(key(2, "i=2"), "other ");
        log.append(key(2), "more\n");
        log.append(key(1), "{\"pipeline\":\"p\"}\n");
        EXPECT_EQ(log.problem(), "");
        const auto before = read("j", "i=1");
        ASSERT_EQ(before.size(), 2u) << "also before the index is written";
        EXPECT_EQ(before[0].text, "first {\"pipeline\":\"p\"}\n");
    }
    const auto texts = read("j", "i=1");
    ASSERT_EQ(texts.size(), 2u);
    EXPECT_EQ(texts[0].attempt, 1u);
    EXPECT_EQ(texts[0].text, "first {\"pipeline\":\"p\"}\n");
    EXPECT_EQ(texts[1].attempt, 2u);
    EXPECT_EQ(texts[1].text, "second more\n");
    EXPECT_EQ(read("j", "i=2").at(0).text, "other ");
    EXPECT_TRUE(read("other").empty());
    EXPECT_TRUE(read_job_log(folder_ / "nowhere", "p", "", "j", "").empty());
}

TEST_F(JobLogTest, ALogCutByACrashIsReadAsFarAsItIsWhole) {
    {
        JobLog log(folder_ / "logs");
        log.append(key(1), "whole");
        log.append(key(2), "cut off");
    }
    for (const auto& file : fs::directory_iterator(folder_ / "logs"))
        if (file.path().extension() == ".log") fs::resize_file(file.path(), fs::file_size(file.path()) - 3);
    const auto texts = read("j", "i=1");
    ASSERT_EQ(texts.size(), 1u);
    EXPECT_EQ(texts[0].text, "whole");
}

TEST_F(JobLogTest, AnAttemptIsBoundedInTheFileToo) {
    JobLog log(folder_ / "logs");
    AttemptLog attempt(log, key(1), 100);
    const std::string mebibyte(1024 * 1024, 'y');
    for (int i = 0; i < 66; ++i) attempt.add(mebibyte);
    const std::string kept = attempt.finish();
    EXPECT_EQ(kept, std::string(50, 'y') + "\n[" + std::to_string(66 * mebibyte.size() - 100) +
                        " bytes are left out]\n" + std::string(50, 'y'));
    const std::string note = "\n[the log is full: 2097152 more bytes are left out]\n";
    const auto texts = read("j", "i=1");
    ASSERT_EQ(texts.size(), 1u);
    EXPECT_EQ(texts[0].text.size(), kMaxJobLogBytes + note.size());
    EXPECT_TRUE(texts[0].text.ends_with(note));
}

TEST_F(JobLogTest, ALogThatCannotBeWrittenIsAProblemAndNoException) {
    std::ofstream(folder_ / "logs") << "a file is in the way";
    JobLog log(folder_ / "logs");
    log.append(key(1), "text");
    EXPECT_NE(log.problem().find((folder_ / "logs").string()), std::string::npos) << log.problem();
    log.append(key(1), "text");
}

}  // namespace penstock::testing
