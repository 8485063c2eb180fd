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

// A source, and behind it a stage of that form.
std::shared_ptr<const PipelineContext> a_stage(StageForm form, OnError on_error = OnError::fail) {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    for (const char* const name : {"source", "stage"}) {
        JobTemplate t;
        t.name = t.worker = name;
        plan->templates.push_back(t);
        plan->stages.emplace_back();
    }
    plan->stages[0].form = StageForm::source;
    plan->stages[1].form = form;
    plan->stages[1].snapshots = form == StageForm::fold;
    plan->stages[1].on_error = on_error;
    plan->stages[1].from = {TemplateIndex(0)};
    plan->templates[1].retries = 5;
    complete_stream(*plan);
    auto context = std::make_shared<PipelineContext>();
    context->plan = std::move(plan);
    return context;
}

std::shared_ptr<const PipelineContext> a_fold() { return a_stage(StageForm::fold); }

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

StreamItemsPtr items(std::uint32_t n) {
    StreamItems items;
    items.sizes.assign(n, 1);
    BytesWriter bytes;
    for (std::uint32_t i = 0; i < n; ++i) *bytes.extend(1) = std::byte{0};
    items.bytes = bytes.take();
    return std::make_shared<const StreamItems>(std::move(items));
}

StreamItemsPtr one_item() { return items(1); }

Outcome death(const Ticket& ticket) {
    Outcome outcome;
    outcome.ticket = ticket.id;
    outcome.succeeded = false;
    outcome.details = std::make_unique<OutcomeDetails>();
    outcome.details->reason = EndReason::signal;
    outcome.details->error = "it was ended by SIGSEGV";
    return outcome;
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

// ------------------------------------------------------------------------------------------ items that fail

// A generator that has been given two items; one result of the first of them has left, and more are to come.
class PartlyOut : public ::testing::TestWithParam<OnError> {
protected:
    void SetUp() override {
        ASSERT_TRUE(job_.in().push(JobIndex(0), {0, true, items(2), 0, 0}));
        ticket_ = job_.next(true, 1);
        ASSERT_TRUE(ticket_);
        StageAnswer some;
        some.items = *one_item();
        some.released = 1;
        some.more = true;
        Outcome outcome = answer_to(*ticket_, std::move(some));
        ASSERT_TRUE(job_.take(outcome));
        ASSERT_EQ(job_.out().take_sendable().size(), 1u);
        ticket_ = job_.next(true, 2);
        ASSERT_TRUE(ticket_);
    }
    StageJob job_{{5, a_stage(StageForm::generator, GetParam()), TemplateIndex(1), 0, 1}, 0};
    std::optional<Ticket> ticket_;
};

// Tried again, the first results would come twice; left out, they would be there without the others.
TEST_P(PartlyOut, ItsProcessDiesAndTheStreamFails) {
    Outcome outcome = death(*ticket_);
    ASSERT_TRUE(job_.take(outcome));
    EXPECT_EQ(job_.failure(), "item 0: it was ended by SIGSEGV");
    EXPECT_EQ(job_.counts().failed, 1u);
    EXPECT_FALSE(job_.next(true, 3));
}

TEST_P(PartlyOut, ItFailsAndTheStreamFails) {
    StageAnswer answer;
    answer.released = 1;
    answer.error = "cannot go on";
    Outcome outcome = answer_to(*ticket_, std::move(answer));
    ASSERT_TRUE(job_.take(outcome));
    EXPECT_EQ(job_.failure(), "item 0: cannot go on");
    EXPECT_EQ(job_.skipped_text(), "");
    EXPECT_EQ(job_.counts().skipped, 0u);
    EXPECT_EQ(job_.counts().failed, 1u);
    EXPECT_FALSE(job_.next(true, 3));
}

INSTANTIATE_TEST_SUITE_P(OnError, PartlyOut, ::testing::Values(OnError::fail, OnError::skip, OnError::retry));

// Of one that makes the same results again those that have left are left out.
TEST(StageJob, AnItemThatIsPartlyOutIsTriedAgainByARepeatableWorker) {
    auto context = std::make_shared<PipelineContext>(*a_stage(StageForm::generator, OnError::retry));
    auto plan = std::make_shared<Plan>(*context->plan);
    plan->stages[1].repeats = true;
    context->plan = std::move(plan);
    StageJob job({5, std::move(context), TemplateIndex(1), 0, 1}, 0);
    ASSERT_TRUE(job.in().push(JobIndex(0), {0, true, items(1), 0, 0}));
    ASSERT_TRUE(job.in().push(JobIndex(0), {1, true, items(1), 1, 0}));
    const auto answer = [&](const Ticket& ticket, std::uint64_t released, std::uint32_t done) {
        StageAnswer some;
        some.items = *one_item();
        some.released = released;
        some.more = released != 0;
        some.done = done;
        Outcome outcome = answer_to(ticket, std::move(some));
        ASSERT_TRUE(job.take(outcome));
        job.out().take_sendable();
    };
    ASSERT_NO_FATAL_FAILURE(answer(*job.next(true, 1), 7, 0));
    for (const bool crashes : {true, false}) {
        Outcome outcome = death(*job.next(true, 2));
        if (!crashes) {
            StageAnswer error;
            error.released = 7;
            error.error = "not now";
            outcome = answer_to({}, std::move(error));
            outcome.ticket = 2;
        }
        ASSERT_TRUE(job.take(outcome));
        ASSERT_FALSE(job.failure());
        const auto again = job.next(true, 3);
        ASSERT_TRUE(again);
        const StageRequest request = stage_request(Document(*again->batch));
        EXPECT_EQ(request.what, StageRequest::Do::items);
        EXPECT_EQ(request.skip, 7u);
        EXPECT_EQ(request.items.count(), 1u);
        ASSERT_NO_FATAL_FAILURE(answer(*again, 7, 0));
    }
    ASSERT_NO_FATAL_FAILURE(answer(*job.next(true, 4), 0, 1));
    EXPECT_EQ(stage_request(std::move(*job.next(true, 5)->batch)).skip, 0u) << "another item";
    EXPECT_EQ(job.counts().retried, 2u);
    EXPECT_EQ(job.counts().items_out, 4u);
}

// The others are not tried again with the one that is to blame.
TEST(StageJob, ItemsOverWhichAFoldsProcessDiedAreGivenOneByOne) {
    StageJob job({5, a_fold(), TemplateIndex(1), 0, 1}, 0);
    ASSERT_TRUE(job.in().push(JobIndex(0), {0, true, items(4), 0, 0}));
    const auto next_items = [&job](std::uint64_t number, std::optional<Ticket>& ticket) {
        ticket = job.next(true, number);
        if (!ticket) return std::size_t{0};
        const StageRequest request = stage_request(Document(*ticket->batch));
        return request.items.count() - request.replayed;
    };
    std::optional<Ticket> ticket;
    ASSERT_EQ(next_items(1, ticket), 1u) << "how long one takes is not known";
    StageAnswer answer;
    answer.done = 1;
    Outcome outcome = answer_to(*ticket, std::move(answer));
    ASSERT_TRUE(job.take(outcome));
    ASSERT_EQ(next_items(2, ticket), 3u);
    outcome = death(*ticket);
    ASSERT_TRUE(job.take(outcome));
    EXPECT_FALSE(job.failure());
    EXPECT_EQ(next_items(3, ticket), 1u);
}

// What is pushed meanwhile stays where it is, and so does the credit for it.
TEST(StageJob, AStageWhoseResultsFindNoRoomIsGivenNothingToDo) {
    StageJob job({5, a_stage(StageForm::map), TemplateIndex(1), 0, 1}, 0);
    std::size_t worked_on = 0;
    for (std::uint64_t number = 0; number < 10'000; ++number) {
        ASSERT_TRUE(job.in().push(JobIndex(0), {number, true, one_item(), number, 0}));
        const auto ticket = job.next(true, number + 1);
        job.out().take_sendable();
        if (!ticket) continue;
        ++worked_on;
        StageAnswer answer;
        answer.items = *one_item();
        answer.done = 1;
        Outcome outcome = answer_to(*ticket, std::move(answer));
        ASSERT_TRUE(job.take(outcome));
    }
    EXPECT_TRUE(job.out().full());
    EXPECT_GT(worked_on, 1u);
    EXPECT_LT(worked_on, 5000u);
}

// source -> stage -> next -> sample or not -> last. How many of 100 items the stage's lane is given at once, once it is
// known that one takes so long.
std::size_t given_at_once(Stage::Role role, Nanoseconds each) {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    for (std::uint32_t t = 0; t < 5; ++t) {
        JobTemplate job;
        job.name = job.worker = std::string("stage").append(std::to_string(t));
        plan->templates.push_back(std::move(job));
        plan->stages.emplace_back();
        if (t > 0) plan->stages[t].from = {TemplateIndex(t - 1)};
    }
    plan->stages[0].form = StageForm::source;
    plan->stages[3].role = role;
    plan->stages[3].limit = 1;
    complete_stream(*plan);
    auto context = std::make_shared<PipelineContext>();
    context->plan = std::move(plan);

    StageJob job({5, std::move(context), TemplateIndex(1), 0, 1}, 0);
    EXPECT_TRUE(job.in().push(JobIndex(0), {0, true, one_item(), 0, 0}));
    StageAnswer answer;
    answer.items = *one_item();
    answer.done = 1;
    Outcome outcome = answer_to(*job.next(true, 1), std::move(answer), each);
    EXPECT_TRUE(job.take(outcome));
    job.out().take_sendable();
    EXPECT_TRUE(job.in().push(JobIndex(0), {1, true, items(100), 1, 0}));
    return stage_request(std::move(*job.next(true, 2)->batch)).items.count();
}

// What comes all at once finds the branch of the sample full, however little there is to do in it.
TEST(StageJob, WhatLeadsToASampleIsDoneInSmallPieces) {
    constexpr Nanoseconds kEach = 500'000;
    EXPECT_EQ(given_at_once(Stage::Role::worker, kEach), static_cast<std::size_t>(StreamOutput::kHorizon / kEach));
    EXPECT_EQ(given_at_once(Stage::Role::sample, kEach), 2u);
}

}  // namespace
}  // namespace penstock
