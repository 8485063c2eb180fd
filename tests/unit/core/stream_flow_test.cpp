// Random streams over links that deliver at random: nothing is lost, doubled, out of its order, or stuck.
#include "stream_model.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace penstock {
namespace {

using test::Item;
using test::Random;

class Stages {
public:
    std::uint32_t add(std::string name, Stage stage, std::uint32_t workers = 1) {
        JobTemplate t;
        t.name = std::move(name);
        t.worker = "work";
        t.count = workers;
        plan.templates.push_back(std::move(t));
        plan.stages.push_back(std::move(stage));
        return static_cast<std::uint32_t>(plan.stages.size() - 1);
    }
    std::uint32_t source(std::uint32_t workers = 1, bool ordered = true) {
        Stage s;
        s.form = StageForm::source;
        s.ordered = ordered;
        return add("source", s, workers);
    }
    std::uint32_t map(std::vector<std::uint32_t> from, std::uint32_t workers, bool ordered, std::uint32_t queue = 0,
                      Merge merge = Merge::any, StageForm form = StageForm::map) {
        Stage s;
        s.form = form;
        for (const std::uint32_t f : from) s.from.push_back(TemplateIndex(f));
        s.ordered = ordered;
        s.queue = queue;
        s.merge = merge;
        return add("stage" + std::to_string(plan.stages.size()), s, workers);
    }
    Plan plan;
};

std::vector<Item> numbers(std::size_t n, std::uint64_t first = 1) {
    std::vector<Item> items;
    for (std::size_t i = 0; i < n; ++i) items.push_back(first * 1'000'000 + i);
    return items;
}

// Runs it, and compares what every stage sees with the model.
void check(Plan plan, const std::vector<std::vector<Item>>& sources, Random& random, std::size_t more_bytes = 1) {
    complete_stream(plan);
    std::vector<std::vector<Item>> all = sources;
    all.resize(plan.stages.size());
    const std::vector<test::Made> model = test::modelled(plan, all);
    test::StreamRun run(plan, all, random, more_bytes);
    ASSERT_EQ(run.run(), "");
    for (std::uint32_t s = 0; s < plan.stages.size(); ++s) {
        const Stage& stage = plan.stages[s];
        if (stage.from.empty()) continue;
        std::vector<test::Made> inputs;
        for (const TemplateIndex f : stage.from) inputs.push_back(model[f.value]);
        bool ordered = plan.templates[s].count == 1 && (inputs.size() == 1 || stage.merge != Merge::any);
        for (const test::Made& m : inputs) ordered = ordered && m.ordered;
        if (!model[s].known) continue;
        std::vector<Item> expected = test::merged(stage, inputs), seen = run.seen[s];
        if (!ordered) {
            std::sort(expected.begin(), expected.end());
            std::sort(seen.begin(), seen.end());
        }
        ASSERT_EQ(seen, expected) << "stage " << plan.templates[s].name << (ordered ? ", in order" : ", in any order");
    }
}

TEST(StreamFlow, ThreeStagesInARow) {
    Random random(1);
    Stages s;
    const auto source = s.source();
    s.map({s.map({source}, 1, false)}, 1, false);
    check(s.plan, {numbers(1000)}, random);
}

TEST(StreamFlow, OrderOverSeveralWorkersTwiceInARow) {
    Random random(2);
    Stages s;
    const auto source = s.source();
    const auto first = s.map({source}, 4, true, 3, Merge::any, StageForm::generator);
    s.map({first}, 3, true, 2);
    check(s.plan, {numbers(2000)}, random);
}

TEST(StreamFlow, AForkIntoEachMerge) {
    for (const Merge merge : {Merge::any, Merge::concat, Merge::interleave, Merge::zip}) {
        Random random(3);
        Stages s;
        const auto source = s.source(1, true);
        const auto left = s.map({source}, 1, false, 2, Merge::any, StageForm::generator);
        const auto right = s.map({source}, 2, true, 2);
        s.map({left, right}, 1, false, 0, merge);
        check(s.plan, {numbers(500)}, random);
    }
}

// Neither merge has two branches of one source, and yet each waits for what the other one stops.
TEST(StreamFlow, TwoSourcesIntoTwoConcatsTheOtherWayRound) {
    Random random(7);
    Stages s;
    const auto left = s.source();
    const auto right = s.source();
    s.map({left, right}, 1, false, 2, Merge::concat);
    s.map({right, left}, 1, false, 2, Merge::concat);
    for (Stage& stage : s.plan.stages) stage.queue = 3;
    check(s.plan, {numbers(300, 1), numbers(300, 2)}, random);
}

std::vector<BufferedInput> buffered(const Stages& s) { return inputs_to_buffer(s.plan.stages); }

TEST(BufferedInputs, AreThoseThatAMergeLetsWaitWhileTheyHaveAWayToTheOthers) {
    using Inputs = std::vector<BufferedInput>;
    for (const Merge merge : {Merge::interleave, Merge::zip}) {
        Stages s;
        const auto source = s.source();
        const auto m = s.map({s.map({source}, 1, false), source, s.source()}, 1, false, 0, merge);
        EXPECT_EQ(buffered(s), (Inputs{{m, 0}, {m, 1}})) << "and not the source of its own";
    }
    Stages s;
    const auto source = s.source();
    const auto left = s.map({source}, 1, false), right = s.map({source}, 1, false);
    s.map({left, right}, 1, false, 0, Merge::any);
    EXPECT_EQ(buffered(s), Inputs{}) << "as they come";
    s.map({left, right}, 1, false, 0, Merge::latest);
    EXPECT_EQ(buffered(s), Inputs{}) << "only the first is waited for";
    const auto both = s.map({left, right}, 1, false, 0, Merge::concat);
    EXPECT_EQ(buffered(s), (Inputs{{both, 1}})) << "the first of concat never waits";
}

// What waits behind a merge with the latest keeps it from taking anything: also what it only looks at the latest of.
TEST(BufferedInputs, MayHaveTheirWayOverWhatAMergeWithTheLatestLooksAt) {
    Stages s;
    const auto one = s.source(), two = s.source();
    const auto seen = s.map({one, two}, 1, false, 0, Merge::latest);
    const auto m = s.map({two, seen}, 1, false, 0, Merge::concat);
    EXPECT_EQ(buffered(s), (std::vector<BufferedInput>{{m, 1}}));
}

TEST(BufferedInputs, OfMergesOverSourcesOfTheirOwnAreNone) {
    Stages s;
    const auto one = s.source(), two = s.source(), three = s.source();
    const auto pairs = s.map({one, two}, 1, false, 0, Merge::zip);
    s.map({pairs, three}, 1, false, 0, Merge::concat);
    EXPECT_TRUE(buffered(s).empty());
}

TEST(BufferedInputs, BecomeStagesThatAreNamedAfterTheMerge) {
    Stages s;
    const auto source = s.source();
    const auto m = s.map({source, s.map({source}, 2, true)}, 3, true, 0, Merge::zip);
    complete_stream(s.plan);
    const auto at = [&](const std::string& name) {
        const auto& all = s.plan.templates;
        const auto found = std::find_if(all.begin(), all.end(), [&](const JobTemplate& t) { return t.name == name; });
        EXPECT_NE(found, all.end()) << name;
        return TemplateIndex(static_cast<std::uint32_t>(found - all.begin()));
    };
    const std::string name = s.plan.templates[m].name;
    const TemplateIndex order = at(name + "@order");
    EXPECT_EQ(s.plan.stages[order.value].from, (std::vector{at(name + "@buffer0"), at(name + "@buffer1")}));
    EXPECT_EQ(s.plan.stages[at(name + "@buffer0").value].role, Stage::Role::buffer);
    EXPECT_EQ(s.plan.stages[m].from, std::vector{order});
}

TEST(StreamFlow, TwoSourcesIntoEachMerge) {
    for (const Merge merge : {Merge::any, Merge::concat, Merge::interleave, Merge::zip}) {
        Random random(4);
        Stages s;
        const auto left = s.source();
        const auto right = s.source();
        s.map({left, right}, 3, true, 5, merge);
        check(s.plan, {numbers(300, 1), numbers(700, 2)}, random);
    }
}

TEST(StreamFlow, ASourceInPartsIsReadPartByPart) {
    Random random(5);
    Stages s;
    s.map({s.source(3, true)}, 2, true);
    check(s.plan, {numbers(1000)}, random);
}

TEST(StreamFlow, AQueueBoundsWhatWaits) {
    Random random(6);
    Stages s;
    Stage source;
    source.form = StageForm::source;
    source.queue = 7;
    s.add("source", source);
    s.map({0}, 1, false, 1);
    complete_stream(s.plan);
    std::vector<std::vector<Item>> sources{numbers(500)};
    sources.resize(s.plan.stages.size());
    test::StreamRun run(s.plan, sources, random);
    EXPECT_EQ(run.run(), "");
    EXPECT_EQ(run.most_waiting(), 7u);
}

// Sources, then stages that read one or several of those before them, however these hang together.
Plan random_plan(Random& random, std::vector<std::vector<Item>>& sources, std::uint32_t most_items = 800) {
    Stages s;
    std::vector<std::uint32_t> untouched;  // sources nobody reads yet
    const std::uint32_t n = random.between(1, 3);
    for (std::uint32_t i = 0; i < n; ++i) {
        untouched.push_back(s.source(random.chance(0.3) ? random.between(2, 3) : 1, random.chance(0.8)));
        sources.push_back(numbers(random.chance(0.1) ? 0 : random.below(most_items), i + 1));
    }
    const std::uint32_t queues[] = {0, 1, 2, 30};
    for (std::uint32_t i = random.between(1, 6); i != 0; --i) {
        std::vector<std::uint32_t> from;
        Merge merge = Merge::any;
        if (untouched.size() > 1 && random.chance(0.3)) {
            from = std::exchange(untouched, {});
        } else {
            for (std::uint32_t k = random.chance(0.6) ? 1 : random.between(2, 3); k != 0; --k) {
                const std::uint32_t other = random.below(static_cast<std::uint32_t>(s.plan.stages.size()));
                if (std::find(from.begin(), from.end(), other) == from.end()) from.push_back(other);
                std::erase(untouched, other);
            }
        }
        if (from.size() > 1) merge = static_cast<Merge>(random.below(4));
        s.map(from, random.chance(0.5) ? 1 : random.between(2, 4), random.chance(0.6), queues[random.below(4)], merge,
              random.chance(0.3) ? StageForm::generator : StageForm::map);
    }
    return s.plan;
}

TEST(StreamFlow, RandomStreamsAreAsModelled) {
    const char* asked = std::getenv("PENSTOCK_STREAM_SEEDS");
    const std::uint64_t seeds = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 300;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random(seed);
        std::vector<std::vector<Item>> sources;
        const Plan plan = random_plan(random, sources);
        SCOPED_TRACE(test::text(plan));
        check(plan, sources, random);
        if (HasFatalFailure()) return;
    }
}

// Items of up to 400 kB: the bytes of links are what bounds them.
TEST(StreamFlow, RandomStreamsOfLargeItemsAreAsModelled) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random(seed);
        std::vector<std::vector<Item>> sources;
        const Plan plan = random_plan(random, sources, 100);
        SCOPED_TRACE(test::text(plan));
        check(plan, sources, random, 100'000);
        if (HasFatalFailure()) return;
    }
}

}  // namespace
}  // namespace penstock
