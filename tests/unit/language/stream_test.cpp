// Plans of definitions with `stages:`. What is refused, and in which words, is in tests/language_examples.
#include "language/dot.hpp"
#include "language/statistics.hpp"
#include "support.hpp"

#include <penstock/pipeline.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> names(const Plan& plan) {
    std::vector<std::string> names;
    for (const JobTemplate& stage : plan.templates) names.push_back(stage.name);
    return names;
}

std::uint32_t index_of(const Plan& plan, const std::string& name) {
    for (std::uint32_t i = 0; i < plan.templates.size(); ++i)
        if (plan.templates[i].name == name) return i;
    ADD_FAILURE() << "no stage " << name;
    return 0;
}
const JobTemplate& stage_job(const Plan& plan, const std::string& name) {
    return plan.templates.at(index_of(plan, name));
}
const Stage& stage(const Plan& plan, const std::string& name) { return plan.stages.at(index_of(plan, name)); }

std::vector<std::string> from(const Plan& plan, const std::string& name) {
    std::vector<std::string> names;
    for (TemplateIndex producer : stage(plan, name).from) names.push_back(plan.templates.at(producer.value).name);
    return names;
}

//  urls -> fetch(4) -> titles(2) -> top
constexpr const char* kTitles = R"(
data: {source: urls.txt}
stages:
  urls:   {worker: lines, with: {file: "{source}"}}
  fetch:  {worker: Fetch, from: urls, workers: 4, queue: 30, cpus: 2, memory: 1 MiB, resources: {net: 1}, ordered: true}
  titles: {worker: Title, from: fetch, workers: 2, ordered: true}
  top:    {worker: MostCommon, from: titles}
)";

TEST(Stream, EachStageIsATemplateAndItsWorkersAreItsJobs) {
    const auto plan = plan_of_body(kTitles);
    ASSERT_TRUE(plan->is_stream());
    EXPECT_EQ(plan->stages.size(), plan->templates.size());
    EXPECT_TRUE(plan->edges.empty());
    EXPECT_THAT(names(*plan), ElementsAre("urls", "fetch", "titles", "top", "titles@order", "top@results"));
    EXPECT_EQ(stage_job(*plan, "urls").for_each, nullptr);
    EXPECT_EQ(stage_job(*plan, "fetch").count, 4u);
    EXPECT_EQ(job_label(stage_job(*plan, "fetch"), 2), "fetch[worker=2]");
    EXPECT_EQ(plan->job_label(JobIndex(stage_job(*plan, "titles").first_job.value + 1)), "titles[worker=1]");
    EXPECT_EQ(plan->job_count, 1u + 4 + 2 + 1 + 1 + 1);
    EXPECT_EQ(stage(*plan, "urls").form, StageForm::source);
    EXPECT_EQ(stage(*plan, "fetch").form, StageForm::map);
    EXPECT_EQ(stage(*plan, "top").form, StageForm::fold);
    EXPECT_EQ(stage(*plan, "fetch").queue, 30u);
    EXPECT_TRUE(stage(*plan, "fetch").keeps_order);
    EXPECT_THAT(from(*plan, "titles"), ElementsAre("titles@order"));
    EXPECT_THAT(from(*plan, "titles@order"), ElementsAre("fetch"));
    EXPECT_THAT(from(*plan, "top"), ElementsAre("titles"));
    EXPECT_THAT(plan->definition_text, HasSubstr("urls:   {worker: lines"));
}

TEST(Stream, ProducersComeFirstElseTheOrderIsThatOfTheDefinition) {
    const auto plan = plan_of_body(R"(
stages:
  d: {worker: Title, from: [c, b], merge: any}
  b: {worker: Title, from: a}
  e: {worker: range}
  c: {worker: Title, from: a}
  a: {worker: range}
)");
    EXPECT_THAT(names(*plan), ElementsAre("e", "a", "b", "c", "d", "e@results", "d@results"));
    EXPECT_THAT(from(*plan, "d"), ElementsAre("c", "b"));
    EXPECT_EQ(stage(*plan, "d").merge, Merge::any);
}

TEST(Stream, AStageHoldsCpusOnlyWhenItSaysSo) {
    const auto plan = plan_of_body(kTitles);
    EXPECT_EQ(stage_job(*plan, "urls").resources, (Resources{0, 0, {}}));
    EXPECT_EQ(stage_job(*plan, "fetch").resources, (Resources{2, 1u << 20, {{"net", 1}}}));
    const auto by_default = plan_of_body("defaults: {cpus: 1}\nstages: {range: {}}\n");
    EXPECT_EQ(stage_job(*by_default, "range").resources.cpus, 1u);
    EXPECT_EQ(stage_job(*by_default, "range@results").resources.cpus, 0u);
}

TEST(Stream, RetriesAreThoseOfRetriedItems) {
    const auto plan = plan_of_body(R"(
defaults: {retries: 9, timeout: 5, isolation: inline, priority: 2}
stages:
  range: {}
  fails: {worker: Title, from: range}
  skips: {worker: Title, from: range, on-error: skip, isolation: process}
  again: {worker: Title, from: range, on-error: retry}
  twice: {worker: Title, from: range, on-error: retry, retries: 2, timeout: none}
)");
    EXPECT_EQ(stage_job(*plan, "range").timeout_s, 0);  // it has no items to time
    EXPECT_EQ(stage_job(*plan, "fails").timeout_s, 5);
    EXPECT_EQ(stage_job(*plan, "twice").timeout_s, 0);
    EXPECT_EQ(stage_job(*plan, "fails").retries, 0u);
    EXPECT_EQ(stage_job(*plan, "skips").retries, 0u);
    EXPECT_EQ(stage_job(*plan, "again").retries, 9u);
    EXPECT_EQ(stage_job(*plan, "twice").retries, 2u);
    EXPECT_EQ(stage(*plan, "skips").on_error, OnError::skip);
    EXPECT_EQ(stage_job(*plan, "again").isolation, Isolation::in_line);
    EXPECT_EQ(stage_job(*plan, "skips").isolation, Isolation::process);
    EXPECT_EQ(stage_job(*plan, "again").priority, 2);
    const auto alone = plan_of_body("stages: {range: {}, t: {worker: Title, from: range, on-error: retry}}\n");
    EXPECT_EQ(stage_job(*alone, "t").retries, 3u);
}

TEST(Stream, PlaceholdersAreBoundToDataAndParametersOnly) {
    const auto plan = plan_of_body(R"(
data: {worker: bee}
stages:
  urls: {worker: lines, with: {file: "{name}.txt", name: "a-{worker}"}, workers: 2}
)");
    const std::vector<Binding>& bindings = stage_job(*plan, "urls").bindings;
    ASSERT_EQ(bindings.size(), 2u);
    EXPECT_EQ(bindings[0].key, "name");
    EXPECT_EQ(bindings[0].from, Binding::From::with);
    EXPECT_EQ(bindings[1].key, "worker");
    EXPECT_EQ(bindings[1].from, Binding::From::data);
    EXPECT_FALSE(bindings[0].in_document || bindings[1].in_document);
}

// The worker of a job gets the keys it needs from items.
TEST(Stream, AJobsWorkerAsAStageNeedsNothingOfThePlan) {
    const auto plan = plan_of_body("stages: {range: {}, sq: {worker: Square, from: range}}\n");
    EXPECT_EQ(stage(*plan, "sq").form, StageForm::map);
    EXPECT_TRUE(stage_job(*plan, "sq").bindings.empty());
}

TEST(Stream, KeysOfForEachPipelinesAreOwnKeys) {
    LoadOptions options;
    options.for_each_given = true;
    const auto plan = plan_of_body("stages: {urls: {worker: lines, with: {file: '{city}'}}}\n", options);
    EXPECT_THAT(plan->own_keys, ElementsAre("city"));
    EXPECT_THAT(stage_job(*plan, "urls").data_keys, ElementsAre("city"));
    EXPECT_EQ(submissions_for_line({plan}, R"({"city": "Bonn"})", "item", "f", 1).submissions.size(), 1u);
    EXPECT_THAT(render(submissions_for_line({plan}, "x", "item", "f", 1).diagnostics),
                HasSubstr("stage `urls` uses it; the line gives `item`"));
}

TEST(Stream, LeavesThatSaveNothingHaveNoResults) {
    const auto plan = plan_of_body("stages: {range: {}, a: {worker: Title, from: range, save: none}}\n");
    EXPECT_THAT(names(*plan), ElementsAre("range", "a"));
}

TEST(Stream, AsManyStagesAndWorkersAsAreAllowed) {
    std::string text = "stages:\n  s0: {worker: range}\n";
    for (std::uint32_t i = 1; i < kMaxStages; ++i)
        text += "  s" + std::to_string(i) + ": {worker: Title, from: s" + std::to_string(i - 1) + "}\n";
    EXPECT_EQ(plan_of_body(text)->templates.size(), kMaxStages + 1);
    EXPECT_THAT(diagnostics_of_body(text + "  s80: {worker: Title, from: s79}\n"),
                HasSubstr("they are 81, and 80 are allowed"));
    EXPECT_EQ(plan_of_body("stages: {range: {workers: 100000}}\n")->job_count, 100'001u);
    std::string branches = "stages:\n  range: {}\n";
    std::string all;
    for (int i = 0; i < 40; ++i) {
        branches += "  b" + std::to_string(i) + ": {worker: Title, from: range}\n";
        all += (i == 0 ? "b" : ", b") + std::to_string(i);
    }
    EXPECT_THAT(
        diagnostics_of_body(branches + "  all: {worker: Title, from: [" + all + "], merge: zip}\n"),
        HasSubstr("they are 82, and 80 are allowed; folds with several workers and samples that keep the latest "
                  "count twice, and inputs that a merge lets wait once each"));
    EXPECT_EQ(plan_of_body(branches + "  all: {worker: Title, from: [" + all + "], merge: any}\n")->templates.size(),
              43u);
    EXPECT_THAT(diagnostics_of_body("stages: {range: {workers: 100000}, a: {worker: Title, from: range}}\n"),
                HasSubstr("up to here they are 100001, and 100000 are allowed"));
}

TEST(Stream, ManyStagesInCirclesAreToldSoon) {
    std::string text = "stages:\n";
    for (int i = 0; i < 20'000; ++i)
        text += "  s" + std::to_string(i) + ": {worker: Title, from: s" + std::to_string((i + 1) % 20'000) + "}\n";
    const Loaded loaded = load_body(text);
    EXPECT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.diagnostics.size(), 2u);
}

TEST(Stream, IsTheSameInJson) {
    const Loaded loaded = load_text(
        R"({"penstock": 1, "name": "p", "stages": {"range": null, "t": {"worker": "Title", "from": ["range"]}}})",
        "p.json", "/definitions", worker_types(), {});
    ASSERT_EQ(loaded.plans.size(), 1u) << render(loaded.diagnostics);
    EXPECT_EQ(plan_text(*loaded.plans[0]),
              plan_text(*plan_of_body("stages: {range: {}, t: {worker: Title, from: range}}\n")));
}

TEST(Stream, AnotherParameterIsAnotherHash) {
    const auto hash = [](const std::string& file) {
        return stage_job(*plan_of_body("stages: {urls: {worker: lines, with: {file: " + file + "}}}\n"), "urls").hash;
    };
    EXPECT_EQ(hash("a"), hash("a"));
    EXPECT_NE(hash("a"), hash("b"));
}

TEST(Stream, IsNoPipelineOfJobs) {
    try {
        Pipeline::deserialize(R"({"penstock": 1, "name": "p", "stages": {"range": {}}})");
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_THAT(error.what(), HasSubstr("it is a stream"));
    }
}

// A type may be both: a class that is a job's worker and a stage's.
TEST(Stream, ATypeThatIsBothMayBeAJob) {
    class Both : public Worker {
    public:
        Document process(const Document&, Context&) override { return {}; }
    };
    WorkerType both = worker("Both");
    both.form = StageForm::map;
    both.create = [] { return std::make_unique<Both>(); };
    const Loaded loaded = load_text("{penstock: 1, name: p, jobs: {Both: {}}}", "p", "/", {both}, {});
    EXPECT_EQ(render(loaded.diagnostics), "");
}

// ---------------------------------------------------------------------------------------------- what is told of it

TEST(Stream, StatisticsAreOfStages) {
    const auto plan = plan_of_body(kTitles);
    const PlanStatistics s = statistics_of(*plan);
    EXPECT_EQ(s.templates, 4u);
    EXPECT_EQ(s.jobs, 8u);
    EXPECT_EQ(s.edges, 3u);
    EXPECT_EQ(to_text(s, *plan),
              "4 stages, 8 workers, 3 edges, depth 4\n"
              "longest path: urls -> fetch -> titles -> top\n"
              "stages:\n"
              "  urls: 1 x lines\n"
              "  fetch: 4 x Fetch from urls, ordered, queue 30\n"
              "  titles: 2 x Title from fetch, ordered\n"
              "  top: 1 x MostCommon from titles\n"
              "all workers together: 8 cpus, 4 MiB, 4 net\n");
}

TEST(Stream, StatisticsTellMergesAndWhatBecomesOfErrors) {
    const auto plan = plan_of_body(R"(
stages:
  range: {}
  a: {worker: Title, from: range, on-error: skip}
  other: {worker: range}
  third: {worker: range}
  b: {worker: Title, from: [other, a], merge: zip, workers: 2}
  c: {worker: Title, from: [b, third], merge: concat, on-error: retry}
  d: {worker: Title, from: [b, c], merge: concat}
)");
    EXPECT_EQ(to_text(statistics_of(*plan), *plan),
              "7 stages, 8 workers, 7 edges, depth 5\n"
              "longest path: range -> a -> b -> c -> d\n"
              "stages:\n"
              "  range: 1 x range\n"
              "  a: 1 x Title from range, skips failing items\n"
              "  other: 1 x range\n"
              "  third: 1 x range\n"
              "  b: 2 x Title from other, a (zip)\n"
              "  c: 1 x Title from b, third (concat), tries failing items again\n"
              "  d: 1 x Title from b, c (concat, keeps what waits)\n"
              "the workers share the cpus\n");
}

TEST(Stream, MemoryOfManyWorkersDoesNotOverflow) {
    const auto plan = plan_of_body("stages: {range: {workers: 100000, memory: 1024 TiB}}\n");
    EXPECT_EQ(statistics_of(*plan).memory_bytes, std::numeric_limits<std::uint64_t>::max());
}

TEST(Stream, DotShowsStagesAndTheirArrows) {
    EXPECT_EQ(dot_text(*plan_of_body(kTitles)),
              "digraph \"p\" {\n"
              "    rankdir=LR;\n"
              "    node [shape=box];\n"
              "    \"urls\" [label=\"urls\\nlines\"];\n"
              "    \"fetch\" [label=\"fetch x 4\\nFetch\", shape=box3d];\n"
              "    \"titles\" [label=\"titles x 2\\nTitle\", shape=box3d];\n"
              "    \"top\" [label=\"top\\nMostCommon\"];\n"
              "    \"urls\" -> \"fetch\";\n"
              "    \"fetch\" -> \"titles\";\n"
              "    \"titles\" -> \"top\";\n"
              "}\n");
}

TEST(Stream, AParameterThatNamesItselfMeansData) {
    const auto plan = plan_of_body(R"(
data: {top: 3}
stages:
  urls: {worker: lines, with: {file: "{top}.txt", top: "{top}"}}
  top:  {worker: MostCommon, from: urls, with: {top: "{top}"}}
)");
    for (const char* name : {"urls", "top"}) {
        const JobTemplate& job = stage_job(*plan, name);
        const auto behind = std::find_if(job.bindings.begin(), job.bindings.end(),
                                         [](const Binding& b) { return b.key == "top@data"; });
        ASSERT_NE(behind, job.bindings.end()) << name;
        EXPECT_EQ(behind->from, Binding::From::data);
        EXPECT_EQ(behind->source_key, "top");
        EXPECT_FALSE(behind->in_document);
        EXPECT_THAT(job.data_keys, ElementsAre("top"));
    }
}

}  // namespace
}  // namespace penstock::test
