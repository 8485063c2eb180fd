// What stands beside the text of a definition: several files, --set, --for-each, a user's Store, limits.
#include "language/load.hpp"

#include "support.hpp"
#include "value/value_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace penstock::test {
namespace {

using testing::HasSubstr;

class LoadFiles : public testing::Test {
protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("penstock-load-" + std::to_string(reinterpret_cast<std::uintptr_t>(this)) + "-" +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::create_directories(folder_ / "sub");
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::filesystem::path write(const std::string& name, const std::string& text) {
        std::ofstream(folder_ / name, std::ios::binary) << text;
        return folder_ / name;
    }
    static std::string definition(const std::string& name) {
        return "penstock: 1\nname: " + name + "\njobs: {a: {worker: noop}}\n";
    }

    std::filesystem::path folder_;
};

TEST_F(LoadFiles, TakesFilesInTheOrderGivenAndDocumentsInThatOfTheFile) {
    const auto first = write("z.yaml", definition("one") + "---\n" + definition("two"));
    const auto second = write("a.yaml", definition("three"));
    const Loaded loaded = load_files({first, second}, worker_types(), {});
    ASSERT_EQ(loaded.plans.size(), 3u);
    EXPECT_EQ(loaded.plans[0]->name, "one");
    EXPECT_EQ(loaded.plans[1]->name, "two");
    EXPECT_EQ(loaded.plans[2]->name, "three");
    EXPECT_EQ(loaded.plans[0]->definition_directory, folder_.string());
    EXPECT_EQ(loaded.plans[0]->definition_text, definition("one"));
}

TEST_F(LoadFiles, TellsOfAllFilesAtOnce) {
    const auto bad = write("bad.yaml", "penstock: 1\nname: x\njobs: {a: {worker: nope}}\n");
    const auto worse = write("worse.json", "{");
    const Loaded loaded = load_files({bad, folder_ / "missing.yaml", worse, folder_ / "sub"}, worker_types(), {});
    EXPECT_FALSE(loaded.ok());
    ASSERT_EQ(loaded.diagnostics.size(), 4u);
    EXPECT_EQ(loaded.diagnostics[0].problem, "unknown worker `nope`");
    EXPECT_EQ(loaded.diagnostics[1].problem, "the file cannot be opened: No such file or directory");
    EXPECT_EQ(loaded.diagnostics[1].file, (folder_ / "missing.yaml").string());
    EXPECT_EQ(loaded.diagnostics[2].problem, "this is not JSON");
    EXPECT_EQ(loaded.diagnostics[3].problem, "the file is a directory");
}

TEST_F(LoadFiles, TakesEqualDefinitionsOfOneNameAsOne) {
    const auto first = write("one.yaml", definition("same"));
    const auto second = write("two.yaml", "# other comments, same content\n" + definition("same"));
    EXPECT_EQ(load_files({first, second, first}, worker_types(), {}).plans.size(), 1u);
    const auto elsewhere = write("sub/three.yaml", definition("same"));
    const Loaded loaded = load_files({first, elsewhere}, worker_types(), {});
    ASSERT_EQ(loaded.diagnostics.size(), 1u);
    EXPECT_EQ(loaded.diagnostics[0].problem, "two pipelines are called `same`");
    EXPECT_THAT(loaded.diagnostics[0].reason, HasSubstr("one.yaml:2:7"));
}

TEST_F(LoadFiles, RefusesAFileBeyondTheLimit) {
    const auto file = write("long.yaml", definition("x") + std::string(10'000, '#'));
    LoadOptions options;
    options.limits.file_bytes = 1000;
    const Loaded loaded = load_files({file}, worker_types(), options);
    ASSERT_EQ(loaded.diagnostics.size(), 1u);
    EXPECT_EQ(loaded.diagnostics[0].problem, "the file is longer than 1000 bytes");
}

TEST_F(LoadFiles, ReadsFilesOfForEachBesideTheDefinitionAndPinsThem) {
    write("sub/urls.txt", "a\nb\n");
    const auto file = write("sub/d.yaml",
                            "penstock: 1\nname: x\njobs:\n  a: {worker: noop, for-each: {u: {lines: urls.txt}}}\n"
                            "  b: {worker: noop, for-each: {u: {lines: ./urls.txt}}}\n");
    const auto load = [&] { return load_files({file}, worker_types(), {}).plans.at(0); };
    const auto plan = load();
    ASSERT_EQ(plan->files.size(), 1u);
    EXPECT_EQ(plan->files[0].path, (folder_ / "sub/urls.txt").string());
    EXPECT_EQ(plan->job_count, 4u);
    write("sub/urls.txt", "a\nc\n");
    EXPECT_NE(load()->files[0].hash, plan->files[0].hash);
}

// ---------------------------------------------------------------------------------------------- --set

LoadOptions with_set(std::vector<std::string> set) {
    LoadOptions options;
    options.set = std::move(set);
    return options;
}

TEST(Set, OverridesAndAddsData) {
    const auto plan = plan_of_body("data: {x: 1, y: old}\njobs: {a: {worker: Square}}\n",
                                   with_set({"y={a: [1, 2]}", "z=", "x=5", "x=6", "e=a=b", "n=0x10"}));
    EXPECT_EQ(to_json(plan->data), R"({"e":"a=b","n":16,"x":6,"y":{"a":[1,2]},"z":null})");
}

TEST(Set, GivesKeysThatTheDefinitionLacks) {
    const auto plan = plan_of_body("jobs: {a: {worker: Square}}\n", with_set({"x=5"}));
    EXPECT_EQ(plan->templates[0].bindings.at(0).from, Binding::From::data);
}

TEST(Set, TellsWhatIsWrong) {
    const std::string text = diagnostics_of_body("jobs: {a: {worker: noop}}\n",
                                                 with_set({"novalue", "a b=1", "x=[1", "scratch=1", "y=a\n---\nb"}));
    EXPECT_THAT(text, HasSubstr("--set:1:1: error: `--set` without a value"));
    EXPECT_THAT(text, HasSubstr("bad key in `--set`: `a b`"));
    EXPECT_THAT(text, HasSubstr("--set x:1:3: error: this is not YAML"));
    EXPECT_THAT(text, HasSubstr("bad key in `--set`: `scratch`"));
    EXPECT_THAT(text, HasSubstr("is several documents"));
}

// ---------------------------------------------------------------------------------------------- --for-each

ForEachLine submit(const std::shared_ptr<const Plan>& plan, const std::string& line, const std::string& key = "item") {
    return submissions_for_line({plan}, line, key, "urls.txt", 7);
}

TEST(ForEachLines, GiveKeysThatNothingElseGives) {
    EXPECT_THAT(diagnostics_of_body("jobs: {a: {worker: Square}}\n"),
                HasSubstr("job `a` needs `x`, and nothing gives it"));
    LoadOptions options;
    options.for_each_keys = {"x"};
    EXPECT_EQ(plan_of_body("jobs: {a: {worker: Square}}\n", options)->own_keys, std::vector<std::string>{"x"});
    options.for_each_keys = {"y"};
    EXPECT_NE(diagnostics_of_body("jobs: {a: {worker: Square}}\n", options), "");
    options.for_each_given = true;
    EXPECT_EQ(plan_of_body("jobs: {a: {worker: Square}}\n", options)->own_keys, std::vector<std::string>{"x"});
}

std::shared_ptr<const Plan> plan_with_own_keys() {
    LoadOptions options;
    options.for_each_given = true;
    return plan_of_body(
        "data: {y: 1}\njobs: {a: {worker: Square}, b: {worker: command, with: {argv: [\"{x}\", \"{item}\", "
        "\"{y}\"]}}}\n",
        options);
}

TEST(ForEachLines, OfJsonBecomeOwnData) {
    const ForEachLine line = submit(plan_with_own_keys(), R"({"x": 1, "item": "a b", "y": [2]})");
    EXPECT_EQ(render(line.diagnostics), "");
    ASSERT_EQ(line.submissions.size(), 1u);
    EXPECT_EQ(to_json(line.submissions[0].own_data), R"({"item":"a b","x":1,"y":[2]})");
    EXPECT_EQ(line.submissions[0].instance, R"(item="a b",x=1,y=[2])");
}

TEST(ForEachLines, OfTextSetOneKey) {
    const auto plan = plan_of_body("data: {x: 1}\njobs: {a: {worker: Square}}\n");
    EXPECT_EQ(to_json(submit(plan, "http://a/\r\n").submissions.at(0).own_data), R"({"item":"http://a/"})");
    EXPECT_EQ(to_json(submit(plan, " 5 ", "x").submissions.at(0).own_data), R"({"x":" 5 "})");
    EXPECT_EQ(submit(plan, "abc", "x").submissions.at(0).instance, "x=abc");
}

TEST(ForEachLines, ThatAreBlankAreSkipped) {
    for (const char* blank : {"", "\n", "  \t\r\n"}) {
        const ForEachLine line = submit(plan_with_own_keys(), blank);
        EXPECT_TRUE(line.submissions.empty() && line.diagnostics.empty());
    }
}

TEST(ForEachLines, ThatAreNoGoodAreTold) {
    const auto plan = plan_with_own_keys();
    const auto told = [&](const std::string& line) {
        const ForEachLine result = submit(plan, line);
        EXPECT_TRUE(result.submissions.empty());
        return render(result.diagnostics);
    };
    EXPECT_THAT(told("{\"x\": }"), HasSubstr("urls.txt:7:7: error: this is not JSON"));
    EXPECT_THAT(told("{}"), HasSubstr("this line is an empty object"));
    EXPECT_THAT(told("{\"a b\": 1, \"x\": 2}"), HasSubstr("urls.txt:7:2: error: bad key `a b`"));
    EXPECT_THAT(told("{\"scratch\": 1}"), HasSubstr("bad key `scratch`"));
    EXPECT_THAT(told("{\"x\": 1, \"x\": 2}"), HasSubstr("the key `x` is given twice"));
    EXPECT_THAT(told("\xff"), HasSubstr("not UTF-8"));
    EXPECT_EQ(told("{\"itm\": 1, \"x\": 2}"),
              "urls.txt:7:1: error: pipeline `p` needs `item`, and this line does not give it\n"
              "    7 | {\"itm\": 1, \"x\": 2}\n"
              "      | ^~~~~~~~~~~~~~~~~~\n"
              "  why: job `b` uses it; the line gives `itm` and `x`\n"
              "  try: did you mean `itm`?\n");
}

TEST(ForEachLines, SubmitEveryPipelineThatCanTakeThem) {
    LoadOptions options;
    options.for_each_given = true;
    const auto needs_x = plan_of_body("jobs: {a: {worker: Square}}\n", options);
    const auto needs_nothing = plan_of_body("jobs: {a: {worker: noop}}\n", options);
    const ForEachLine line = submissions_for_line({needs_x, needs_nothing}, "{\"y\": 1}", "item", "f", 1);
    ASSERT_EQ(line.submissions.size(), 1u);
    EXPECT_EQ(line.submissions[0].plan, needs_nothing);
    EXPECT_EQ(line.diagnostics.size(), 1u);
}

// ---------------------------------------------------------------------------------------------- others

TEST(Store, MayProvideKeysThatNobodyMakes) {
    LoadOptions options;
    options.store_provides_keys = true;
    const auto plan = plan_of_body("jobs: {a: {worker: Square}}\n", options);
    EXPECT_EQ(plan->templates[0].bindings.at(0).from, Binding::From::store);
}

TEST(Limits, AreNamedWhenTheyArePassed) {
    LoadOptions options;
    options.limits.jobs_per_plan = 10;
    EXPECT_EQ(diagnostics_of_body("jobs: {a: {worker: noop, for-each: {i: {range: [10]}}}}\n", options), "");
    EXPECT_THAT(diagnostics_of_body("jobs: {a: {worker: noop, for-each: {i: {range: [11]}}}}\n", options),
                HasSubstr("a pipeline may have 10 jobs"));
    EXPECT_THAT(
        diagnostics_of_body("jobs: {b: {worker: noop}, a: {worker: noop, for-each: {i: {range: [10]}}}}\n", options),
        HasSubstr("up to here they are 11, and 10 are allowed"));
    options = {};
    options.limits.links_per_plan = 3;
    EXPECT_EQ(diagnostics_of_body(
                  "graph: [[[noop, sleep], x]]\njobs: {x: {worker: noop}, sleep: {with: {seconds: 1}}}\n", options),
              "");
    EXPECT_THAT(diagnostics_of_body("graph: [[[a, b], [c, d]]]\n", options), HasSubstr("the graph has too many edges"));
    EXPECT_THAT(diagnostics_of_body(
                    "jobs: {a: {worker: noop}, b: {worker: noop}, c: {worker: noop, after: [a, b, a, b]}}\n", options),
                HasSubstr("the definition has too many dependencies"));
    options = {};
    options.limits.wildcard_matches = 4;
    const std::string four = "jobs: {a1: {worker: noop}, a2: {worker: noop}, b: {worker: noop, after: ";
    EXPECT_EQ(diagnostics_of_body(
                  four + "\"a*\"}, c: {worker: noop, after: \"a?\"}, d: {worker: noop, after: \"a*\"}}\n", options),
              "");
    EXPECT_THAT(diagnostics_of_body(four + "\"a*\"}, c: {worker: noop, after: [\"a?\", \"?1\"]}}\n", options),
                HasSubstr("the wildcards of this definition match too much"));
}

TEST(Limits, OnEdgesCountInstances) {
    LoadOptions options;
    options.limits.edges_per_plan = 100;
    const auto with_counts = [&](int producers, int consumers, const std::string& how) {
        return diagnostics_of_body("jobs:\n  a: {worker: Square, for-each: {x: {range: [" + std::to_string(producers) +
                                       "]}}}\n  b: {worker: noop, for-each: {y: {range: [" + std::to_string(consumers) +
                                       "]}}, " + how + "}\n",
                                   options);
    };
    EXPECT_EQ(with_counts(10, 10, "inputs: {v: a.square}"), "");
    EXPECT_THAT(with_counts(11, 10, "inputs: {v: a.square}"), HasSubstr("the 10 jobs of `b` wait for the 11 of `a`"));
    EXPECT_EQ(with_counts(50, 50, "after: a"), "");  // a barrier
    EXPECT_NE(with_counts(51, 50, "after: a"), "");
    EXPECT_EQ(diagnostics_of_body("jobs:\n  a: {worker: Square, for-each: {x: {range: [100]}}}\n"
                                  "  b: {worker: noop, for-each: {like: a}, inputs: {v: a.square}}\n",
                                  options),
              "");
}

TEST(Diagnostics, OfAHundredThousandMistakesAreCounted) {
    std::string text = "jobs:\n";
    for (int i = 0; i < 100'000; ++i) text += "  j" + std::to_string(i) + ": {worker: noop, aftr: x, after: k}\n";
    const Loaded loaded = load_body(text);
    ASSERT_EQ(loaded.diagnostics.size(), 101u);
    EXPECT_EQ(loaded.diagnostics[0].line, 4u);
    EXPECT_EQ(loaded.diagnostics[99].line, 53u);
    EXPECT_EQ(loaded.diagnostics[100].problem, "not shown: 199900 more errors and 0 more warnings");
}

TEST(Worker, ThatThrowsWhenAskedIsADiagnostic) {
    WorkerTypes types{worker("noop")};
    types[0].needs = [](const Document& with) -> Keys { return {at(with, "key").string()}; };
    const Loaded loaded = load_text("penstock: 1\nname: p\njobs: {a: {worker: noop}}\n", "p.yaml", "/", types, {});
    ASSERT_EQ(loaded.diagnostics.size(), 1u);
    EXPECT_THAT(loaded.diagnostics[0].problem, HasSubstr("bad parameters of worker `noop`: "));
}

TEST(Hash, ChangesWithWhatMattersOnly) {
    const auto hash = [](const std::string& text) { return plan_of_body(text)->templates.at(0).hash; };
    const std::string job = "jobs: {a: {worker: Square, with: {x: 1}";
    EXPECT_EQ(hash(job + "}}\n"), hash(job + ", retries: 3, cpus: 2, priority: 1, timeout: 5}, b: {worker: noop}}\n"));
    EXPECT_NE(hash(job + "}}\n"), hash("jobs: {a: {worker: Square, with: {x: 2}}}\n"));
}

}  // namespace
}  // namespace penstock::test
