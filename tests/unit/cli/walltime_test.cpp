#include "cli/walltime.hpp"

#include <gmock/gmock.h>

#include <map>

namespace penstock {
namespace {

class Walltimes : public ::testing::Test {
protected:
    SchedulerView view() {
        SchedulerView v;
        v.variable = [this](const char* name) -> std::optional<std::string> {
            const auto at = variables_.find(name);
            return at == variables_.end() ? std::nullopt : std::optional(at->second);
        };
        v.output_of = [this](const std::vector<std::string>& argv) {
            asked_ = argv;
            return output_;
        };
        v.epoch_s = 1'000'000;
        return v;
    }
    std::optional<Walltime> of(WalltimeChoice choice = {}) { return walltime_of(choice, view()); }

    std::map<std::string, std::string> variables_;
    std::optional<std::string> output_;
    std::vector<std::string> asked_;
};

TEST_F(Walltimes, NoneIsKnownWithoutAScheduler) {
    EXPECT_FALSE(of());
    EXPECT_TRUE(asked_.empty());
}

TEST_F(Walltimes, WhatWasSaidHolds) {
    variables_ = {{"SLURM_JOB_ID", "7"}, {"SLURM_JOB_END_TIME", "1000100"}};
    const auto w = of({"1 h", 3600.0, std::nullopt});
    ASSERT_TRUE(w);
    EXPECT_EQ(w->margin_s, 60);
    EXPECT_EQ(w->seconds, 3540);
    EXPECT_EQ(w->source, "--walltime");
    EXPECT_FALSE(of({"none", std::nullopt, std::nullopt}));
    EXPECT_EQ(of({"", std::nullopt, 30.0})->seconds, 70);
    EXPECT_EQ(of({"10 s", 10.0, 60.0})->seconds, 0) << "less than the margin";
    EXPECT_EQ(of({"100 s", 100.0, std::nullopt})->margin_s, 5);
    EXPECT_EQ(of({"10 s", 10.0, std::nullopt})->margin_s, 2);
}

TEST_F(Walltimes, SlurmIsAskedWhereItsEnvironmentDoesNotSay) {
    variables_ = {{"SLURM_JOB_ID", "7"}};
    for (const auto& [text, seconds] :
         std::map<std::string, double>{{"1:00\n", 60}, {" 02:03:04\n", 7384}, {"1-02:03:04\n", 93784}, {"0:00", 0}}) {
        output_ = text;
        const auto w = of({"", std::nullopt, 0.0});
        ASSERT_TRUE(w) << text;
        EXPECT_EQ(w->seconds, seconds) << text;
        EXPECT_EQ(w->source, "the end of Slurm job 7");
    }
    EXPECT_THAT(asked_, ::testing::ElementsAre("squeue", "--noheader", "--jobs", "7", "--format", "%L"));
    for (const char* text : {"UNLIMITED", "NOT_SET", "", "1:2:3:4", "-1:00", "x:00", "1-"}) {
        output_ = text;
        EXPECT_FALSE(of()) << text;
    }
    output_ = std::nullopt;
    EXPECT_FALSE(of());
    variables_["SLURM_JOB_ID"] = "7; rm -rf";
    asked_.clear();
    EXPECT_FALSE(of());
    EXPECT_TRUE(asked_.empty());
}

TEST(ThisScheduler, RunsAProgramAndReadsWhatItSays) {
    const SchedulerView view = this_scheduler();
    EXPECT_EQ(view.output_of({"echo", "a b"}), "a b\n");
    EXPECT_EQ(view.output_of({"false"}), std::nullopt);
    EXPECT_EQ(view.output_of({"no-such-program-anywhere"}), std::nullopt);
    EXPECT_GT(view.epoch_s, 1'700'000'000);
}

}  // namespace
}  // namespace penstock
