#include "report/summary.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

RunSummary good() {
    RunSummary s;
    s.progress.jobs = 3;
    s.progress.succeeded = 3;
    s.progress.durable = 3;
    s.progress.pipelines = 1;
    s.workers = {{"Downloader", 1, 0, 0, 0.0032, 0.0032}, {"GetTextAndWords", 2, 0, 0, 0.5, 1.0}};
    s.makespan_s = 1.2;
    return s;
}

ResultPlace place() {
    ResultPlace p;
    p.run = "X.h5";
    p.example_table = "word-count/words";
    return p;
}

TEST(Summary, AllSucceeded) {
    EXPECT_EQ(summary_text(good(), place()),
              "penstock: all 3 jobs succeeded; 1.2 s, 2.5 jobs/s\n"
              "\n"
              "  worker           jobs  failed  skipped  median   total\n"
              "  Downloader          1       0        0  3.2 ms  3.2 ms\n"
              "  GetTextAndWords     2       0        0  500 ms     1 s\n"
              "\n"
              "results: X.h5\n"
              "jobs:    penstock jobs X.h5\n"
              "values:  penstock table X.h5 word-count/words\n");
}

TEST(Summary, WhatLostRanksHadRunIsNotInTheTable) {
    RunSummary s = good();
    s.lost_ranks = {3, 5};
    EXPECT_NE(summary_text(s, place()).find("1 s\n  (without what 2 lost ranks had run)\n\nresults:"),
              std::string::npos)
        << summary_text(s, place());
}

TEST(Summary, AttemptsThatWereMadeAgainAreCounted) {
    RunSummary s = good();
    s.progress.retried = 2;
    EXPECT_EQ(summary_text(s, place()).substr(0, 85),
              "penstock: all 3 jobs succeeded; 2 attempts failed and were made again; 1.2 s, 2.5 job");
}

TEST(Summary, OfALongErrorTheFirstLineAndTheLastOnesAreShown) {
    RunSummary s = good();
    std::string error =
        "the command `" + std::string(500, 'x') + "` ended with exit code 1. The last lines it wrote:\n";
    for (int i = 1; i <= 10; ++i) error += "frame " + std::to_string(i) + "\n";
    error += "ModuleNotFoundError: No module named 'numpy'";
    s.failures = {{"command", "sweep/check", error, 1}};
    const std::string text = summary_text(s, place());
    EXPECT_NE(text.find("    the command `" + std::string(224, 'x') +
                        "...\n"
                        "    ...\n    frame 6\n    frame 7\n    frame 8\n    frame 9\n    frame 10\n"
                        "    ModuleNotFoundError: No module named 'numpy'\n    more:"),
              std::string::npos)
        << text;
}

TEST(Summary, FailuresNameTheFirstOfEachKindAndWhereToReadMore) {
    RunSummary s = good();
    s.progress.jobs = 1'002'010;
    s.progress.succeeded = 1'000'003;
    s.progress.failed = 2'001;
    s.progress.skipped = 6;
    s.progress.pipelines = 5;
    s.workers = {{"command", 1'000'003, 2'001, 0, 0.0001, 7200}, {"Mean", 0, 0, 6, 0, 0}};
    s.failures = {{"command", "sweep/simulate[seed=3]", "exit code 2\nsecond line\x1b[0m", 2'000},
                  {"command", "sweep/check", "killed by SIGSEGV", 1}};
    EXPECT_EQ(summary_text(s, place()),
              "penstock: 1,000,003 of 1,002,010 jobs succeeded, 2,001 failed, 6 skipped in 5 pipelines; "
              "1.2 s, 835,008 jobs/s\n"
              "\n"
              "  worker        jobs  failed  skipped  median      total\n"
              "  command  1,002,004   2,001        0  100 µs  2 h 0 min\n"
              "  Mean             6       0        6       -          -\n"
              "\n"
              "failures:\n"
              "  2,000 jobs of command, first sweep/simulate[seed=3]\n"
              "    exit code 2\n"
              "    second line\\x1b[0m\n"
              "    more: penstock log X.h5 'sweep/simulate[seed=3]'\n"
              "  1 job of command: sweep/check\n"
              "    killed by SIGSEGV\n"
              "    more: penstock log X.h5 sweep/check\n"
              "\n"
              "results: X.h5\n"
              "jobs:    penstock jobs X.h5\n"
              "values:  penstock table X.h5 word-count/words\n");
}

TEST(Summary, ManyKindsOfFailureAreCutShortAndSaySo) {
    RunSummary s = good();
    for (int i = 0; i < 13; ++i) s.failures.push_back({"w", "p/j" + std::to_string(i), "e", 1});
    const std::string text = summary_text(s, place());
    EXPECT_NE(text.find("p/j9\n"), std::string::npos);
    EXPECT_EQ(text.find("p/j10\n"), std::string::npos);
    EXPECT_NE(text.find("  3 further kinds; all of them: penstock jobs X.h5 --failed\n"), std::string::npos) << text;
}

TEST(Summary, OneJobAndNoJob) {
    RunSummary s;
    s.progress.jobs = s.progress.succeeded = 1;
    ResultPlace nowhere;
    EXPECT_EQ(summary_text(s, nowhere), "penstock: 1 job succeeded\n");
    EXPECT_EQ(summary_text({}, nowhere), "penstock: no jobs\n");
}

TEST(Summary, AnInterruptedRunSaysWhatIsLeftAndWhatIsSafe) {
    RunSummary s = good();
    s.progress.jobs = 10;
    s.interrupted = true;
    ResultPlace p = place();
    p.collected = false;
    p.program = "./my program";
    EXPECT_EQ(summary_text(s, p),
              "penstock: 3 of 10 jobs succeeded, 7 not finished; 1.2 s, 2.5 jobs/s\n"
              "\n"
              "  worker           jobs  failed  skipped  median   total\n"
              "  Downloader          1       0        0  3.2 ms  3.2 ms\n"
              "  GetTextAndWords     2       0        0  500 ms     1 s\n"
              "\n"
              "penstock: interrupted: what had not finished was not run to its end.\n"
              "Nothing that was durable is lost: 3 jobs. The same command with --resume goes on with it.\n"
              "\n"
              "results: not collected\n"
              "         collect them with: './my program' collect X.h5\n"
              "jobs:    './my program' jobs X.h5\n"
              "values:  './my program' table X.h5 word-count/words\n");
}

TEST(Summary, AFatalErrorComesWithItsReason) {
    RunSummary s = good();
    s.fatal = "segment 3: No space left on device";
    const std::string text = summary_text(s, place());
    EXPECT_NE(text.find("\npenstock: error: the run could not go on: segment 3: No space left on device\n"
                        "Nothing that was durable is lost: 3 jobs. The same command with --resume goes on with it.\n"),
              std::string::npos)
        << text;
}

TEST(Summary, WhatHadEndedAndIsNotDurableRunsAgain) {
    RunSummary s = good();
    s.fatal = "segment 3: No space left on device";
    s.progress.durable = 1;
    EXPECT_NE(
        summary_text(s, place()).find("Nothing that was durable is lost: 1 job; 2 more had ended, and run again. The"),
        std::string::npos);
    s.progress.durable = 2;
    EXPECT_NE(summary_text(s, place()).find("is lost: 2 jobs; 1 more had ended, and runs again. The"),
              std::string::npos);
}

TEST(Summary, ValuesOfAnotherStoreAreNotSoughtInTheResultsFile) {
    ResultPlace p = place();
    p.store = "json:out";
    const std::string text = summary_text(good(), p);
    EXPECT_NE(text.find("values:  json:out\nresults: X.h5\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("penstock table"), std::string::npos) << text;
}

TEST(Summary, LinesThatWereLeftOutAreCounted) {
    RunSummary s = good();
    s.bad_lines = 1;
    EXPECT_NE(summary_text(s, place()).find("jobs/s\npenstock: 1 line of --for-each was no good and left out\n\n"),
              std::string::npos);
    s.bad_lines = 1200;
    EXPECT_NE(summary_text(s, place()).find("1,200 lines of --for-each were no good and left out\n"),
              std::string::npos);
}

TEST(Summary, WhatWasNotStartedForLackOfTimeAndWhatWasEndedIsTold) {
    RunSummary s = good();
    s.progress.jobs = 20;
    s.progress.durable = 5;  // two of them of attempts
    s.interrupted = true;
    s.out_of_time = "the end of Slurm job 17";
    s.cut_short = 2;
    WaitingJobs w;
    w.jobs = 12;
    w.what = WaitingJobs::For::time;
    w.job = "sweep/simulate";
    w.likely_s = 2400;
    w.left_s = 1500;
    s.not_started = {w};
    w.jobs = 1;
    w.job = "sweep/mean";
    s.not_started.push_back(w);
    const std::string text = summary_text(s, place());
    EXPECT_NE(
        text.find(
            "\npenstock: the time did not suffice (the end of Slurm job 17): what had not finished was not run "
            "to its end.\n"
            "Not started: 12 jobs of sweep/simulate that take about 40 min 0 s did not fit in the 25 min 0 s left.\n"
            "Not started: 1 job of sweep/mean, which takes about 40 min 0 s did not fit in the 25 min 0 s left.\n"
            "2 jobs were ended while running, and run again.\n"
            "Nothing that was durable is lost: 3 jobs. The same command with --resume goes on with it.\n"),
        std::string::npos)
        << text;
}

}  // namespace
}  // namespace penstock
