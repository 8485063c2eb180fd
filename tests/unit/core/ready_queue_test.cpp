#include "core/ready_queue.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

constexpr std::uint32_t kAnywhere = 0xffffffff;

ReadyRun run(std::uint32_t first, std::uint32_t count, std::uint32_t holder = kAnywhere, std::uint32_t pipeline = 1) {
    return {{PipelineId(pipeline), JobIndex(first), count}, TemplateIndex(0), 1, holder, true};
}

TEST(ReadyQueue, GetJobWhenEmpty) {
    ReadyQueue queue;
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.jobs(), 0u);
    EXPECT_EQ(queue.next_for(3), nullptr);
}

TEST(ReadyQueue, GetJobAfterAdd) {
    ReadyQueue queue;
    queue.push(run(0, 5));
    EXPECT_EQ(queue.jobs(), 5u);
    ASSERT_NE(queue.next_for(3), nullptr);
    EXPECT_EQ(queue.next_for(3)->jobs, run(0, 5).jobs);
    EXPECT_EQ(queue.take(3, 2).jobs, run(0, 2).jobs);
    EXPECT_EQ(queue.take(3, 100).jobs, run(2, 3).jobs);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.next_for(3), nullptr);
}

TEST(ReadyQueue, IsFirstInFirstOut) {
    ReadyQueue queue;
    queue.push(run(10, 1));
    queue.push(run(0, 1));
    queue.push(run(5, 1));
    EXPECT_EQ(queue.take(3, 9).jobs.first, JobIndex(10));
    EXPECT_EQ(queue.take(3, 9).jobs.first, JobIndex(0));
    EXPECT_EQ(queue.take(3, 9).jobs.first, JobIndex(5));
}

TEST(ReadyQueue, JoinsWhatFollowsTheLastRun) {
    ReadyQueue queue;
    queue.push(run(0, 2));
    queue.push(run(2, 3));
    EXPECT_EQ(queue.take(3, 9).jobs, run(0, 5).jobs);
}

TEST(ReadyQueue, DoesNotJoinWhatDiffers) {
    ReadyQueue queue;
    queue.push(run(0, 2));
    queue.push(run(2, 1, kAnywhere, 2));  // another pipeline
    ReadyRun other_template = run(3, 1, kAnywhere, 2);
    other_template.job = TemplateIndex(1);
    queue.push(other_template);
    ReadyRun second_attempt = run(4, 1, kAnywhere, 2);
    second_attempt.job = TemplateIndex(1);
    second_attempt.attempt = 2;
    queue.push(second_attempt);
    ReadyRun unlocated = run(5, 1, kAnywhere, 2);
    unlocated.job = TemplateIndex(1);
    unlocated.attempt = 2;
    unlocated.located = false;
    queue.push(unlocated);
    for (const std::uint32_t count : {2u, 1u, 1u, 1u, 1u}) EXPECT_EQ(queue.take(3, 9).jobs.count, count);
    EXPECT_TRUE(queue.empty());
}

TEST(ReadyQueue, GivesABrokerFirstWhatIsThere) {
    ReadyQueue queue;
    queue.push(run(0, 1));
    queue.push(run(1, 1, 4));
    queue.push(run(2, 1, 5));
    EXPECT_TRUE(queue.prefers(5));
    EXPECT_FALSE(queue.prefers(6));
    EXPECT_EQ(queue.take(5, 1).jobs.first, JobIndex(2));  // its own
    EXPECT_FALSE(queue.prefers(5));
    EXPECT_EQ(queue.take(5, 1).jobs.first, JobIndex(0));  // then what nobody prefers
    EXPECT_EQ(queue.take(5, 1).jobs.first, JobIndex(1));  // then what others prefer: better than idling
    EXPECT_TRUE(queue.empty());
}

TEST(ReadyQueue, AMillionJobsAreOneEntryToPickFrom) {
    ReadyQueue queue;
    for (std::uint32_t first = 0; first < 1'000'000; first += 1000) queue.push(run(first, 1000));
    EXPECT_EQ(queue.next_for(1)->jobs.count, 1'000'000u);
}

}  // namespace
}  // namespace penstock
