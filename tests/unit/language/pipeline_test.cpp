// Pipelines made in C++. The first part has a counterpart of each test that pypelinin has for its Pipeline.
#include <penstock/pipeline.hpp>

#include "language/pipeline_form.hpp"
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <set>
#include <unordered_set>

namespace penstock::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using Names = std::vector<std::string>;

//  A -> B -> C
Pipeline chain() { return Pipeline("chain", {{Job("A"), Job("B")}, {Job("B"), Job("C")}}); }

template <class T>
concept MakesNodes = std::is_constructible_v<Pipeline::Nodes, T>;

TEST(PipelineOfJobs, OnlyJobsAreAccepted) {
    static_assert(MakesNodes<Job>);
    static_assert(!MakesNodes<int>);
    static_assert(!MakesNodes<const char*>);
    static_assert(!MakesNodes<std::string>);
    // In text, where the compiler cannot help:
    EXPECT_THROW(Pipeline::deserialize(R"({"penstock": 1, "name": "p", "graph": {"A": 5.5}})"), std::invalid_argument);
    EXPECT_THROW(Pipeline::deserialize(R"({"penstock": 1, "name": "p", "graph": [["A", true]]})"),
                 std::invalid_argument);
}

TEST(PipelineOfJobs, Repr) {
    EXPECT_EQ(chain().repr(), "Pipeline(\"chain\": A, B, C)");
    EXPECT_EQ(Job("A").repr(), "Job(\"A\")");
    EXPECT_EQ(Job("a", "A").repr(), "Job(\"a\", \"A\")");
}

TEST(PipelineOfJobs, Jobs) {
    const Pipeline pipeline("p",
                            {{Job("A"), {Job("B"), Job("C")}}, {Job("D"), nullptr}, {{Job("B"), Job("D")}, Job("E")}});
    Names names;
    for (const Job& job : pipeline.jobs()) names.push_back(job.name());
    EXPECT_THAT(names, ElementsAre("A", "B", "C", "D", "E"));
    EXPECT_TRUE(pipeline.has_job("C"));
    EXPECT_FALSE(pipeline.has_job("F"));
    EXPECT_EQ(pipeline.job("B"), Job("B"));
    EXPECT_THROW(pipeline.job("F"), std::invalid_argument);
}

TEST(PipelineOfJobs, Starters) {
    EXPECT_THAT(chain().starters(), ElementsAre("A"));
    const Pipeline two("p", {{Job("A"), Job("C")}, {Job("B"), Job("C")}, {Job("D"), {}}});
    EXPECT_THAT(two.starters(), ElementsAre("A", "B", "D"));
}

TEST(PipelineOfJobs, Normalize) {
    const Pipeline one("p", {{Job("A"), Job("B")}});
    EXPECT_THAT(one.graph(), ElementsAre(Pair("A", "B")));
    const Pipeline alone("p", {{Job("A"), {}}});
    EXPECT_THAT(alone.graph(), IsEmpty());
    const Pipeline all_times_all("p", {{{Job("A"), Job("B")}, {Job("C"), Job("D")}}});
    EXPECT_THAT(all_times_all.graph(), ElementsAre(Pair("A", "C"), Pair("B", "C"), Pair("A", "D"), Pair("B", "D")));
    const Pipeline mixed("p",
                         {{Job("A"), {Job("B"), Job("C")}}, {{Job("B"), Job("C")}, Job("D")}, {Job("A"), Job("B")}});
    EXPECT_THAT(mixed.graph(), ElementsAre(Pair("A", "B"), Pair("A", "C"), Pair("B", "D"), Pair("C", "D")));
}

TEST(PipelineOfJobs, ValidateGraph) {
    EXPECT_THAT(chain().problems(), IsEmpty());
    EXPECT_THAT(Pipeline("empty").problems(), ElementsAre(HasSubstr("the pipeline has no jobs")));
    EXPECT_THAT(Pipeline("self", {{Job("A"), Job("A")}}).problems(),
                ElementsAre(HasSubstr("job `A` depends on itself")));
    EXPECT_THAT(Pipeline("no-starter", {{Job("A"), Job("B")}, {Job("B"), Job("A")}}).problems(),
                ElementsAre(HasSubstr("in a circle: A -> B -> A")));
    EXPECT_THAT(
        Pipeline("circle", {{Job("A"), Job("B")}, {Job("B"), Job("C")}, {Job("C"), Job("D")}, {Job("D"), Job("B")}})
            .problems(),
        ElementsAre(HasSubstr("in a circle: B -> C -> D -> B")));
    EXPECT_THAT(Pipeline("two", {{Job("A"), Job("B")}, {Job("C"), Job("C")}}).problems(),
                ElementsAre(HasSubstr("job `C`")));
    EXPECT_THAT(Pipeline("p").add(Job("A").after("B")).problems(), ElementsAre(HasSubstr("there is no job `B`")));
    EXPECT_THAT(Pipeline("a b", {{Job("x y"), {}}}).problems(), testing::SizeIs(2));
}

TEST(PipelineOfJobs, StrAndSaveDot) {
    const Pipeline pipeline("p", {{Job("A"), {Job("B"), Job("C")}}, {{Job("B"), Job("C")}, Job("D")}, {Job("E"), {}}});
    const std::string expected =
        "digraph \"p\" {\n    \"A\";\n    \"B\";\n    \"C\";\n    \"D\";\n    \"E\";\n    \"A\" -> \"B\";\n"
        "    \"A\" -> \"C\";\n    \"B\" -> \"D\";\n    \"C\" -> \"D\";\n}\n";
    EXPECT_EQ(pipeline.to_dot(), expected);
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() /
        ("penstock-pipeline-" + std::to_string(reinterpret_cast<std::uintptr_t>(&pipeline)));
    pipeline.save_dot(file);
    EXPECT_EQ(read_text(file), expected);
    std::filesystem::remove(file);
    EXPECT_THROW(pipeline.save_dot(file / "no-such-folder" / "x"), std::runtime_error);
}

TEST(PipelineOfJobs, DataIsPropagatedToEveryJob) {
    const Pipeline pipeline("p", {{Job("one", "Square"), Job("two", "Square")}}, {{"x", 5}});
    const Loaded loaded = plan_of(pipeline, worker_types(), {}, "/");
    ASSERT_EQ(loaded.plans.size(), 1u) << render(loaded.diagnostics);
    EXPECT_EQ(loaded.plans[0]->data.at("x"), Value(5));
    for (const JobTemplate& job : loaded.plans[0]->templates) EXPECT_EQ(job.bindings.at(0).from, Binding::From::data);
    // What a job says itself wins.
    const Loaded own =
        plan_of(Pipeline("p", {{Job("one", "Square").with("x", 6), {}}}, {{"x", 5}}), worker_types(), {}, "/");
    EXPECT_EQ(own.plans.at(0)->templates[0].bindings.at(0).from, Binding::From::with);
}

TEST(PipelineOfJobs, AddFinishedJob) {
    Pipeline pipeline = chain();
    EXPECT_THROW(pipeline.add_finished_job("X"), std::invalid_argument);
    pipeline.add_finished_job("A");
    EXPECT_THAT(pipeline.finished_jobs(), ElementsAre("A"));
    EXPECT_THROW(pipeline.add_finished_job("A"), std::logic_error);
}

TEST(PipelineOfJobs, Finished) {
    Pipeline pipeline = chain();
    for (const char* job : {"A", "B", "C"}) {
        EXPECT_FALSE(pipeline.finished());
        pipeline.add_finished_job(job);
    }
    EXPECT_TRUE(pipeline.finished());
    EXPECT_THAT(pipeline.available_jobs(), IsEmpty());
    EXPECT_FALSE(Pipeline("empty").finished());
}

TEST(PipelineOfJobs, DefaultAttributes) {
    const Pipeline pipeline = chain();
    EXPECT_TRUE(pipeline.data().empty());
    EXPECT_FALSE(pipeline.started_at_s());
    EXPECT_FALSE(pipeline.finished_at_s());
    EXPECT_FALSE(pipeline.duration_s());
    EXPECT_THAT(pipeline.finished_jobs(), IsEmpty());
    Pipeline timed = chain();
    timed.set_started_at_s(100);
    EXPECT_FALSE(timed.duration_s());
    timed.set_finished_at_s(102.5);
    EXPECT_EQ(timed.duration_s(), 2.5);
}

TEST(PipelineOfJobs, AvailableJobsOnADagOf16) {
    //  A -> B C D;  B -> E F;  C -> G;  D -> H;  E F -> I;  G H -> J;  I J -> K;  L -> M -> N;  K N -> O;  P
    const auto j = [](const char* name) { return Job(name); };
    Pipeline pipeline("sixteen", {{j("A"), {j("B"), j("C"), j("D")}},
                                  {j("B"), {j("E"), j("F")}},
                                  {j("C"), j("G")},
                                  {j("D"), j("H")},
                                  {{j("E"), j("F")}, j("I")},
                                  {{j("G"), j("H")}, j("J")},
                                  {{j("I"), j("J")}, j("K")},
                                  {j("L"), j("M")},
                                  {j("M"), j("N")},
                                  {{j("K"), j("N")}, j("O")},
                                  {j("P"), {}}});
    ASSERT_EQ(pipeline.jobs().size(), 16u);
    const auto finish = [&](std::initializer_list<const char*> jobs) {
        for (const char* job : jobs) pipeline.add_finished_job(job);
        Names available = pipeline.available_jobs();
        std::sort(available.begin(), available.end());
        return available;
    };
    EXPECT_THAT(finish({}), ElementsAre("A", "L", "P"));
    EXPECT_THAT(finish({"A"}), ElementsAre("B", "C", "D", "L", "P"));
    EXPECT_THAT(finish({"B", "P"}), ElementsAre("C", "D", "E", "F", "L"));
    EXPECT_THAT(finish({"E", "C"}), ElementsAre("D", "F", "G", "L"));
    EXPECT_THAT(finish({"D", "F", "L"}), ElementsAre("G", "H", "I", "M"));
    EXPECT_THAT(finish({"G", "I"}), ElementsAre("H", "M"));
    EXPECT_THAT(finish({"H", "M"}), ElementsAre("J", "N"));
    EXPECT_THAT(finish({"N"}), ElementsAre("J"));
    EXPECT_THAT(finish({"J"}), ElementsAre("K"));
    EXPECT_THAT(finish({"K"}), ElementsAre("O"));
    EXPECT_THAT(finish({"O"}), IsEmpty());
    EXPECT_TRUE(pipeline.finished());
}

Pipeline with_everything() {
    Pipeline pipeline("everything", Document{{"x", 1},
                                             {"bytes", Bytes{std::byte{1}}},
                                             {"array", std::vector<double>{1, 2}},
                                             {"nan", std::numeric_limits<double>::quiet_NaN()},
                                             {"at", Map{{"@x", 1}}}});
    pipeline.defaults("retries", 2);
    pipeline.add(
        Job("z-first", "Square").for_each("z", {3, "text", nullptr}).range("a", 0, 10, 3).linspace("m", 0, 1, 2));
    pipeline.add(Job("twin", "Square").like("z-first").input("x", "z-first.square", Job::IfMissing::null));
    pipeline.add(Job("groups", "Mean").like("z-first", {"a", "z"}).input("values", "twin.square"));
    pipeline.add(
        Job("zipped", "noop").zip({{"b", {1, 2}}, {"a", {3, 4}}}).after_ended("groups").after("twin").run_inline());
    pipeline.add(Job("all", "Mean")
                     .gather("values", {"z-first.square", "twin.square"}, Job::IfMissing::drop)
                     .retries(5)
                     .timeout_s(1.5)
                     .priority(-3)
                     .cpus(2)
                     .memory_bytes(1 << 20)
                     .resource("matlab", 1)
                     .save({"mean"}));
    pipeline.add(Job("last", "command").with("argv", List{"echo", "{mean}"}).after("a*").save_none());
    pipeline.connect(Job("noop"), {Job("z-first"), Job("last")});
    return pipeline;
}

TEST(PipelineOfJobs, Serialize) {
    EXPECT_EQ(
        chain().data("x", 1).serialize(),
        R"({"penstock": 1, "name": "chain", "data": {"x":1}, "jobs": {"A": {"worker": "A"}, "B": {"worker": "B"}, )"
        R"("C": {"worker": "C"}}, "graph": [["A", "B"], ["B", "C"]]})");
}

TEST(PipelineOfJobs, Deserialize) {
    for (const Pipeline& pipeline : {chain(), with_everything()}) {
        const Pipeline again = Pipeline::deserialize(pipeline.serialize());
        EXPECT_TRUE(again == pipeline) << again.serialize() << "\n" << pipeline.serialize();
        EXPECT_EQ(again.serialize(), pipeline.serialize());
        EXPECT_EQ(again.graph(), pipeline.graph());
    }
    const Pipeline read = Pipeline::deserialize(
        R"({"penstock": 1, "name": "p", "graph": {"A": ["B", "C"]}, "jobs": {"C": {"for-each": [1, 2], "after": "B"}}})");
    EXPECT_THAT(read.starters(), ElementsAre("A"));
    EXPECT_THAT(read.graph(), ElementsAre(Pair("A", "C"), Pair("B", "C"), Pair("A", "B")));
    EXPECT_EQ(Pipeline::deserialize(read.serialize()), read);
    for (const char* bad :
         {"", "[]", "{", "{}", R"({"penstock": 1, "name": "p"})", R"({"penstock": 1, "name": "p", "jobs": {"a": 5}})"})
        EXPECT_THROW(Pipeline::deserialize(bad), std::invalid_argument) << bad;
}

TEST(PipelineOfJobs, EqualityAndHash) {
    EXPECT_EQ(Job("A"), Job("A"));
    EXPECT_FALSE(Job("A") == Job("B"));
    EXPECT_FALSE(Job("A") == Job("A", "B"));
    EXPECT_FALSE(Job("A") == Job("A").retries(1));
    EXPECT_EQ(std::unordered_set<Job>({Job("A"), Job("B"), Job("A")}).size(), 2u);

    EXPECT_EQ(chain(), chain());
    EXPECT_EQ(std::hash<Pipeline>{}(chain()), std::hash<Pipeline>{}(chain()));
    EXPECT_FALSE(chain() == chain().data("x", 1));
    EXPECT_FALSE(chain() == chain().connect(Job("A"), Job("C")));
    EXPECT_EQ(chain(), chain().connect(Job("A"), Job("B")));  // the same edge again
    EXPECT_FALSE(Pipeline("a", {{Job("A"), {}}}) == Pipeline("b", {{Job("A"), {}}}));
    Pipeline followed = chain();
    followed.add_finished_job("A");
    EXPECT_EQ(followed, chain());  // what has been done is no part of what is to be done
    EXPECT_EQ(std::unordered_set<Pipeline>({chain(), chain(), with_everything()}).size(), 2u);
}

// ---------------------------------------------------------------------------------------------- beyond pypelinin

TEST(PipelineInCode, IsCheckedAsAFileIs) {
    const Pipeline pipeline = with_everything();
    const Loaded from_code = plan_of(pipeline, worker_types(), {}, "/definitions");
    ASSERT_EQ(from_code.plans.size(), 1u) << render(from_code.diagnostics);
    const Loaded from_text = load_text(pipeline.serialize(), "p.json", "/definitions", worker_types(), {});
    ASSERT_EQ(from_text.plans.size(), 1u) << render(from_text.diagnostics);
    EXPECT_EQ(plan_text(*from_code.plans[0]), plan_text(*from_text.plans[0]));
    EXPECT_EQ(from_code.plans[0]->definition_text, pipeline.serialize());
    EXPECT_EQ(from_code.plans[0]->data, pipeline.data());
    // The order of names is that of the calls, not of the alphabet.
    EXPECT_EQ(from_code.plans[0]->templates[0].for_each->label(0), "z=3,a=0,m=0.0");
}

TEST(PipelineInCode, HasDiagnosticsWithoutPlaces) {
    const Loaded loaded =
        plan_of(Pipeline("p").add(Job("a", "Sqare")).add(Job("b", "Square").after("c")), worker_types(), {}, "/");
    EXPECT_TRUE(loaded.plans.empty());
    const std::string text = render(loaded.diagnostics);
    EXPECT_THAT(text, HasSubstr("error: unknown worker `Sqare`\n"));
    EXPECT_THAT(text, HasSubstr("try: did you mean `Square`?"));
    EXPECT_THAT(text, HasSubstr("error: there is no job `c`\n"));
    EXPECT_THAT(text, testing::Not(HasSubstr("|")));
}

TEST(PipelineInCode, TakesSetAndForEachKeysFromTheCommandLine) {
    LoadOptions options;
    options.set = {"x=7"};
    EXPECT_EQ(plan_of(Pipeline("p").add(Job("a", "Square")), worker_types(), options, "/").plans.at(0)->data.at("x"),
              Value(7));
    options.set = {"nonsense"};
    options.for_each_keys = {"x"};
    const Loaded loaded = plan_of(Pipeline("p").add(Job("a", "Square")), worker_types(), options, "/");
    EXPECT_FALSE(loaded.ok());
    EXPECT_TRUE(loaded.plans.empty());
}

TEST(PipelineInCode, RefusesTwoJobsOfOneName) {
    Pipeline pipeline("p");
    pipeline.add(Job("a", "Square")).add(Job("a", "Square"));
    EXPECT_EQ(pipeline.jobs().size(), 1u);
    EXPECT_THROW(pipeline.add(Job("a", "Mean")), std::invalid_argument);
    // A mere name stands for the job that is there.
    EXPECT_NO_THROW(pipeline.connect(Job("a"), Job("b", "noop")));
    EXPECT_EQ(pipeline.job("a").worker(), "Square");
}

TEST(PipelineInCode, SeesWhatInputsAndLikeImply) {
    const Pipeline pipeline = with_everything();
    EXPECT_THAT(pipeline.starters(), ElementsAre("noop"));
    const auto graph = pipeline.graph();
    EXPECT_THAT(graph, testing::Contains(Pair("z-first", "groups")));
    EXPECT_THAT(graph, testing::Contains(Pair("all", "last")));
    EXPECT_EQ(std::set(graph.begin(), graph.end()).size(), graph.size());
}

}  // namespace
}  // namespace penstock::test
