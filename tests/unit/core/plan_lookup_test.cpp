#include "core/plan.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

// download, simulate[seed=0..3], mean
Plan three_templates() {
    Plan plan;
    plan.data = {{"url", "http://a"}, {"n", 1}};
    plan.templates.resize(3);
    plan.templates[0].name = "download";
    plan.templates[1].name = "simulate";
    plan.templates[1].first_job = JobIndex(1);
    plan.templates[1].count = 4;
    plan.templates[1].for_each = std::make_shared<ForEach>(ForEach{{{Axis{"seed", Range{0, 1, 4}}}}});
    plan.templates[2].name = "mean";
    plan.templates[2].first_job = JobIndex(5);
    plan.job_count = 6;
    return plan;
}

TEST(Plan, FindsTheTemplateOfEveryJob) {
    const Plan plan = three_templates();
    const std::uint32_t expected[] = {0, 1, 1, 1, 1, 2};
    for (std::uint32_t job = 0; job < 6; ++job)
        EXPECT_EQ(plan.template_of(JobIndex(job)), TemplateIndex(expected[job])) << job;
}

TEST(Plan, LabelsJobsByNameAndInstance) {
    const Plan plan = three_templates();
    EXPECT_EQ(plan.job_label(JobIndex(0)), "download");
    EXPECT_EQ(plan.job_label(JobIndex(1)), "simulate[seed=0]");
    EXPECT_EQ(plan.job_label(JobIndex(4)), "simulate[seed=3]");
    EXPECT_EQ(plan.job_label(JobIndex(5)), "mean");
}

TEST(FindData, APipelinesOwnDataComesFirst) {
    const Plan plan = three_templates();
    PipelineInfo pipeline;
    pipeline.own_data = {{"url", "http://b"}};
    EXPECT_EQ(*find_data(plan, pipeline, "url"), Value("http://b"));
    EXPECT_EQ(*find_data(plan, pipeline, "n"), Value(1));
    EXPECT_EQ(find_data(plan, pipeline, "m"), nullptr);
}

TEST(SavePolicy, AllNoneAndSome) {
    EXPECT_TRUE(SavePolicy().saves("x"));
    EXPECT_FALSE((SavePolicy{false, {}}.saves("x")));
    EXPECT_TRUE((SavePolicy{false, {"x", "y"}}.saves("y")));
    EXPECT_FALSE((SavePolicy{false, {"x", "y"}}.saves("z")));
}

}  // namespace
}  // namespace penstock
