// Streams made in C++: what they are put together to, and the plans they become.
#include "language/stream_form.hpp"

#include <penstock/stream_pipeline.hpp>

#include <gmock/gmock.h>

#include <vector>

namespace penstock {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class Twice : public MapWorker {
public:
    static constexpr std::string_view kName = "Twice";
    std::optional<Value> on_item(const Value& item, Context&) override { return item; }
};
class Sum : public FoldWorker {
public:
    static constexpr std::string_view kName = "Sum";
    void on_item(const Value&, Context&) override {}
    void finish(Emit&, Context&) override {}
};

const WorkerTypes kTypes{worker_type<Twice>(), worker_type<Sum>()};

Loaded load(const StreamPipeline& pipeline) { return plan_of(pipeline, kTypes, {}, "/"); }

std::string problem(const StreamPipeline& pipeline) {
    const Loaded loaded = load(pipeline);
    return loaded.diagnostics.empty() ? "" : loaded.diagnostics.front().problem;
}

template <class Work>
std::string refusal(const Work& work) {
    try {
        work();
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

const auto kNumbers = source(std::vector<int>{1, 2, 3});

TEST(StreamPipeline, ChainsStages) {
    const StreamPipeline p("p", kNumbers | stage<Twice>() | stage<Twice>().named("again") | fold<Sum>());
    EXPECT_THAT(p.graph(), ElementsAre(Pair("source", "Twice"), Pair("Twice", "again"), Pair("again", "Sum")));
    EXPECT_THAT(p.sinks(), ElementsAre("Sum"));
    EXPECT_THAT(p.inputs(), ElementsAre()) << "it has a source of its own";
}

TEST(StreamPipeline, BeginsWithAnInputWhenNoSourceStandsThere) {
    const StreamPipeline p("p", stage<Twice>() | fold<Sum>());
    EXPECT_THAT(p.graph(), ElementsAre(Pair("input", "Twice"), Pair("Twice", "Sum")));
    EXPECT_THAT(p.inputs(), ElementsAre("input"));
}

TEST(StreamPipeline, ComposingChangesNoOperand) {
    const StageSpec twice = stage<Twice>({{"n", 1}});
    const Flow clean = twice | twice.workers(4);
    const std::string before = StreamPipeline("p", clean).serialize();
    const Flow one = kNumbers | clean;
    const Flow other = kNumbers | clean | fold<Sum>();
    EXPECT_EQ(StreamPipeline("p", clean).serialize(), before);
    EXPECT_THAT(StreamPipeline("p", one).sinks(), ElementsAre("Twice-2"));
    EXPECT_THAT(StreamPipeline("p", other).sinks(), ElementsAre("Sum"));
    EXPECT_EQ(twice.parameters(), (Document{{"n", 1}}));
    EXPECT_TRUE(twice.settings().empty());
}

//            -> left
//   numbers -
//            -> Twice -> right
TEST(StreamPipeline, ForksWhereTwoStagesStandBehindOneFlow) {
    const Flow from = kNumbers;
    const StreamPipeline p("p",
                           {from | stage<Twice>().named("left"), from | stage<Twice>() | fold<Sum>().named("right")});
    EXPECT_THAT(p.graph(), ElementsAre(Pair("source", "left"), Pair("source", "Twice"), Pair("Twice", "right")));
    EXPECT_THAT(p.sinks(), ElementsAre("left", "right"));
}

TEST(StreamPipeline, WhatGoesIntoThePairsOfASampleIsNoSink) {
    const Flow sampled =
        source("range", {{"stop", 3}}) | stage("sample", {{"limit", 1}, {"until", "slow"}, {"keep-latest", true}});
    const StreamPipeline p("p", {sampled | stage("filter").named("slow"), sampled | stage("Count").named("seen")});
    EXPECT_THAT(p.sinks(), ElementsAre("seen"));
}

TEST(StreamPipeline, MergesAsTheNameOfTheMergeSays) {
    const StreamPipeline p("p", merge::zip({kNumbers, kNumbers | stage<Twice>()}) | fold<Sum>());
    EXPECT_THAT(p.graph(), ElementsAre(Pair("source-2", "Twice"), Pair("source", "Sum"), Pair("Twice", "Sum")));
    const Loaded loaded = load(p);
    ASSERT_TRUE(loaded.ok());
    const Plan& plan = *loaded.plans.front();
    EXPECT_EQ(plan.templates[3].name, "Sum");
    EXPECT_EQ(plan.stages[3].merge, Merge::zip);
}

TEST(StreamPipeline, BecomesAPlanThatTheDriverFunctionFeedsAndReads) {
    const Loaded loaded = load(StreamPipeline("p", stage<Twice>().workers(3).ordered().queue(7)));
    ASSERT_TRUE(loaded.ok());
    const Plan& plan = *loaded.plans.front();
    ASSERT_EQ(plan.stages.size(), 3u);
    EXPECT_EQ(plan.stages[0].role, Stage::Role::input);
    EXPECT_EQ(plan.templates[1].count, 3u);
    EXPECT_EQ(plan.stages[1].queue, 7u);
    EXPECT_TRUE(plan.stages[1].keeps_order);
    EXPECT_EQ(plan.stages[2].role, Stage::Role::results);
    EXPECT_TRUE(plan.stages[2].delivered);
    EXPECT_TRUE(plan.stages[2].stored);
}

TEST(StreamPipeline, ASinkCanBeReadWithoutBeingStored) {
    const Loaded loaded = load(StreamPipeline("p", stage<Twice>().save_none()));
    ASSERT_TRUE(loaded.ok());
    EXPECT_TRUE(loaded.plans.front()->stages.back().delivered);
    EXPECT_FALSE(loaded.plans.front()->stages.back().stored);
}

TEST(StreamPipeline, ADeadEndHasNoResults) {
    const Loaded loaded = load(StreamPipeline("p", stage<Twice>().dead_end()));
    ASSERT_TRUE(loaded.ok());
    EXPECT_EQ(loaded.plans.front()->stages.size(), 2u);
    EXPECT_THAT(refusal([] { (void)(stage<Twice>().dead_end() | stage<Twice>()); }), HasSubstr("dead end"));
}

TEST(StreamPipeline, RefusesWorkersAndQueuesThatCannotBe) {
    EXPECT_THAT(refusal([] { (void)stage<Twice>().workers(0); }), HasSubstr("give it 1 or more"));
    EXPECT_THAT(refusal([] { (void)stage<Twice>().setup(1, -1); }), HasSubstr("0 for the default"));
    EXPECT_THAT(refusal([] { (void)stage<Twice>().timeout(0); }), HasSubstr("above 0"));
    EXPECT_THAT(refusal([] { (void)(kNumbers | kNumbers); }), HasSubstr("taken by nobody"));
}

TEST(StreamPipeline, IsCheckedLikeADefinition) {
    EXPECT_THAT(problem(StreamPipeline("p", stage("Twise"))), HasSubstr("Twise"));
    EXPECT_EQ(load(StreamPipeline("p", stage("Twise"))).diagnostics.front().reason.find("@driver"), std::string::npos);
    EXPECT_THAT(problem(StreamPipeline("p", stage<Twice>().named("a/b"))), HasSubstr("bad name"));
    EXPECT_THAT(problem(StreamPipeline("p", fork({stage<Twice>(), stage<Twice>()}) | fold<Sum>())),
                HasSubstr("several stages"));
    EXPECT_EQ(problem(StreamPipeline("p", stage<Twice>() | fold<Sum>())), "");
}

}  // namespace

}  // namespace penstock
