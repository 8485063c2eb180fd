#include "report/stage_text.hpp"
#include "report/summary.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;

// A stage whose workers each lived for 10 s, with these parts of it in percent.
StageSummary stage(std::string name, std::vector<std::string> from, std::uint32_t workers, int busy, int blocked,
                   int starved) {
    StageSummary s;
    s.pipeline = "titles";
    s.stage = s.worker = std::move(name);
    s.from = std::move(from);
    s.form = s.from.empty() ? StageForm::source : StageForm::map;
    s.workers = workers;
    s.counts.items_in = s.from.empty() ? 0 : 1000;
    s.counts.items_out = 1000;
    s.counts.alive = 10 * kSecond * workers;
    s.counts.busy = s.counts.alive / 100 * busy;
    s.counts.blocked = s.counts.alive / 100 * blocked;
    s.counts.starved = s.counts.alive / 100 * starved;
    return s;
}

std::vector<StageSummary> titles() {
    return {stage("urls", {}, 1, 5, 94, 0), stage("fetch", {"urls"}, 4, 97, 1, 2),
            stage("titles", {"fetch"}, 2, 20, 0, 79)};
}

TEST(StageText, ALineForEachStage) {
    EXPECT_EQ(stage_table(titles(), "  "),
              "  stage   workers  items in  items out  items/s  busy  blocked  starved\n"
              "  urls          1         -      1,000      100   5 %     94 %      0 %\n"
              "  fetch         4     1,000      1,000      100  97 %      1 %      2 %\n"
              "  titles        2     1,000      1,000      100  20 %      0 %     79 %\n");
    EXPECT_EQ(stage_table({}, "  "), "");
}

TEST(StageText, WhatSeldomHappensIsShownWhenItDid) {
    std::vector<StageSummary> stages = titles();
    stages[1].counts.skipped = 12;
    stages[2].counts.dropped = 3;
    const std::string text = stage_table(stages, "");
    EXPECT_EQ(text.substr(0, text.find('\n')),
              "stage   workers  items in  items out  dropped  skipped  items/s  busy  blocked  starved");
}

TEST(StageText, StagesOfSeveralDefinitionsAreNamedInFull) {
    std::vector<StageSummary> stages = titles();
    stages.push_back(stage("urls", {}, 1, 5, 0, 0));
    stages.back().pipeline = "other";
    const std::string text = stage_table(stages, "");
    EXPECT_NE(text.find("\ntitles/urls "), std::string::npos) << text;
    EXPECT_NE(text.find("\nother/urls "), std::string::npos) << text;
    EXPECT_EQ(by_pipeline(stages).size(), 2u);
}

TEST(StageText, AStageThatNeverBeganHasNoShares) {
    std::vector<StageSummary> stages{stage("urls", {}, 1, 0, 0, 0)};
    stages[0].counts = {};
    EXPECT_EQ(stage_table(stages, ""),
              "stage  workers  items in  items out  items/s  busy  blocked  starved\n"
              "urls         1         -          0        -     -        -        -\n");
    EXPECT_EQ(bottleneck_text(stages, 4), std::nullopt);
}

TEST(Bottleneck, TheBusiestStageByWorkerAndWhoWaitsForIt) {
    EXPECT_EQ(bottleneck_text(titles(), 16),
              "bottleneck: fetch: its 4 workers were busy 97 % of the time; meanwhile urls waited 94 % of its time for "
              "room behind it, and titles waited 79 % of its time for items. More workers would help: `workers: 8`.");
}

TEST(Bottleneck, WhenAllSlotsAreBusyMoreWorkersMayNotHelp) {
    const auto text = bottleneck_text(titles(), 4);
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("`workers: 8` (or more CPUs, if computing is what they do: all slots were busy)."),
              std::string::npos)
        << *text;
}

TEST(Bottleneck, AFoldCannotHaveMore) {
    std::vector<StageSummary> stages = titles();
    stages.push_back(stage("sum", {"titles"}, 1, 99, 0, 0));
    stages.back().form = StageForm::fold;
    const auto text = bottleneck_text(stages, 64);
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("bottleneck: sum: its worker was busy 99 %"), std::string::npos) << *text;
    EXPECT_NE(text->find("It is a fold"), std::string::npos) << *text;
}

TEST(Bottleneck, OneStageOfManyStreamsCountsByWorker) {
    std::vector<StageSummary> stages = titles();
    for (StageSummary& s : stages) {  // three streams, one after another
        s.streams = 3;
        const StageCounts one = s.counts;
        s.counts += one;
        s.counts += one;
    }
    EXPECT_EQ(stage_table(stages, "").find("fetch         4     3,000      3,000      100  97 %"),
              stage_table(stages, "").find("fetch"));
    EXPECT_EQ(bottleneck_text(stages, 16), bottleneck_text(titles(), 16));
}

TEST(Bottleneck, StoringMayBeWhatHoldsAllUp) {
    std::vector<StageSummary> stages = titles();
    stages[1] = stage("fetch", {"urls"}, 4, 10, 88, 2);
    stages[2].storing = 9 * kSecond;
    const auto text = bottleneck_text(stages, 16);
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("bottleneck: storing the results of titles, which had no room for 90 % of the time"),
              std::string::npos)
        << *text;
}

TEST(Bottleneck, NobodyMayBeBusy) {
    std::vector<StageSummary> stages{stage("urls", {}, 1, 20, 0, 0), stage("fetch", {"urls"}, 1, 30, 0, 60)};
    const auto text = bottleneck_text(stages, 16);
    ASSERT_TRUE(text);
    EXPECT_NE(text->find("no stage was busy most of the time (most of all fetch, 30 %), but urls had something to do "
                         "100 % of it: handing"),
              std::string::npos)
        << *text;
    stages[0].counts.blocked = stages[0].counts.alive / 100 * 70;
    EXPECT_EQ(bottleneck_text(stages, 16),
              "no stage was busy most of the time (most of all fetch, 30 %): more items at once, or larger ones, would "
              "help.");
}

TEST(Bottleneck, NothingIsSaidOfAMoment) {
    std::vector<StageSummary> stages = titles();
    for (StageSummary& s : stages) s.counts.alive /= 100;
    EXPECT_EQ(bottleneck_text(stages, 16), std::nullopt);
}

RunSummary of_one_stream() {
    RunSummary s;
    s.progress.streams = s.progress.streams_ended = 1;
    s.progress.pipelines = 1;
    s.progress.items = 1000;
    s.progress.slots = 16;
    s.makespan_s = 10;
    s.stages = titles();
    return s;
}

ResultPlace place() {
    ResultPlace p;
    p.run = "X.h5";
    p.example_table = "titles/titles";
    return p;
}

TEST(StreamSummary, StagesAreStagesAndNotJobs) {
    const std::string text = summary_text(of_one_stream(), place());
    EXPECT_EQ(text.substr(0, text.find('\n')), "penstock: the stream succeeded; 1,000 items in 10.0 s, 100 items/s");
    EXPECT_NE(text.find("\n  stage   workers "), std::string::npos) << text;
    EXPECT_NE(text.find("\nbottleneck: fetch: "), std::string::npos) << text;
    EXPECT_NE(text.find("penstock table X.h5 titles/titles\n"), std::string::npos) << text;
    EXPECT_NE(text.find("penstock stages X.h5\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("jobs succeeded"), std::string::npos) << text;
}

TEST(StreamSummary, AFailedStreamNamesItsStage) {
    RunSummary s = of_one_stream();
    s.progress.streams_failed = 1;
    s.failures = {{"Fetch", "titles/fetch", "item 3: no such page", 1, true}};
    const std::string text = summary_text(s, place());
    EXPECT_EQ(text.find("penstock: the stream failed; 1,000 items"), 0u) << text;
    EXPECT_NE(
        text.find(
            "  1 stage of Fetch: titles/fetch\n    item 3: no such page\n    more: penstock log X.h5 titles/fetch\n"),
        std::string::npos)
        << text;
}

TEST(StreamSummary, SeveralStreamsAndJobsBesideThem) {
    RunSummary s = of_one_stream();
    s.progress.streams = 5;
    s.progress.streams_ended = 4;
    s.progress.streams_failed = 1;
    s.progress.jobs = s.progress.succeeded = 2;
    s.interrupted = true;
    const std::string text = summary_text(s, place());
    EXPECT_EQ(
        text.find("penstock: all 2 jobs succeeded; 10.0 s, 0.2 jobs/s\n"
                  "penstock: 3 of 5 streams succeeded, 1 failed, 1 not finished; 1,000 items in 10.0 s, 100 items/s\n"),
        0u)
        << text;
    EXPECT_NE(text.find("Nothing that was durable is lost. The same command with --resume goes on with it.\n"
                        "Streams that have not ended start again then, from the beginning.\n"),
              std::string::npos)
        << text;
}

TEST(StreamSummary, SaysWhichStreamsGoOnWithANextLaunch) {
    RunSummary s = of_one_stream();
    s.interrupted = true;
    s.progress.streams = 3;
    s.progress.streams_ended = 0;
    const auto ending = [&](std::uint64_t going_on) {
        s.streams_that_go_on = going_on;
        const std::string text = summary_text(s, place());
        const std::string before = "--resume goes on with it.\n";
        const auto at = text.find(before) + before.size();
        return text.substr(at, text.find('\n', at) - at);
    };
    EXPECT_EQ(ending(0), "Streams that have not ended start again then, from the beginning.");
    EXPECT_EQ(ending(3), "Streams that have not ended go on then, behind what was durable of them.");
    EXPECT_EQ(ending(1),
              "Of the streams that have not ended 1 goes on then, behind what was durable; 2 start again from the "
              "beginning.");
    EXPECT_EQ(ending(2),
              "Of the streams that have not ended 2 go on then, behind what was durable; 1 starts again from the "
              "beginning.");
}

TEST(StreamSummary, NothingIsLeftOfARunDirectoryThatIsGone) {
    RunSummary s = of_one_stream();
    s.fatal = "cannot write x";
    s.vanished = "o.h5.run";
    const std::string text = summary_text(s, place());
    EXPECT_NE(
        text.find("The run directory o.h5.run is gone, and what was durable in it. The same command with --resume "
                  "begins again.\n"),
        std::string::npos)
        << text;
    EXPECT_EQ(text.find("Nothing that was durable is lost"), std::string::npos) << text;
}

}  // namespace
}  // namespace penstock
