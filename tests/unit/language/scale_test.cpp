// Definitions of a hundred thousand jobs, and graphs as big as those of real distributions: whole plans, exact counts.
#include "language/dot.hpp"
#include "language/statistics.hpp"
#include "support.hpp"

#include <gtest/gtest.h>

#include <random>
#include <sstream>

namespace penstock::test {
namespace {

constexpr int kJobs = 100'000;

std::string job_name(int i) { return "job-" + std::to_string(i); }

TEST(Scale, AHundredThousandJobsInAChainOfYaml) {
    std::string text = "jobs:\n  job-0: {worker: noop}\n";
    for (int i = 1; i < kJobs; ++i) text += "  " + job_name(i) + ": {worker: noop, after: " + job_name(i - 1) + "}\n";
    const auto plan = plan_of_body(text);
    EXPECT_EQ(plan->job_count, static_cast<std::uint32_t>(kJobs));
    EXPECT_EQ(plan->edges.size(), static_cast<std::size_t>(kJobs - 1));
    const PlanStatistics s = statistics_of(*plan);
    EXPECT_EQ(s.depth, static_cast<std::uint64_t>(kJobs));
    EXPECT_EQ(s.width, 1u);
    std::ostringstream dot;
    write_dot(*plan, dot);
    EXPECT_GT(dot.str().size(), static_cast<std::size_t>(kJobs) * 20);
}

TEST(Scale, AHundredThousandJobsOfOneLineOfJsonPassTheirKeysAlong) {
    std::string text = R"({"penstock":1,"name":"p","data":{"x":1},"jobs":{"job-0":{"worker":"step"})";
    for (int i = 1; i < kJobs; ++i)
        text += ",\"" + job_name(i) + R"(":{"worker":"step","after":")" + job_name(i - 1) + "\"}";
    text += "}}";
    const WorkerTypes types{worker("step", {"x"}, {"x"})};
    const Loaded loaded = load_text(text, "p.json", "/", types, {});
    ASSERT_EQ(loaded.plans.size(), 1u) << render(loaded.diagnostics);
    const Plan& plan = *loaded.plans[0];
    EXPECT_EQ(plan.templates[0].bindings.at(0).from, Binding::From::data);
    for (int i = 1; i < kJobs; ++i)
        ASSERT_EQ(plan.templates[i].bindings.at(0).producers.at(0).job.value, static_cast<std::uint32_t>(i - 1));
    EXPECT_EQ(plan.edges.size(), static_cast<std::size_t>(kJobs - 1));
}

// The key is made by the first jobs only, and all the others ask for it, from as far as a hundred thousand jobs away.
TEST(Scale, KeysAreFoundFarUpAChain) {
    for (const int makers : {1, 100}) {
        std::string text = "jobs:\n";
        for (int i = 0; i < kJobs; ++i) {
            text += "  " + job_name(i) + ": {worker: " + (i < makers ? "maker" : "user");
            text += i > 0 ? ", after: " + job_name(i - 1) + "}\n" : "}\n";
        }
        const WorkerTypes types{worker("maker", {}, {"x"}), worker("user", {"x"})};
        const Loaded loaded = load_text("penstock: 1\nname: p\n" + text, "p.yaml", "/", types, {});
        ASSERT_EQ(loaded.plans.size(), 1u) << render(loaded.diagnostics);
        for (int i = makers; i < kJobs; ++i)
            ASSERT_EQ(loaded.plans[0]->templates[i].bindings.at(0).producers.at(0).job.value,
                      static_cast<std::uint32_t>(makers - 1));
    }
}

// As many jobs and edges as the packages of a Debian release: with explicit inputs, so that every edge carries a value.
TEST(Scale, AGraphOfSixtyThousandJobsAndAQuarterMillionEdges) {
    constexpr std::uint32_t kNodes = 63'353, kEdges = 237'146;
    std::mt19937_64 random(7);
    std::vector<std::vector<std::uint32_t>> producers(kNodes);
    std::size_t edges = 0;
    while (edges < kEdges) {
        const auto b = std::uniform_int_distribution<std::uint32_t>(1, kNodes - 1)(random);
        const auto reach = std::min<std::uint32_t>(b, edges % 3 == 0 ? b : 200);
        const auto a = b - std::uniform_int_distribution<std::uint32_t>(1, reach)(random);
        if (std::find(producers[b].begin(), producers[b].end(), a) != producers[b].end()) continue;
        producers[b].push_back(a);
        ++edges;
    }
    std::string text = "jobs:\n";
    for (std::uint32_t i = 0; i < kNodes; ++i) {
        text += "  " + job_name(static_cast<int>(i)) + ": {worker: Square, with: {x: 1}, inputs: {from: [";
        for (std::size_t p = 0; p < producers[i].size(); ++p)
            text += (p > 0 ? ", " : "") + job_name(static_cast<int>(producers[i][p])) + ".square";
        text += producers[i].empty() ? "job-x]}}\n" : "]}}\n";
        if (producers[i].empty()) text.replace(text.rfind(", inputs"), std::string::npos, "}\n");
    }
    const auto plan = plan_of_body(text);
    EXPECT_EQ(plan->job_count, kNodes);
    EXPECT_EQ(plan->edges.size(), kEdges);
    EXPECT_EQ(statistics_of(*plan).edges, kEdges);
}

// The same graph where nobody says whose value is meant: each of a hundred diagnostics is exact, and none takes long.
TEST(Scale, AmbiguousKeysInADenseGraphAreToldOrGivenUp) {
    std::mt19937_64 random(7);
    std::string text = "jobs:\n";
    for (int i = 0; i < 20'000; ++i) {
        text += "  " + job_name(i) + ": {worker: " + (i % 2 == 0 ? "maker" : "user");
        text += ", after: [";
        for (int p = 0; p < std::min(i, 4); ++p)
            text +=
                (p > 0 ? ", " : "") + job_name(std::uniform_int_distribution<>(std::max(0, i - 500), i - 1)(random));
        text += "]}\n";
    }
    const WorkerTypes types{worker("maker", {}, {"x"}), worker("user", {"x"})};
    const Loaded loaded = load_text("penstock: 1\nname: p\n" + text, "p.yaml", "/", types, {});
    EXPECT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.diagnostics.size(), 101u);
    EXPECT_NE(loaded.diagnostics[50].problem.find("two jobs before it make it"), std::string::npos);
}

TEST(Scale, AGraphOfTwoLayersHasAllTimesAllEdges) {
    std::string left, right;
    for (int i = 0; i < 1000; ++i) {
        left += (i > 0 ? ", l" : "l") + std::to_string(i);
        right += (i > 0 ? ", r" : "r") + std::to_string(i);
    }
    const WorkerTypes types{worker("x")};
    const Loaded loaded =
        load_text("penstock: 1\nname: p\ngraph: [[[" + left + "], [" + right + "]]]\n", "p.yaml", "/", types, {});
    EXPECT_EQ(loaded.diagnostics.size(), 101u);  // 2,000 workers that nobody knows
    EXPECT_EQ(loaded.diagnostics.back().problem, "not shown: 1900 more errors and 0 more warnings");
}

TEST(Scale, OneForEachOfAHundredMillionJobsCostsNothing) {
    const auto plan = plan_of_body(
        "jobs:\n  a: {worker: Square, for-each: {x: {range: [49999999]}}}\n"
        "  b: {worker: noop, for-each: {like: a}, inputs: {v: a.square}}\n  c: {worker: noop, after: [a, b]}\n");
    EXPECT_EQ(plan->job_count, 99'999'999u);
    EXPECT_EQ(plan->templates.size(), 3u);
    EXPECT_TRUE(plan->groupings.empty());
}

}  // namespace
}  // namespace penstock::test
