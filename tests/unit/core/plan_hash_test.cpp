// Which changes of a definition change the hash of which jobs: resume runs exactly these again.
//
//     fetch --> parse[page] --twin--> words[page] --group by page % 2--> merge[half] --all--> report
//     other
#include "core/plan.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <set>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

Binding from_data(std::string key) {
    Binding binding;
    binding.key = binding.source_key = std::move(key);
    return binding;
}

Binding from_output(std::string key, std::uint32_t producer, Relation relation, bool list = false) {
    Binding binding;
    binding.key = binding.source_key = std::move(key);
    binding.from = Binding::From::outputs;
    binding.list = list;
    binding.producers = {{TemplateIndex(producer), relation, 0}};
    return binding;
}

std::shared_ptr<ForEach> over(std::string name, std::uint64_t count) {
    return std::make_shared<ForEach>(ForEach{{{Axis{std::move(name), Range{0, 1, count}}}}});
}

enum : std::uint32_t { fetch, parse, words, merge, report, other };

Plan pages(std::uint32_t count = 4) {
    Plan plan;
    plan.data = {{"url", "http://a"}, {"language", "en"}, {"unused", 1}};
    plan.templates.resize(6);
    const char* names[] = {"fetch", "parse", "words", "merge", "report", "other"};
    for (std::uint32_t t = 0; t < 6; ++t) plan.templates[t].name = plan.templates[t].worker = names[t];
    plan.templates[fetch].bindings = {from_data("url")};
    plan.templates[parse].bindings = {from_output("page", fetch, Relation::all)};
    plan.templates[words].bindings = {from_output("text", parse, Relation::twin), from_data("language")};
    plan.templates[merge].bindings = {from_output("counts", words, Relation::group, true)};
    plan.templates[report].bindings = {from_output("sums", merge, Relation::all, true)};
    plan.templates[parse].for_each = plan.templates[words].for_each = over("page", count);
    plan.templates[parse].count = plan.templates[words].count = count;
    plan.templates[merge].for_each = over("half", 2);
    plan.templates[merge].count = 2;
    Grouping grouping;
    for (std::uint32_t page = 0; page < count; ++page) grouping.consumer_of.push_back(page % 2);
    grouping.groups = 2;
    plan.groupings = {grouping};
    std::uint32_t first = 0;
    for (JobTemplate& job : plan.templates) {
        job.first_job = JobIndex(first);
        first += job.count;
    }
    plan.job_count = first;
    return plan;
}

std::map<std::string, std::uint64_t> hashes(Plan plan, const Document& own_data = {}) {
    seal_hashes(plan);
    PipelineInfo pipeline;
    pipeline.own_data = own_data;
    std::map<std::string, std::uint64_t> hashes;
    for (const JobTemplate& job : plan.templates)
        for (std::uint32_t i = 0; i < job.count; ++i) hashes[job_label(job, i)] = job_hash(plan, pipeline, job, i);
    return hashes;
}

// The jobs that are in both and whose hashes differ; a template whose jobs all differ by its name alone.
std::set<std::string> changed(const std::map<std::string, std::uint64_t>& before,
                              const std::map<std::string, std::uint64_t>& after) {
    std::set<std::string> changed;
    for (const auto& [label, hash] : after)
        if (const auto old = before.find(label); old != before.end() && old->second != hash) changed.insert(label);
    for (const char* name : {"parse", "words", "merge"}) {
        const auto of_name = [name](const auto& entry) { return entry.starts_with(std::string(name) + "["); };
        const auto count = [&of_name](const auto& entries, auto&& label) {
            return std::count_if(entries.begin(), entries.end(), [&](const auto& e) { return of_name(label(e)); });
        };
        const auto all = count(after, [](const auto& entry) { return entry.first; });
        if (all != 0 && all == count(changed, [](const auto& entry) { return entry; })) {
            std::erase_if(changed, of_name);
            changed.insert(name);
        }
    }
    return changed;
}

std::set<std::string> changed_by(const std::function<void(Plan&)>& change) {
    Plan plan = pages();
    change(plan);
    return changed(hashes(pages()), hashes(std::move(plan)));
}

TEST(JobHash, EveryJobHasItsOwn) {
    std::set<std::uint64_t> distinct;
    for (const auto& [label, hash] : hashes(pages())) distinct.insert(hash);
    EXPECT_EQ(distinct.size(), pages().job_count);
}

TEST(JobHash, MeansTheSameInEveryVersion) {
    const auto now = hashes(pages());
    EXPECT_EQ(now.at("fetch"), 0xd4e6064288de39f0u);
    EXPECT_EQ(now.at("words[page=2]"), 0x1ca6b585141e4df1u);
    EXPECT_EQ(now.at("merge[half=1]"), 0xadd309df678f3a30u);
    EXPECT_EQ(now.at("report"), 0x44fc11f37a832613u);
}

TEST(JobHash, AWorkerOrAParameterChangesTheJobAndWhatUsesItsOutputs) {
    EXPECT_THAT(changed_by([](Plan& plan) { plan.templates[fetch].worker = "Fetch2"; }),
                UnorderedElementsAre("fetch", "parse", "words", "merge", "report"));
    EXPECT_THAT(changed_by([](Plan& plan) { plan.templates[words].with["n"] = 1; }),
                UnorderedElementsAre("words", "merge", "report"));
    EXPECT_THAT(changed_by([](Plan& plan) { plan.templates[report].with["n"] = 1; }), ElementsAre("report"));
    EXPECT_THAT(changed_by([](Plan& plan) { plan.templates[other].with["n"] = 1; }), ElementsAre("other"));
}

TEST(JobHash, AnInputChangesTheJob) {
    EXPECT_THAT(changed_by([](Plan& plan) { plan.templates[report].bindings[0].source_key = "means"; }),
                ElementsAre("report"));
    EXPECT_THAT(changed_by([](Plan& plan) { plan.templates[report].bindings[0].missing = Missing::drop; }),
                ElementsAre("report"));
    EXPECT_THAT(
        changed_by([](Plan& plan) { plan.templates[report].bindings[0].producers[0].job = TemplateIndex(parse); }),
        ElementsAre("report"));
}

TEST(JobHash, ADataKeyChangesTheJobsThatUseItAndThoseBelow) {
    EXPECT_THAT(changed_by([](Plan& plan) { plan.data["unused"] = 2; }), IsEmpty());
    EXPECT_THAT(changed_by([](Plan& plan) { plan.data["language"] = "pt"; }),
                UnorderedElementsAre("words", "merge", "report"));
    EXPECT_THAT(changed_by([](Plan& plan) { plan.data["url"] = "http://b"; }),
                UnorderedElementsAre("fetch", "parse", "words", "merge", "report"));
}

TEST(JobHash, APipelinesOwnDataCountsAsDataDoes) {
    const auto before = hashes(pages());
    EXPECT_THAT(changed(before, hashes(pages(), {{"language", "pt"}})),
                UnorderedElementsAre("words", "merge", "report"));
    EXPECT_THAT(changed(before, hashes(pages(), {{"elsewhere", 1}})), IsEmpty());
    Plan plan = pages();
    plan.data["language"] = "pt";
    EXPECT_EQ(hashes(plan), hashes(pages(), {{"language", "pt"}}));
}

TEST(JobHash, ResourcesRetriesNamesOfJobsAndPositionChangeNothing) {
    EXPECT_THAT(changed_by([](Plan& plan) {
                    for (JobTemplate& job : plan.templates) {
                        job.resources.cpus = 7;
                        job.retries = 3;
                        job.timeout_s = 9;
                        job.priority = 2;
                        job.isolation = Isolation::in_line;
                        job.save.all = false;
                    }
                }),
                IsEmpty());
    EXPECT_THAT(changed_by([](Plan& plan) {
                    auto& bindings = plan.templates[words].bindings;
                    std::swap(bindings[0], bindings[1]);
                }),
                IsEmpty());
}

TEST(JobHash, AFurtherInstanceChangesOnlyTheGroupItJoinsAndThoseBelow) {
    const auto five_pages = hashes(pages(5));  // page 4 joins half 0
    EXPECT_THAT(changed(hashes(pages(4)), five_pages), UnorderedElementsAre("merge[half=0]", "report"));
}

TEST(JobHash, WhatATwinOfAGroupedJobDependsOnReachesIt) {
    const auto with_twin_of_merge = [](std::uint32_t count) {
        Plan plan = pages(count);
        plan.templates[other].for_each = plan.templates[merge].for_each;
        plan.templates[other].count = 2;
        plan.templates[other].bindings = {from_output("sum", merge, Relation::twin)};
        return hashes(plan);
    };
    EXPECT_THAT(changed(with_twin_of_merge(4), with_twin_of_merge(5)),
                UnorderedElementsAre("merge[half=0]", "other[half=0]", "report"));
}

TEST(SealHashes, ListsTheDataKeysOfAJobAndOfAllAboveIt) {
    Plan plan = pages();
    seal_hashes(plan);
    EXPECT_THAT(plan.templates[fetch].data_keys, ElementsAre("url"));
    EXPECT_THAT(plan.templates[words].data_keys, ElementsAre("language", "url"));
    EXPECT_THAT(plan.templates[report].data_keys, ElementsAre("language", "url"));
    EXPECT_THAT(plan.templates[other].data_keys, IsEmpty());
    EXPECT_EQ(plan.templates[words].group_hashes, nullptr);
    EXPECT_EQ(plan.templates[merge].group_hashes->size(), 2u);
}

TEST(SealHashes, BeyondALimitEveryDataKeyCounts) {
    const auto with_keys = [](std::size_t count) {
        Plan plan = pages();
        for (std::size_t k = 0; k < count; ++k)
            plan.templates[other].bindings.push_back(from_data("k" + std::to_string(k)));
        return plan;
    };
    Plan few = with_keys(kMaxDataKeys), many = with_keys(kMaxDataKeys + 1);
    Plan few_changed = few, many_changed = many;
    few_changed.data["unused"] = many_changed.data["unused"] = 2;
    EXPECT_THAT(changed(hashes(few), hashes(few_changed)), IsEmpty());
    EXPECT_THAT(changed(hashes(many), hashes(many_changed)), ElementsAre("other"));
    EXPECT_THAT(changed(hashes(many), hashes(many, {{"elsewhere", 1}})), ElementsAre("other"));
}

TEST(SealHashes, AChainOf100000TemplatesIsNoProblemInAnyOrder) {
    Plan plan;
    plan.templates.resize(100'000);
    for (std::uint32_t t = 0; t + 1 < plan.templates.size(); ++t)  // each one's producer is defined after it
        plan.templates[t].bindings = {from_output("x", t + 1, Relation::all)};
    seal_hashes(plan);
    const std::uint64_t before = plan.templates.front().hash;
    plan.templates.back().worker = "other";
    seal_hashes(plan);
    EXPECT_NE(plan.templates.front().hash, before);
}

TEST(SealHashes, ACycleOfInputsIsAnErrorOfOurs) {
    Plan plan = pages();
    plan.templates[fetch].bindings.push_back(from_output("x", report, Relation::all));
    EXPECT_THROW(seal_hashes(plan), std::logic_error);
}

// ------------------------------------------------------------------------------------------ streams

//  source -> map(3, ordered) -> fold
Plan stream_of_three() {
    Plan plan;
    plan.name = "s";
    plan.data = {{"file", "a.txt"}};
    for (const char* name : {"source", "map", "fold"}) {
        JobTemplate t;
        t.name = t.worker = name;
        plan.templates.push_back(std::move(t));
        plan.stages.emplace_back();
    }
    Binding file;
    file.key = file.source_key = "file";
    plan.templates[0].bindings = {file};
    plan.stages[0].form = StageForm::source;
    plan.templates[1].count = 3;
    plan.stages[1].from = {TemplateIndex(0)};
    plan.stages[1].ordered = true;
    plan.stages[2].form = StageForm::fold;
    plan.stages[2].from = {TemplateIndex(1)};
    return plan;
}

std::vector<std::string> stages_changed_by(const std::function<void(Plan&)>& change) {
    Plan before = stream_of_three(), after = stream_of_three();
    change(after);
    std::vector<std::string> changed;
    for (Plan* plan : {&before, &after}) {
        complete_stream(*plan);
        seal_hashes(*plan);
    }
    for (std::uint32_t t = 0; t < 3; ++t)
        if (job_hash(before, {}, before.templates[t], 0) != job_hash(after, {}, after.templates[t], 0))
            changed.push_back(before.templates[t].name);
    return changed;
}

TEST(StageHash, WhatChangesAStageChangesAllThatItsItemsReach) {
    EXPECT_THAT(stages_changed_by([](Plan&) {}), IsEmpty());
    EXPECT_THAT(stages_changed_by([](Plan& p) { p.templates[0].with["n"] = 1; }), ElementsAre("source", "map", "fold"));
    EXPECT_THAT(stages_changed_by([](Plan& p) { p.data["file"] = "b.txt"; }), ElementsAre("source", "map", "fold"));
    EXPECT_THAT(stages_changed_by([](Plan& p) { p.templates[1].worker = "other"; }), ElementsAre("map", "fold"));
    EXPECT_THAT(stages_changed_by([](Plan& p) { p.stages[1].on_error = OnError::skip; }), ElementsAre("map", "fold"));
    EXPECT_THAT(stages_changed_by([](Plan& p) { p.templates[2].with["n"] = 1; }), ElementsAre("fold"));
    EXPECT_THAT(stages_changed_by([](Plan& p) { p.stages[2].from = {TemplateIndex(0)}; }), ElementsAre("fold"));
}

TEST(StageHash, HowManyShareTheWorkChangesNothing) {
    EXPECT_THAT(stages_changed_by([](Plan& p) { p.templates[1].count = 5; }), IsEmpty());
    EXPECT_THAT(stages_changed_by([](Plan& p) { p.stages[1].queue = 7; }), IsEmpty());
}

}  // namespace
}  // namespace penstock
