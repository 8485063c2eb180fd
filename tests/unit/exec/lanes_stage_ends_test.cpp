// What becomes of a stage whose worker process ends.
#include "stages_fixture.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace penstock::testing {

TEST_F(StagesInProcesses, AWorkerThatCrashesFailsItsTicketAndAnotherTakesOver) {
    stage("twice");
    ask(Do::items, {1});
    const Outcome crashed = give(request(Do::items, {2, "crash", 3}));
    ASSERT_FALSE(crashed.succeeded);
    EXPECT_EQ(crashed.details->reason, EndReason::signal);
    EXPECT_EQ(crashed.details->signal, SIGSEGV);
    const Value who = values_of(ask(Do::items, {"who"}).items).at(0);
    EXPECT_EQ(at(who.map(), "items"), Value(1));
    EXPECT_EQ(at(who.map(), "starts"), Value(1)) << "start() of the new object";
}

TEST_F(StagesInProcesses, ACrashOnTheThreadOfAGeneratorIsTheSame) {
    stage("count-up");
    const Outcome crashed = give(request(Do::items, {2, List{3, "crash"}}));
    ASSERT_FALSE(crashed.succeeded);
    EXPECT_EQ(crashed.details->signal, SIGSEGV);
    EXPECT_EQ(values_of(ask(Do::items, {2}).items), (List{0, 1}));
}

TEST_F(StagesInProcesses, ACrashOfAFoldLosesItsState) {
    stage("add-up");
    ask(Do::items, {1});
    continues_ = true;
    EXPECT_FALSE(give(request(Do::items, {"crash"})).succeeded);
    const StageAnswer answer = ask(Do::items, {2});
    EXPECT_TRUE(answer.fatal);
    EXPECT_TRUE(answer.error.has_value());
}

TEST_F(StagesInProcesses, ASourceThatCrashesHasMadeWhatItHadSent) {
    stage("integers", {{"count", 10'000}, {"crash-at", 5'000}});
    StageAnswer answer = ask(Do::start);
    std::size_t items = 0;
    for (;;) {
        ASSERT_TRUE(answer.more);
        items += answer.items.count();
        Outcome outcome = give(request(Do::go_on));
        if (!outcome.succeeded) {
            EXPECT_EQ(outcome.details->signal, SIGSEGV);
            break;
        }
        answer = stage_answer(std::move(*outcome.outputs));
    }
    EXPECT_LE(items, 5'000u);
    EXPECT_GE(items, kPortionItems);
    EXPECT_TRUE(ask(Do::go_on).fatal) << "nobody repeats it";
}

// Its process has ended before anybody asks what came of it.
TEST_F(StagesInProcesses, ASourceThatCrashesBetweenTwoTicketsSaysHow) {
    const std::filesystem::path file = folder_ / "go";
    stage("integers", {{"who", true}, {"count", 20}, {"wait-at", 9}, {"path", file.string()}, {"crash-at", 10}});
    List items;
    for (StageAnswer answer = ask(Do::start);; answer = ask(Do::go_on)) {
        for (Value& value : values_of(std::move(answer.items))) items.push_back(std::move(value));
        ASSERT_TRUE(answer.more);
        if (items.size() == 11) break;
    }
    std::ofstream(file) << "x";
    while (::kill(static_cast<pid_t>(items.at(0).int64()), 0) == 0) ::usleep(200);
    const Outcome crashed = give(request(Do::go_on));
    ASSERT_FALSE(crashed.succeeded);
    EXPECT_EQ(crashed.details->reason, EndReason::signal);
    EXPECT_EQ(crashed.details->signal, SIGSEGV);
    EXPECT_TRUE(ask(Do::go_on).fatal) << "it is charged once";
}

TEST_F(StagesInProcesses, TicketsGivenAheadAreServedInOrderByOneObject) {
    stage("twice");
    std::vector<Ticket> tickets;
    for (int i = 0; i < 50; ++i) {
        Ticket t = ticket(context_);
        t.batch =
            std::make_unique<Document>(to_document(request(Do::items, {i, i == 20 ? Value("crash") : Value("who")})));
        tickets.push_back(std::move(t));
    }
    run_all(0, std::move(tickets));
    auto outcomes = collect(50);
    for (std::size_t i = 0; i < 50; ++i) {
        ASSERT_EQ(outcomes[i].ticket, i + 1);
        ASSERT_EQ(outcomes[i].succeeded, i != 20);
        if (i == 20) continue;
        const List values = values_of(stage_answer(std::move(*outcomes[i].outputs)).items);
        ASSERT_EQ(values.at(0), Value(2 * i));
        ASSERT_EQ(at(values.at(1).map(), "items"), Value(2 * (i < 20 ? i + 1 : i - 20)));
    }
}

}  // namespace penstock::testing
