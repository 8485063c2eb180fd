#include "core/structure.hpp"

#include "support/plans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace penstock {
namespace {

using test::plan_of;
using ::testing::ElementsAre;

TEST(Structure, OfAnEmptyPlanHasNothing) {
    const Structure s = structure_of(*plan_of(""));
    EXPECT_EQ(s.templates(), 0u);
    EXPECT_EQ(s.jobs(), 0u);
    EXPECT_FALSE(s.any_values);
}

//  a -> b[10] -> c
TEST(Structure, NumbersJobsInOrderOfTemplates) {
    const Structure s = structure_of(*plan_of("a -> b[10] -> c"));
    EXPECT_EQ(s.templates(), 3u);
    EXPECT_EQ(s.jobs(), 12u);
    EXPECT_THAT(s.first_job, ElementsAre(0, 1, 11, 12));
    EXPECT_EQ(s.count(1), 10u);
    EXPECT_EQ(s.template_of(0), 0u);
    EXPECT_EQ(s.template_of(1), 1u);
    EXPECT_EQ(s.template_of(10), 1u);
    EXPECT_EQ(s.template_of(11), 2u);
}

TEST(Structure, FindsTheTemplateOfAJobAmongEmptyOnes) {
    const Structure s = structure_of(*plan_of("a; b[0]; c[2]; d[0]; e"));
    EXPECT_THAT(s.first_job, ElementsAre(0, 1, 1, 3, 3, 4));
    EXPECT_EQ(s.template_of(0), 0u);
    EXPECT_EQ(s.template_of(1), 2u);
    EXPECT_EQ(s.template_of(2), 2u);
    EXPECT_EQ(s.template_of(3), 4u);
}

TEST(Structure, FindsTheTemplateOfAJobWhenEachIsOneJob) {
    std::string graph = "j0";
    for (int i = 1; i < 1000; ++i) graph += "; j" + std::to_string(i);
    const Structure s = structure_of(*plan_of(graph));
    for (std::uint32_t job = 0; job < 1000; ++job) EXPECT_EQ(s.template_of(job), job);
}

//      a
//     / \      (order only to the left, values to the right)
//    b   c
//     \ /     (to both)
//      d
TEST(Structure, KeepsEdgesByProducerAndInputsByConsumer) {
    const Structure s = structure_of(*plan_of("a -> b -> d; a => c => d"));
    // numbered a b d c
    EXPECT_THAT(s.edge_begin, ElementsAre(0, 2, 3, 3, 4));
    EXPECT_EQ(s.edges[0].consumer, 1u);
    EXPECT_FALSE(s.edges[0].carries_values);
    EXPECT_EQ(s.edges[1].consumer, 3u);
    EXPECT_TRUE(s.edges[1].carries_values);
    EXPECT_EQ(s.edges[2].consumer, 2u);
    EXPECT_EQ(s.edges[3].consumer, 2u);
    EXPECT_THAT(s.input_begin, ElementsAre(0, 0, 0, 1, 2));
    EXPECT_EQ(s.inputs[0].producer, 3u);
    EXPECT_EQ(s.inputs[1].producer, 0u);
    EXPECT_THAT(s.feeds, ElementsAre(1, 0, 0, 1));
    EXPECT_THAT(s.has_inputs, ElementsAre(0, 0, 1, 1));
    EXPECT_TRUE(s.any_values);
}

TEST(Structure, KnowsTheOnlySourceOfInputs) {
    constexpr std::uint32_t kNone = Structure::kNone;
    // one job; a twin; one of many; two sources; only order
    EXPECT_THAT(structure_of(*plan_of("a => b")).sole_source, ElementsAre(kNone, 0));
    EXPECT_THAT(structure_of(*plan_of("a[3] => b : twin")).sole_source, ElementsAre(kNone, 0));
    EXPECT_THAT(structure_of(*plan_of("a[3] => b")).sole_source, ElementsAre(kNone, kNone));
    EXPECT_THAT(structure_of(*plan_of("a => c; b => c")).sole_source, ElementsAre(kNone, kNone, kNone));
    EXPECT_THAT(structure_of(*plan_of("a => d; b => d; c => d")).sole_source, ElementsAre(kNone, kNone, kNone, kNone));
    EXPECT_THAT(structure_of(*plan_of("a => c; b -> c")).sole_source, ElementsAre(kNone, 0, kNone));
    EXPECT_THAT(structure_of(*plan_of("a -> b")).sole_source, ElementsAre(kNone, kNone));
}

TEST(Structure, ListsTheMembersOfGroups) {
    const Structure s = structure_of(*plan_of("sim[5] => mean : group 1 0 1 2 0"));
    ASSERT_EQ(s.members.size(), 1u);
    EXPECT_THAT(s.members[0].begin, ElementsAre(0, 2, 4, 5));
    EXPECT_THAT(s.members[0].members, ElementsAre(1, 4, 0, 2, 3));
}

TEST(Structure, OfAMillionJobsIsSmall) {
    const Structure s = structure_of(*plan_of("a[1000000] -> b"));
    EXPECT_EQ(s.jobs(), 1'000'001u);
    EXPECT_EQ(s.edges.size(), 1u);
    EXPECT_EQ(s.first_job.size(), 3u);
}

}  // namespace
}  // namespace penstock
