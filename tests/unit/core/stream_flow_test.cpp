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
void check(Plan plan, const std::vector<std::vector<Item>>& sources, Random& random) {
    complete_stream(plan);
    std::vector<std::vector<Item>> all = sources;
    all.resize(plan.stages.size());
    const std::vector<test::Made> model = test::modelled(plan, all);
    test::StreamRun run(plan, all, random);
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
    for (const Merge merge : {Merge::any, Merge::interleave}) {
        Random random(3);
        Stages s;
        const auto source = s.source();
        const auto left = s.map({source}, 1, false);
        const auto right = s.map({source}, 2, true);
        s.map({left, right}, 1, false, 0, merge);
        check(s.plan, {numbers(500)}, random);
    }
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

// Sources, then stages that read one or several of those before them. Merges that wait for one input while another one
// goes on are over sources of their own: two branches of one source would stop one another (see
// docs/pipeline_format.md).
Plan random_plan(Random& random, std::vector<std::vector<Item>>& sources) {
    Stages s;
    std::vector<std::uint32_t> untouched;  // sources nobody reads yet
    const std::uint32_t n = random.between(1, 3);
    for (std::uint32_t i = 0; i < n; ++i) {
        untouched.push_back(s.source(random.chance(0.3) ? random.between(2, 3) : 1, random.chance(0.8)));
        sources.push_back(numbers(random.chance(0.1) ? 0 : random.below(800), i + 1));
    }
    const std::uint32_t queues[] = {0, 1, 2, 30};
    for (std::uint32_t i = random.between(1, 6); i != 0; --i) {
        std::vector<std::uint32_t> from;
        Merge merge = Merge::any;
        if (untouched.size() > 1 && random.chance(0.5)) {
            from = std::exchange(untouched, {});
            merge = static_cast<Merge>(random.below(4));
        } else {
            from = {random.below(static_cast<std::uint32_t>(s.plan.stages.size()))};
            std::erase(untouched, from.front());
            const std::uint32_t other = random.below(static_cast<std::uint32_t>(s.plan.stages.size()));
            if (random.chance(0.2) && other != from.front()) from.push_back(other);
            std::erase(untouched, other);
        }
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

}  // namespace
}  // namespace penstock
