#include "cli/fit.hpp"

#include "fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

std::shared_ptr<Plan> needing(Resources resources) {
    auto plan = std::make_shared<Plan>(*plan_named("sweep", {"small", "simulate"}));
    plan->templates[1].resources = std::move(resources);
    return plan;
}

Launch two_hosts() {
    Launch launch;
    launch.ranks = 4;
    launch.hosts = {{"node1", 8, 16ull << 30, 8}, {"node2", 4, 64ull << 30, 4}};
    return launch;
}

std::vector<std::string> problems(const Resources& resources, const std::map<std::string, std::uint64_t>& named = {}) {
    return jobs_that_fit_nowhere(*needing(resources), hosts_of(two_hosts(), named));
}

TEST(Fit, WhatSomeHostHoldsIsNoProblem) {
    EXPECT_TRUE(problems({8, 0, {}}).empty());
    EXPECT_TRUE(problems({4, 64ull << 30, {}}).empty());
    EXPECT_TRUE(problems({1, 0, {{"matlab", 2}}}, {{"matlab", 2}}).empty());
}

TEST(Fit, WhatNoHostHoldsIsTold) {
    using testing::ElementsAre;
    using testing::StartsWith;
    const char* const kStart = "sweep/simulate cannot run in this launch: it needs ";
    EXPECT_THAT(problems({9, 0, {}}), ElementsAre(StartsWith(std::string(kStart) + "9 CPUs")));
    EXPECT_THAT(problems({1, 65ull << 30, {}}), ElementsAre(StartsWith(kStart)));
    EXPECT_THAT(problems({8, 64ull << 30, {}}), ElementsAre(StartsWith(kStart))) << "no single host has both";
    EXPECT_THAT(problems({1, 0, {{"matlab", 3}}}, {{"matlab", 2}}), ElementsAre(StartsWith(kStart)));
    EXPECT_THAT(problems({1, 0, {{"matlab", 1}}}), ElementsAre(StartsWith(kStart)));
}

TEST(Fit, TheLaunchLineHoldsTheLargestOfEach) {
    const std::vector<std::string> typed = {"penstock", "run", "my sweep.yaml"};
    const auto line = [&](const Resources& resources, const std::map<std::string, std::uint64_t>& named = {}) {
        return launch_line({needing(resources)}, two_hosts(), typed, named);
    };
    EXPECT_EQ(line({32, 0, {}}), "srun -n 4 --cpus-per-task=32 penstock run 'my sweep.yaml'");
    EXPECT_EQ(line({1, 100ull << 30, {}}), "srun -n 4 --mem=102400M penstock run 'my sweep.yaml'");
    EXPECT_EQ(line({1, 0, {{"matlab", 3}}}, {{"matlab", 2}}), "penstock run 'my sweep.yaml' --resources matlab=3");
}

}  // namespace
}  // namespace penstock
