#include "run/stream_watch.hpp"

#include "value/value_codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

namespace penstock {
namespace {

using testing::ElementsAre;

//  source -> map(2, ordered) -> twice(2, ordered) -> results: with an order in front of `twice`
std::shared_ptr<const Plan> ordered_plan() {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    for (const char* name : {"source", "map", "twice"}) {
        JobTemplate t;
        t.name = t.worker = name;
        t.count = plan->templates.empty() ? 1 : 2;
        plan->templates.push_back(std::move(t));
        Stage stage;
        if (plan->stages.empty())
            stage.form = StageForm::source;
        else
            stage.from = {TemplateIndex(static_cast<std::uint32_t>(plan->stages.size() - 1))};
        stage.ordered = !plan->stages.empty();
        plan->stages.push_back(std::move(stage));
    }
    complete_stream(*plan);
    return plan;
}

StageCounts counts(std::uint64_t in, std::uint64_t out, Nanoseconds busy = 0) {
    StageCounts c;
    c.items_in = in;
    c.items_out = out;
    c.busy = busy;
    return c;
}

class StreamWatchTest : public testing::Test {
protected:
    JobIndex job(const std::string& stage, std::uint32_t worker = 0) const {
        for (const JobTemplate& t : plan_->templates)
            if (t.name == stage) return JobIndex(t.first_job.value + worker);
        ADD_FAILURE() << "no stage " << stage;
        return JobIndex(0);
    }

    std::shared_ptr<const Plan> plan_ = ordered_plan();
    StreamWatch watch_{plan_};
};

TEST_F(StreamWatchTest, OnlyStagesOfTheDefinitionShow) {
    EXPECT_EQ(watch_.stages(), 3u);
    const auto stages = watch_.summary();
    ASSERT_EQ(stages.size(), 3u);
    EXPECT_EQ(stages[2].stage, "twice");
    EXPECT_EQ(stages[2].workers, 2u);
    EXPECT_THAT(stages[0].from, ElementsAre());
    EXPECT_THAT(stages[2].from, ElementsAre("map")) << "not twice@order";
}

TEST_F(StreamWatchTest, ItemsAreThoseOfTheSourcesAndSumsThoseOfAllWorkers) {
    watch_.counted(job("source"), counts(0, 100));
    watch_.counted(job("map", 0), counts(30, 30, 5));
    watch_.counted(job("map", 1), counts(60, 50, 7));
    EXPECT_EQ(watch_.items(), 100u);
    watch_.counted(job("source"), counts(0, 150));
    EXPECT_EQ(watch_.items(), 150u) << "told again, not added";
    const StageSummary map = watch_.summary()[1];
    EXPECT_EQ(map.counts.items_in, 90u);
    EXPECT_EQ(map.counts.items_out, 80u);
    EXPECT_EQ(map.counts.busy, 12);
    watch_.counted(JobIndex(1000), counts(1, 1));
    EXPECT_EQ(watch_.items(), 150u) << "of nobody";
}

TEST_F(StreamWatchTest, AStageEndsWithTheLastOfItsWorkers) {
    watch_.counted(job("map", 1), counts(60, 50));
    EXPECT_FALSE(watch_.ended(job("map", 1), false));
    const auto end = watch_.ended(job("map", 0), true);
    ASSERT_TRUE(end);
    EXPECT_EQ(end->stage, TemplateIndex(1));
    EXPECT_FALSE(end->succeeded) << "one of them failed";
    EXPECT_EQ(end->counts.items_in, 60u);
    EXPECT_FALSE(watch_.ended(job("twice@order"), true));
    EXPECT_FALSE(watch_.ended(job("twice@results"), true));
    EXPECT_EQ(watch_.stages_ended(), 1u);
    EXPECT_EQ(watch_.stages_failed(), 1u);
}

TEST_F(StreamWatchTest, ARowForEachWorkerAndNoOther) {
    watch_.counted(job("map", 1), counts(60, 50));
    watch_.counted(job("twice@results"), counts(60, 0));
    const StreamItems rows = watch_.rows();
    ASSERT_EQ(rows.count(), 5u);
    std::vector<std::string> who;
    std::size_t at_byte = 0;
    for (const std::uint32_t size : rows.sizes) {
        auto one = rows.bytes.span().subspan(at_byte, size);
        at_byte += size;
        const Value row = decode_value(one);
        who.push_back(at(row.map(), "stage").string() + std::to_string(at(row.map(), "worker").int64()) + ":" +
                      std::to_string(at(row.map(), "items_in").int64()));
    }
    EXPECT_THAT(who, ElementsAre("source0:0", "map0:0", "map1:60", "twice0:0", "twice1:0"));
}

// What stores them counts them once more.
TEST(StreamWatchOfASource, ItemsOfASourceThatIsStoredCountOnce) {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    JobTemplate t;
    t.name = t.worker = "source";
    plan->templates.push_back(std::move(t));
    plan->stages.emplace_back();
    plan->stages[0].form = StageForm::source;
    complete_stream(*plan);
    ASSERT_EQ(plan->templates.at(1).name, "source@results");
    StreamWatch watch(plan);
    watch.counted(plan->templates[0].first_job, counts(0, 70));
    watch.counted(plan->templates[1].first_job, counts(70, 70));
    EXPECT_EQ(watch.items(), 70u);
    EXPECT_EQ(watch.summary().at(0).counts.items_out, 70u);
}

// What stores items says how many there are, and how many of them it took itself.
TEST_F(StreamWatchTest, StoredAreTheItemsOfThePresentAttempt) {
    watch_.counted(job("twice", 0), counts(40, 30));
    watch_.counted(job("twice@results"), counts(60, 100));
    const auto stored = watch_.stored();
    ASSERT_EQ(stored.size(), 1u);
    EXPECT_EQ(plan_->templates[stored[0].stage.value].name, "twice");
    EXPECT_EQ(stored[0].first, 40u);
    EXPECT_EQ(stored[0].end, 100u);
}

TEST_F(StreamWatchTest, TimeInWhichResultsCouldNotBeStoredIsThatOfTheirStage) {
    StageCounts waited;
    waited.blocked = 9;
    watch_.counted(job("twice@results"), waited);
    EXPECT_EQ(watch_.summary()[2].storing, 9);
    EXPECT_EQ(watch_.summary()[2].counts.blocked, 0);
}

}  // namespace
}  // namespace penstock
