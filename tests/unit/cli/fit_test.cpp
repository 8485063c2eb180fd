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

TEST(Fit, CpusThatTheLauncherKeepsFromAllRanksAreTold) {
    Launch launch = two_hosts();
    EXPECT_EQ(unused_cpus(launch), std::nullopt);
    launch.hosts[1].bound_cpus = 2;
    launch.hosts[1].unused_cpus = 62;
    EXPECT_EQ(unused_cpus(launch),
              "the launcher has bound the ranks on node2 to 2 of its 64 CPUs; jobs run on no others. "
              "To use all: mpirun --bind-to none, srun --cpu-bind=none");
    launch.hosts[0] = launch.hosts[1];
    EXPECT_THAT(unused_cpus(launch).value_or(""), testing::HasSubstr("64 CPUs, and those on 1 other host likewise; "));
}

// A source and `work` with so many workers of so many CPUs.
std::shared_ptr<Plan> stream(std::uint32_t workers, std::uint32_t cpus) {
    auto plan = std::make_shared<Plan>(*plan_named("titles", {"urls", "work"}));
    for (JobTemplate& stage : plan->templates) stage.resources.cpus = 0;
    plan->templates[1].count = workers;
    plan->templates[1].resources.cpus = cpus;
    plan->stages.resize(2);
    plan->stages[0].form = StageForm::source;
    plan->stages[1].from = {TemplateIndex(0)};
    complete_stream(*plan);
    return plan;
}

TEST(FitOfStreams, AllWorkersTogetherMustFit) {
    const HostLedger hosts = hosts_of(two_hosts(), {});
    const auto problem = [&](std::uint32_t workers, std::uint32_t cpus) {
        return stream_that_never_fits(*stream(workers, cpus), hosts);
    };
    EXPECT_EQ(problem(12, 1), std::nullopt) << "8 and 4";
    EXPECT_EQ(problem(3, 4), std::nullopt);
    EXPECT_EQ(problem(1000, 0), std::nullopt) << "they hold nothing";
    auto both = stream(2, 2);  // 2 and 2 beside 8: not when these are spread evenly
    both->templates[0].resources.cpus = 8;
    EXPECT_EQ(stream_that_never_fits(*both, hosts), std::nullopt);
    using testing::AllOf;
    using testing::HasSubstr;
    EXPECT_THAT(problem(13, 1).value_or(""),
                AllOf(HasSubstr("titles cannot run in this launch"), HasSubstr("13 CPUs, and there are 12")));
    EXPECT_THAT(problem(2, 5).value_or(""), HasSubstr("10 CPUs, and there are 12")) << "one host has 4";
    EXPECT_TRUE(jobs_that_fit_nowhere(*stream(13, 1), hosts).empty()) << "each alone would";
}

TEST(FitOfStreams, WorkersThatShareSlotsAreTold) {
    const auto shared = time_shared(*stream(12, 0), two_hosts());
    ASSERT_TRUE(shared);
    EXPECT_EQ(time_shared_text(*stream(12, 0), *shared),
              "stream titles: the 13 workers of `urls` and `work` share 12 slots, since these stages have no `cpus`");
    EXPECT_FALSE(time_shared(*stream(11, 0), two_hosts())) << "a slot for each";
    EXPECT_TRUE(time_shared(*stream(12, 1), two_hosts())) << "nothing is left for the source";
    EXPECT_FALSE(time_shared(*stream(11, 1), two_hosts()));
    EXPECT_FALSE(time_shared(*plan_named("sweep", {"a"}), two_hosts())) << "jobs wait for a slot";
}

}  // namespace
}  // namespace penstock
