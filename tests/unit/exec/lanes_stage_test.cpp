// Stages of streams in real lanes: the same in worker processes and inline, unless a test says otherwise.
#include "stages_fixture.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace penstock::testing {

using ::testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(In, StagesBothWays, ::testing::Values(Isolation::process, Isolation::in_line),
                         [](const auto& p) { return p.param == Isolation::process ? "Process" : "Inline"; });

class StagesInline : public Stages {
protected:
    StagesInline() { isolation_ = Isolation::in_line; }
};

// ---------------------------------------------------------------------------------------------- maps

TEST_P(StagesBothWays, AMapMakesAtMostOneItemOfEach) {
    stage("twice");
    const StageAnswer answer = ask(Do::items, {1, -1, 0, "", List{}, false, nullptr, 4});
    EXPECT_EQ(answer.done, 8u);
    EXPECT_EQ(answer.error, std::nullopt);
    EXPECT_FALSE(answer.more);
    EXPECT_EQ(values_of(answer.items), (List{2, 0, "", List{}, false, nullptr, 8}));
}

TEST_P(StagesBothWays, AnItemThatFailsEndsTheTicketAfterTheOnesBeforeIt) {
    stage("twice");
    const StageAnswer answer = ask(Do::items, {1, 2, "throw", 3});
    EXPECT_EQ(answer.done, 2u);
    EXPECT_EQ(answer.error, "bad item");
    EXPECT_FALSE(answer.fatal);
    EXPECT_EQ(values_of(answer.items), (List{2, 4}));
    EXPECT_EQ(values_of(ask(Do::items, {3}).items), (List{6}));
    const StageAnswer deep = ask(Do::items, {5, "deep"});
    EXPECT_EQ(deep.done, 1u);
    EXPECT_THAT(deep.error.value_or(""), HasSubstr("deep"));
    EXPECT_EQ(values_of(deep.items), (List{10}));
}

TEST_P(StagesBothWays, OneObjectServesAllTicketsOfAStreamJob) {
    stage("twice", {{"p", "q"}});
    worker_ = 2;
    workers_ = 5;
    ask(Do::items, {1, 2, 3});
    attempt_ = 2;
    const Value first = values_of(ask(Do::items, {"who"}).items).at(0);
    EXPECT_EQ(at(first.map(), "starts"), Value(1));
    EXPECT_EQ(at(first.map(), "items"), Value(4));
    EXPECT_EQ(at(first.map(), "worker"), Value(2));
    EXPECT_EQ(at(first.map(), "workers"), Value(5));
    EXPECT_EQ(at(first.map(), "job"), Value("j"));
    EXPECT_EQ(at(first.map(), "attempt"), Value(2));
    EXPECT_EQ(at(first.map(), "parameters"), Value(Map{{"p", "q"}}));
    EXPECT_EQ(at(first.map(), "pid").int64() == ::getpid(), isolation_ == Isolation::in_line);
    const std::string scratch = at(first.map(), "scratch").string();
    EXPECT_TRUE(std::filesystem::exists(scratch + "/file"));

    stream_job_ = 8;
    const Value second = values_of(ask(Do::items, {"who"}).items).at(0);
    EXPECT_EQ(at(second.map(), "items"), Value(1)) << "another stream job, another object";
    EXPECT_EQ(at(second.map(), "pid"), at(first.map(), "pid"));
    EXPECT_FALSE(std::filesystem::exists(scratch));
    ask(Do::finish);
    EXPECT_EQ(at(values_of(ask(Do::items, {"who"}).items).at(0).map(), "starts"), Value(1));
    EXPECT_EQ(at(values_of(ask(Do::items, {"who"}).items).at(0).map(), "items"), Value(2)) << "a new one after the end";
}

TEST_P(StagesBothWays, StartThatFailsIsToldAsWhatItIsAndTriedAgain) {
    stage("twice", {{"no-start", true}});
    for (int i = 0; i < 2; ++i) {
        const StageAnswer answer = ask(Do::items, {1});
        EXPECT_EQ(answer.error, "no licence");
        EXPECT_TRUE(answer.fatal);
        EXPECT_EQ(answer.done, 0u);
    }
}

TEST_P(StagesBothWays, AJobsWorkerIsAMap) {
    stage("length");
    const StageAnswer answer = ask(Do::items, {"four", Map{{"item", "ab"}}, Map{{"a", 1}, {"b", 2}}, 7});
    EXPECT_EQ(values_of(answer.items), (List{Map{{"length", 4}}, Map{{"length", 2}}, Map{{"keys", List{"a", "b"}}}}));
    EXPECT_EQ(answer.done, 3u);
    EXPECT_THAT(answer.error.value_or(""), HasSubstr("int64")) << "7 has no length";
}

TEST_P(StagesBothWays, PrintedTextBelongsToTheTicket) {
    stage("twice");
    const Outcome outcome = give(request(Do::items, {"log", "log"}));
    ASSERT_NE(outcome.details, nullptr);
    EXPECT_EQ(outcome.details->log, "seen\nseen\n");
    const Outcome quiet = give(request(Do::items, {1}));
    EXPECT_EQ(quiet.details == nullptr ? "" : quiet.details->log, "");
}

TEST_P(StagesBothWays, LargeItems) {
    stage("twice");
    const std::vector<double> large(8u << 20, 0.25);  // 64 MiB
    const StageAnswer answer = ask(Do::items, {1, Value(large), 2});
    const List values = values_of(answer.items);
    ASSERT_EQ(values.size(), 3u);
    EXPECT_EQ(values[0], Value(2));
    EXPECT_EQ(values[1].array(), Array::of(large));
    EXPECT_EQ(values[2], Value(4));
}

// ---------------------------------------------------------------------------------------------- generators

TEST_P(StagesBothWays, AGeneratorMakesAnyNumberOfItems) {
    stage("count-up");
    const StageAnswer answer = ask(Do::items, {2, 0, 3});
    EXPECT_EQ(answer.done, 3u);
    EXPECT_FALSE(answer.more);
    EXPECT_EQ(values_of(answer.items), (List{0, 1, 0, 1, 2}));
    EXPECT_EQ(ask(Do::items, {0}).items.count(), 0u);
}

TEST_P(StagesBothWays, AMillionResultsOfOneItemComeInPortions) {
    stage("count-up");
    const Whole whole = ask_all(Do::items, {2, 1'000'000, 3});
    EXPECT_EQ(whole.last.done, 3u);
    List expected = integers(2);
    for (const List& more : {integers(1'000'000), integers(3)})
        expected.insert(expected.end(), more.begin(), more.end());
    EXPECT_TRUE(whole.items == expected) << whole.items.size();
    EXPECT_LE(most_items_, kPortionItems);
    EXPECT_GE(whole.answers, 1'000'000 / static_cast<int>(kPortionItems));
    EXPECT_EQ(values_of(ask(Do::items, {1}).items), (List{0})) << "and the next ticket is served as ever";
}

// The first of the large ones is a portion by itself, and does not leave with what was complete before it.
TEST_P(StagesBothWays, LargeResultsBehindSmallOnesDoNotWaitForEachOther) {
    stage("count-up");
    const std::int64_t large = 2 * static_cast<std::int64_t>(kPortionBytes);
    const Whole whole = ask_all(Do::items, {1, List{3, large}, 1, List{2, large}});
    EXPECT_EQ(whole.last.done, 4u);
    ASSERT_EQ(whole.items.size(), 7u);
    for (std::size_t i : {1u, 2u, 3u, 5u, 6u})
        EXPECT_EQ(whole.items[i].string().size(), static_cast<std::size_t>(large)) << i;
    EXPECT_EQ(whole.items[4], Value(0));
}

TEST_F(StagesInProcesses, TheEndOfAnItemThatHasLeftInPartIsToldBeforeTheNextOneCrashes) {
    stage("count-up");
    const std::int64_t large = 2 * static_cast<std::int64_t>(kPortionBytes);
    std::size_t results = 0;
    StageAnswer last;
    Outcome outcome = give(request(Do::items, {List{3, large}, List{0, "crash"}}));
    for (; outcome.succeeded; outcome = give(request(Do::go_on))) {
        last = stage_answer(std::move(*outcome.outputs));
        results += last.items.count();
        ASSERT_TRUE(last.more);
    }
    EXPECT_EQ(results, 3u);
    EXPECT_EQ(last.done, 1u);
    EXPECT_EQ(last.released, 0u);
}

TEST_P(StagesBothWays, APortionIsFullItemsOrTheBeginningOfOneThatMakesMore) {
    stage("count-up");
    const StageAnswer first = ask(Do::items, {1500, 1500, 5000});
    EXPECT_TRUE(first.more);
    EXPECT_EQ(first.items.count(), 1500u) << "not a part of the second one";
    EXPECT_EQ(first.done, 1u);
    EXPECT_EQ(first.released, 0u);
    const StageAnswer second = ask(Do::go_on);
    EXPECT_EQ(second.items.count(), 1500u);
    EXPECT_EQ(second.done, 2u);
    const StageAnswer third = ask(Do::go_on);
    EXPECT_TRUE(third.more);
    EXPECT_EQ(third.items.count(), kPortionItems);
    EXPECT_EQ(third.done, 2u);
    EXPECT_EQ(third.released, kPortionItems);
    EXPECT_EQ(ask(Do::go_on).released, 2 * kPortionItems);
    const StageAnswer last = ask(Do::go_on);
    EXPECT_FALSE(last.more);
    EXPECT_EQ(last.items.count(), 5000u - 2 * kPortionItems);
    EXPECT_EQ(last.done, 3u);
    EXPECT_EQ(last.released, 0u);
}

// As when a worker process has died over the rest of it.
TEST_P(StagesBothWays, ResultsThatHaveLeftBeforeAreLeftOut) {
    stage("count-up");
    StageRequest again = request(Do::items, {5000, 2});
    again.skip = kPortionItems + 100;
    StageAnswer answer = stage_answer(std::move(*give(std::move(again)).outputs));
    List all = values_of(std::move(answer.items));
    EXPECT_TRUE(answer.more);
    EXPECT_EQ(answer.released, 2 * kPortionItems + 100);
    while (answer.more) {
        answer = ask(Do::go_on);
        for (Value& value : values_of(std::move(answer.items))) all.push_back(std::move(value));
    }
    EXPECT_EQ(answer.done, 2u);
    ASSERT_EQ(all.size(), 5000 - kPortionItems - 100 + 2);
    EXPECT_EQ(all.front(), Value(static_cast<std::int64_t>(kPortionItems + 100)));
    EXPECT_EQ(all[all.size() - 3], Value(4999));
    EXPECT_EQ(all.back(), Value(1));
}

TEST_P(StagesBothWays, AnItemOfWhichFewerResultsComeThanHaveLeftHasFailed) {
    stage("count-up");
    StageRequest again = request(Do::items, {50, 2});
    again.skip = 51;
    const StageAnswer answer = stage_answer(std::move(*give(std::move(again)).outputs));
    EXPECT_EQ(answer.done, 0u);
    EXPECT_TRUE(answer.items.empty());
    EXPECT_THAT(answer.error.value_or(""), ::testing::HasSubstr("fewer results came than the time before"));
    EXPECT_FALSE(answer.fatal);
    EXPECT_EQ(values_of(ask(Do::items, {2}).items), (List{0, 1}));
}

TEST_P(StagesBothWays, OfAnItemThatFailsNoResultIsSentThatIsStillHere) {
    stage("count-up");
    const StageAnswer few = ask(Do::items, {2, List{3, "throw"}, 1});
    EXPECT_EQ(few.done, 1u);
    EXPECT_EQ(few.error, "bad item");
    EXPECT_EQ(values_of(few.items), (List{0, 1}));
    const Whole many = ask_all(Do::items, {2, List{5000, "throw"}, 1});
    EXPECT_EQ(many.last.done, 1u);
    EXPECT_EQ(many.last.error, "bad item");
    EXPECT_EQ(many.last.released, 2 * kPortionItems);
    EXPECT_EQ(many.items.size(), 2 + 2 * kPortionItems);
    EXPECT_EQ(values_of(ask(Do::items, {1}).items), (List{0}));
}

// ---------------------------------------------------------------------------------------------- folds

TEST_P(StagesBothWays, AFoldSeesAllItemsAndEndsOnce) {
    const std::filesystem::path file = folder_ / "sum";
    stage("add-up", {{"file", file.string()}});
    EXPECT_TRUE(ask(Do::items, {1, 2}).items.empty());
    continues_ = true;
    const StageAnswer failed = ask(Do::items, {3, "throw", 4});
    EXPECT_EQ(failed.done, 1u);
    EXPECT_EQ(failed.error, "bad item");
    EXPECT_FALSE(failed.fatal);
    ask(Do::items, {4});
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_EQ(values_of(ask(Do::finish).items), (List{10}));
    EXPECT_EQ(wait_for_file(file), "10") << "the object went before its end was told";
    EXPECT_TRUE(ask(Do::finish).fatal) << "it has ended";
}

TEST_P(StagesBothWays, AFoldOfNothingEndsToo) {
    stage("add-up");
    EXPECT_EQ(values_of(ask(Do::finish).items), (List{0}));
}

TEST_P(StagesBothWays, WhatAFoldMakesComesInPortionsToo) {
    stage("add-up", {{"times", 10'000}});
    ask(Do::items, {5});
    continues_ = true;
    const Whole whole = ask_all(Do::finish);
    EXPECT_EQ(whole.items, List(10'000, Value(5)));
    EXPECT_LE(most_items_, kPortionItems);
}

TEST_P(StagesBothWays, FinishThatFailsIsFatalAndMakesNothing) {
    stage("add-up", {{"throws", true}});
    const StageAnswer answer = ask(Do::finish);
    EXPECT_EQ(answer.error, "no end");
    EXPECT_TRUE(answer.fatal);
    EXPECT_TRUE(answer.items.empty());
}

TEST_P(StagesBothWays, AFoldThatHasLostItsStateDoesNotGoOn) {
    stage("add-up");
    continues_ = true;
    for (const Do what : {Do::items, Do::finish}) {
        const StageAnswer answer = ask(what);
        EXPECT_TRUE(answer.fatal);
        EXPECT_THAT(answer.error.value_or(""), HasSubstr("what it had made of the items so far is lost"));
    }
}

TEST_P(StagesBothWays, ARunningFoldMakesItemsOnTheWay) {
    stage("pairs");
    EXPECT_EQ(values_of(ask(Do::items, {1, 2, 3}).items), (List{List{1, 2}}));
    continues_ = true;
    const StageAnswer failed = ask(Do::items, {4, "throw"});
    EXPECT_EQ(values_of(failed.items), (List{List{3, 4}}));
    EXPECT_EQ(failed.done, 1u);
    EXPECT_EQ(failed.error, "bad item");
    EXPECT_EQ(ask_all(Do::items, integers(10'001)).items.size(), 5'000u);
    EXPECT_EQ(values_of(ask(Do::finish).items), (List{List{10'000}}));
}

TEST_P(StagesBothWays, AFoldWhoseStartFailsIsTriedAgainAsAnotherObject) {
    stage("pairs", {{"no-start", true}});
    for (int i = 0; i < 2; ++i) {
        const StageAnswer answer = ask(Do::items, {1});
        EXPECT_EQ(answer.error, "no licence");
        EXPECT_TRUE(answer.fatal);
    }
}

// ---------------------------------------------------------------------------------------------- CPU time

TEST_P(StagesBothWays, CpuTimeIsCountedOfEveryTicket) {
    stage("twice");
    for (int i = 0; i < 5; ++i) ask(Do::items, {"burn", "burn"});
    EXPECT_GE(cpu_s_, 0.020);
    EXPECT_LT(cpu_s_, 10);
    const double before = cpu_s_;
    for (int i = 0; i < 5; ++i) ask(Do::items, {1});
    EXPECT_GT(cpu_s_, before) << "of short ones too";
}

TEST_P(StagesBothWays, CpuTimeOfASourceIsThatOfTheThreadItRunsIn) {
    stage("integers", {{"count", 20}, {"burn", 1}});
    EXPECT_EQ(ask_all(Do::start).items, integers(20));
    EXPECT_GE(cpu_s_, 0.020);
    stream_job_ = 8;
    EXPECT_EQ(ask_all(Do::start).items, integers(20));
    EXPECT_GE(cpu_s_, 0.040) << "of the second object's thread too";
    EXPECT_LT(cpu_s_, 10);
}

// ---------------------------------------------------------------------------------------------- sources

TEST_P(StagesBothWays, ASourceMakesAllOfItsPart) {
    stage("integers", {{"count", 100'000}});
    worker_ = 1;
    workers_ = 2;
    const Whole whole = ask_all(Do::start);
    ASSERT_EQ(whole.items.size(), 50'000u);
    for (std::size_t i = 0; i < whole.items.size(); ++i) ASSERT_EQ(whole.items[i], Value(2 * i + 1));
    EXPECT_LE(most_items_, kPortionItems);
    EXPECT_EQ(whole.last.error, std::nullopt);
}

TEST_P(StagesBothWays, AnErrorOfASourceComesAfterItsGoodItems) {
    stage("integers", {{"count", 10'000}, {"throw-at", 5'000}});
    const Whole whole = ask_all(Do::start);
    EXPECT_EQ(whole.items, integers(5'000));
    EXPECT_EQ(whole.last.error, "no more");
    EXPECT_TRUE(whole.last.fatal);
}

TEST_P(StagesBothWays, ResultsOfASlowSourceDoNotWaitForTheNextOne) {
    const std::filesystem::path file = folder_ / "go";
    stage("integers", {{"count", 12}, {"wait-at", 9}, {"path", file.string()}});
    List items;
    StageAnswer answer = ask(Do::start);
    for (;; answer = ask(Do::go_on)) {
        for (Value& value : values_of(std::move(answer.items))) items.push_back(std::move(value));
        ASSERT_TRUE(answer.more);
        if (items.size() == 10) break;  // while it waits for the file
    }
    std::ofstream(file) << "x";
    const Whole rest = ask_all(Do::go_on);
    items.insert(items.end(), rest.items.begin(), rest.items.end());
    EXPECT_EQ(items, integers(12));
}

TEST_P(StagesBothWays, WhatASourcePrintsBetweenTwoTicketsIsNotLost) {
    const std::filesystem::path file = folder_ / "go", left = folder_ / "left";
    const bool prints = GetParam() == Isolation::process;  // inline that is the output of the rank
    stage("integers",
          {{"count", 10}, {"wait-at", 9}, {"path", file.string()}, {"left", left.string()}, {"print", prints ? 1 : 0}});
    std::size_t items = 0;
    for (StageAnswer answer = ask(Do::start);; answer = ask(Do::go_on)) {
        items += answer.items.count();
        ASSERT_TRUE(answer.more);
        if (items == 10) break;
    }
    std::ofstream(file) << "x";
    while (!std::filesystem::exists(left)) ::usleep(200);  // nobody has asked it to go on
    Outcome outcome = give(request(Do::go_on));
    ASSERT_TRUE(outcome.succeeded) << describe(outcome);
    const StageAnswer answer = stage_answer(std::move(*outcome.outputs));
    EXPECT_EQ(answer.error, std::nullopt) << "it ended by itself meanwhile";
    EXPECT_FALSE(answer.more);
    ASSERT_NE(outcome.details, nullptr);
    EXPECT_THAT(outcome.details->log, HasSubstr("went on\n"));
    if (prints) {
        EXPECT_THAT(outcome.details->log, HasSubstr("and printed\n"));
    }
}

TEST_P(StagesBothWays, ASourceThatIsNotWantedAnyMoreLeavesItsCode) {
    const std::filesystem::path left = folder_ / "left";
    for (const bool finish : {true, false}) {
        stage("integers", {{"count", 1'000'000}, {"left", left.string()}});
        EXPECT_TRUE(ask(Do::start).more);
        EXPECT_FALSE(std::filesystem::exists(left));
        if (finish) {
            ask(Do::finish);
        } else {
            stage("twice");
            stream_job_ = 9;
            EXPECT_EQ(values_of(ask(Do::items, {4}).items), (List{8}));
        }
        EXPECT_TRUE(std::filesystem::exists(left));
        std::filesystem::remove(left);
    }
    stage("integers", {{"count", 1'000'000}, {"left", left.string()}});
    stream_job_ = 10;
    EXPECT_TRUE(ask(Do::start).more);
    lanes_.reset();
    EXPECT_TRUE(std::filesystem::exists(left)) << "and with its lane";
}

TEST_P(StagesBothWays, NothingIsBegunThatWasNotAskedFor) {
    stage("integers", {{"count", 5}});
    const StageAnswer answer = ask(Do::go_on);
    EXPECT_TRUE(answer.fatal);
    EXPECT_THAT(answer.error.value_or(""), HasSubstr("lost with it"));
    EXPECT_TRUE(ask(Do::items, {1}).fatal);
    EXPECT_TRUE(ask(Do::finish).items.empty());
    EXPECT_EQ(ask_all(Do::start).items, integers(5));
}

TEST_F(StagesInline, ASourceThatIsStoppedHasNotMadeAll) {
    stage("integers", {{"count", 3}, {"wait-at", 2}, {"path", (folder_ / "never").string()}});
    List items;
    StageAnswer answer = ask(Do::start);
    while (items.size() + answer.items.count() < 3) {
        for (Value& value : values_of(std::move(answer.items))) items.push_back(std::move(value));
        answer = ask(Do::go_on);
    }
    Ticket t = ticket(context_);
    t.batch = std::make_unique<Document>(to_document(request(Do::go_on)));
    run(0, std::move(t));
    lanes().cancel(0, last_ticket_, EndReason::cancelled);
    const Outcome outcome = std::move(collect(1).at(0));
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_EQ(outcome.details->reason, EndReason::cancelled);
}

// ---------------------------------------------------------------------------------------------- wrong types

TEST_P(StagesBothWays, AStageWorkerIsNoJobAndACommandIsNoStage) {
    stage("twice");
    EXPECT_EQ(describe(run_one(context_)),
              "exception: the worker type \"twice\" is for stages of a stream, and \"j\" is a job; name it under "
              "`stages:`, or derive it from penstock::Worker too");
    stage("outside");
    const Outcome outcome = give(request(Do::items, {1}));
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_THAT(describe(outcome),
                HasSubstr("\"j\" is a stage of a stream; call the program from a worker type of yours"));
}

}  // namespace penstock::testing
