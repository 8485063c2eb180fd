#include "language/statistics.hpp"

#include "language/dot.hpp"
#include "support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

namespace penstock::test {
namespace {

std::vector<std::string> names(const Plan& plan, const std::vector<TemplateIndex>& path) {
    std::vector<std::string> names;
    for (TemplateIndex index : path) names.push_back(plan.templates[index.value].name);
    return names;
}

//  a -> b(10) -> c ; a -> d -> e -> c ; f
constexpr const char* kDiamond = R"(
jobs:
  a: {worker: Square, with: {x: 1}, timeout: 1 min}
  b: {worker: noop, after: a, for-each: {i: {range: [10]}}, timeout: 1 h, cpus: 4, memory: 3 GiB}
  d: {worker: noop, after: a, timeout: 10, resources: {matlab: 2}}
  e: {worker: noop, after: d}
  c: {worker: noop, after: [b, e], resources: {matlab: 1, license: 5}}
  f: {worker: noop}
)";

TEST(Statistics, OfADiamond) {
    const auto plan = plan_of_body(kDiamond);
    const PlanStatistics s = statistics_of(*plan);
    EXPECT_EQ(s.jobs, 15u);
    EXPECT_EQ(s.templates, 6u);
    EXPECT_EQ(s.edges, 10u + 1 + 1 + 10 + 1);
    EXPECT_EQ(s.depth, 4u);
    EXPECT_EQ(s.width, 11u);  // b and d
    EXPECT_EQ(names(*plan, s.critical_path), (std::vector<std::string>{"a", "d", "e", "c"}));
    EXPECT_EQ(names(*plan, s.critical_path_by_timeout), (std::vector<std::string>{"a", "b"}));
    EXPECT_DOUBLE_EQ(s.critical_path_timeout_s, 3660);
    EXPECT_EQ(s.cpus, 4u);
    EXPECT_EQ(s.memory_bytes, 3ull << 30);
    EXPECT_EQ(s.resources, (std::map<std::string, std::uint64_t>{{"license", 5}, {"matlab", 2}}));
    EXPECT_EQ(to_text(s, *plan),
              "15 jobs, 23 edges, depth 4, width 11\n"
              "critical path: a -> d -> e -> c\n"
              "by timeouts: a -> b, at most 3660 s\n"
              "each job at most: 4 cpus, 3 GiB, 5 license, 2 matlab\n");
}

TEST(Statistics, CountEveryInstance) {
    const auto plan = plan_of_body(R"(
jobs:
  a: {worker: Square, for-each: {x: {range: [1000]}, y: [1, 2]}}
  b: {worker: noop, for-each: {like: a}, inputs: {v: a.square}}
  c: {worker: Mean, for-each: {like: a, by: [y]}, inputs: {values: a.square}}
  d: {worker: noop, for-each: {i: {range: [3]}}, after: a}
)");
    const PlanStatistics s = statistics_of(*plan);
    EXPECT_EQ(s.jobs, 2000u + 2000 + 2 + 3);
    EXPECT_EQ(s.edges, 2000u + 2000 + 3 * 2000);
    EXPECT_EQ(s.depth, 2u);
    EXPECT_EQ(s.width, 2005u);
}

TEST(Statistics, OfAnEmptyForEachCountNothing) {
    const auto loaded = load_body(
        "jobs: {a: {worker: noop}, b: {worker: noop, after: a, for-each: []}, c: {worker: noop, after: b}}\n");
    const PlanStatistics s = statistics_of(*loaded.plans.at(0));
    EXPECT_EQ(s.jobs, 2u);
    EXPECT_EQ(s.depth, 1u);
    EXPECT_EQ(s.width, 2u);
    EXPECT_EQ(s.edges, 0u);
}

TEST(Statistics, ShortenALongPath) {
    std::string text = "jobs:\n  j0: {worker: noop}\n";
    for (int i = 1; i < 1000; ++i)
        text += "  j" + std::to_string(i) + ": {worker: noop, after: j" + std::to_string(i - 1) + "}\n";
    const auto plan = plan_of_body(text);
    const PlanStatistics s = statistics_of(*plan);
    EXPECT_EQ(s.depth, 1000u);
    const std::string shown = to_text(s, *plan);
    EXPECT_THAT(shown, testing::HasSubstr("j8 -> j9 -> ... (980 more) -> j990 -> j991"));
}

TEST(Dot, IsOneNodeATemplateAndOneArrowAnEdge) {
    const auto plan = plan_of_body(R"(
jobs:
  a: {worker: Square, for-each: {x: {range: [3]}}}
  b: {worker: noop, for-each: {like: a}}
  noop: {after: {job: b, when: ended}}
)");
    EXPECT_EQ(dot_text(*plan),
              "digraph \"p\" {\n"
              "    rankdir=LR;\n"
              "    node [shape=box];\n"
              "    \"a\" [label=\"a x 3\\nSquare\", shape=box3d];\n"
              "    \"b\" [label=\"b x 3\\nnoop\", shape=box3d];\n"
              "    \"noop\" [label=\"noop\"];\n"
              "    \"a\" -> \"b\" [style=bold];\n"
              "    \"b\" -> \"noop\" [style=dotted];\n"
              "}\n");
}

TEST(Dot, ColoursOutcomes) {
    const auto plan = plan_of_body(R"(
jobs:
  all: {worker: noop, for-each: {x: {range: [3]}}}
  some: {worker: noop, for-each: {x: {range: [3]}}}
  failed: {worker: noop, for-each: {x: {range: [3]}}}
  skipped: {worker: noop}
  waiting: {worker: noop}
)");
    const Outcomes outcomes{{0, {3, 0, 0}}, {1, {2, 0, 0}}, {2, {1, 2, 0}}, {3, {0, 0, 1}}};
    const std::string text = dot_text(*plan, &outcomes);
    EXPECT_THAT(text, testing::HasSubstr(
                          "\"all\" [label=\"all x 3\\nnoop\", shape=box3d, style=filled, fillcolor=\"#b5e2b0\"]"));
    EXPECT_THAT(text, testing::HasSubstr("fillcolor=\"#fbe8a6\""));
    EXPECT_THAT(
        text, testing::HasSubstr("\"failed x 3\\nnoop\\n2 failed\", shape=box3d, style=filled, fillcolor=\"#f4a6a0\""));
    EXPECT_THAT(text,
                testing::HasSubstr("\"skipped\" [label=\"skipped\\nnoop\", style=filled, fillcolor=\"#d0d0d0\"]"));
    EXPECT_THAT(text,
                testing::HasSubstr("\"waiting\" [label=\"waiting\\nnoop\", style=filled, fillcolor=\"#ffffff\"]"));
}

TEST(Dot, QuotesWhatGraphvizWouldMisread) { EXPECT_EQ(dot_quoted("a\"b\\c\nd"), "\"a\\\"b\\\\c\\nd\""); }

TEST(Dot, IsAcceptedByGraphviz) {
    if (std::system("command -v dot > /dev/null 2>&1") != 0) GTEST_SKIP() << "Graphviz is not installed";
    const auto plan = plan_of_body(kDiamond);
    const std::filesystem::path file =
        std::filesystem::temp_directory_path() /
        ("penstock-dot-" + std::to_string(reinterpret_cast<std::uintptr_t>(&plan)) + ".gv");
    std::FILE* out = std::fopen(file.c_str(), "w");
    ASSERT_NE(out, nullptr);
    const std::string text = dot_text(*plan);
    std::fwrite(text.data(), 1, text.size(), out);
    std::fclose(out);
    std::FILE* plain = popen(("dot -Tplain " + file.string()).c_str(), "r");
    ASSERT_NE(plain, nullptr);
    std::size_t nodes = 0, edges = 0;
    char line[1024];
    while (std::fgets(line, sizeof line, plain) != nullptr) {
        nodes += std::string(line).starts_with("node ");
        edges += std::string(line).starts_with("edge ");
    }
    EXPECT_EQ(pclose(plain), 0);
    std::filesystem::remove(file);
    EXPECT_EQ(nodes, 6u);
    EXPECT_EQ(edges, 5u);
}

}  // namespace
}  // namespace penstock::test
