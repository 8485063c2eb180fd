#include "run/stage_job.hpp"

#include "core/stage.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace penstock {
namespace {

std::shared_ptr<const PipelineContext> a_source() {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    JobTemplate t;
    t.name = t.worker = "source";
    plan->templates.push_back(t);
    plan->stages.emplace_back();
    plan->stages[0].form = StageForm::source;
    complete_stream(*plan);
    auto context = std::make_shared<PipelineContext>();
    context->plan = std::move(plan);
    return context;
}

std::shared_ptr<const PipelineContext> a_fold() {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    for (const char* const name : {"source", "fold"}) {
        JobTemplate t;
        t.name = t.worker = name;
        plan->templates.push_back(t);
        plan->stages.emplace_back();
    }
    plan->stages[0].form = StageForm::source;
    plan->stages[1].form = StageForm::fold;
    plan->stages[1].snapshots = true;
    plan->stages[1].from = {TemplateIndex(0)};
    complete_stream(*plan);
    auto context = std::make_shared<PipelineContext>();
    context->plan = std::move(plan);
    return context;
}

std::uint64_t object_asked_for(const JobStart& start) {
    StageJob job(start, 0);
    const std::optional<Ticket> ticket = job.next(true, 1);
    return stage_request(std::move(*ticket->batch)).stream_job;
}

TEST(StageJob, AStageThatStartsAgainAtTheSameBrokerAsksForAFreshObject) {
    const auto pipeline = a_source();
    EXPECT_NE(object_asked_for({5, pipeline, TemplateIndex(0), 0, 1}),
              object_asked_for({6, pipeline, TemplateIndex(0), 0, 2}));
}

TEST(StageJob, AnswersOfOneStartComeFromOneObject) {
    const JobStart start{5, a_source(), TemplateIndex(0), 0, 1};
    EXPECT_EQ(object_asked_for(start), object_asked_for(start));
}

Outcome answer_to(const Ticket& ticket, StageAnswer answer, Nanoseconds took = 0) {
    Outcome outcome;
    outcome.ticket = ticket.id;
    outcome.succeeded = true;
    outcome.finished = took;
    outcome.outputs = std::make_unique<Document>(to_document(std::move(answer)));
    return outcome;
}

StreamItemsPtr one_item() {
    StreamItems items;
    items.sizes = {1};
    BytesWriter bytes;
    *bytes.extend(1) = std::byte{0};
    items.bytes = bytes.take();
    return std::make_shared<const StreamItems>(std::move(items));
}

TEST(StageJob, CpuTimeIsThatOfItsTicketsAndPeakMemoryTheLargest) {
    StageJob job({5, a_fold(), TemplateIndex(1), 0, 1}, 0);
    for (const std::uint64_t megabytes : {2, 3, 1}) {
        ASSERT_TRUE(job.in().push(JobIndex(0), {0, true, one_item(), 0, 0}));
        const auto ticket = job.next(true, megabytes);
        ASSERT_TRUE(ticket);
        StageAnswer answer;
        answer.done = 1;
        Outcome outcome = answer_to(*ticket, std::move(answer));
        outcome.details = std::make_unique<OutcomeDetails>();
        outcome.details->cpu_s = 0.25;
        outcome.details->peak_memory_bytes = megabytes << 20;
        ASSERT_TRUE(job.take(outcome));
    }
    EXPECT_EQ(job.cpu_s(), 0.75);
    EXPECT_EQ(job.peak_memory_bytes(), 3u << 20);
}

// A list that has waited long enough leaves, whatever passes by meanwhile. And the state that is known is of before the
// mark: a stream that went on from there with it would miss items.
TEST(StageJob, AMarkAtWhichAFoldIsNotAskedDoesNotPutItToSleepNorTellAState) {
    StageJob job({5, a_fold(), TemplateIndex(1), 0, 1}, 0);
    const JobIndex source(0);
    std::uint64_t mark = 0;
    const auto pass_item = [&] {
        ASSERT_TRUE(job.in().push(source, {mark, true, one_item(), mark, 0}));
        const auto ticket = job.next(true, 1);
        ASSERT_TRUE(ticket);
        StageAnswer answer;
        answer.done = 1;
        answer.state = Value(1);
        answer.wake_after_s = 1000;
        Outcome outcome = answer_to(*ticket, std::move(answer));
        ASSERT_TRUE(job.take(outcome));
    };
    // True when it was asked for its state, which takes an hour.
    const auto pass_mark = [&] {
        ++mark;
        EXPECT_TRUE(job.in().push(source, {mark, true, std::make_shared<const StreamItems>(), 0, mark}));
        const auto ticket = job.next(true, 2);
        if (!ticket) return false;
        StageAnswer answer;
        answer.state = Value(1);
        answer.wake_after_s = 1000;
        Outcome outcome = answer_to(*ticket, std::move(answer), 3'600'000'000'000);
        EXPECT_TRUE(job.take(outcome));
        return true;
    };
    bool all_asked = true;
    for (int i = 0; i < 1000 && all_asked; ++i) {
        ASSERT_NO_FATAL_FAILURE(pass_item());
        ASSERT_TRUE(job.wants_to_wake());
        all_asked = pass_mark();
        ASSERT_EQ(job.take_reached().size(), all_asked ? 1u : 0u) << "at mark " << mark;
        job.out().take_sendable();
        ASSERT_TRUE(job.wants_to_wake()) << "after mark " << mark;
    }
    EXPECT_FALSE(all_asked);
}

}  // namespace
}  // namespace penstock
