#include "core/stream_position.hpp"

#include "core/stream_input.hpp"
#include "core/stream_output.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace penstock {
namespace {

// A source, three workers that keep order, a fold beside what is stored.
Plan line(const std::function<void(Plan&)>& change = {}) {
    Plan plan;
    plan.name = "s";
    const char* const names[] = {"source", "work", "fold"};
    for (std::uint32_t s = 0; s < 3; ++s) {
        JobTemplate t;
        t.name = t.worker = names[s];
        plan.templates.push_back(std::move(t));
        Stage stage;
        if (s != 0) stage.from = {TemplateIndex(s - 1)};
        plan.stages.push_back(std::move(stage));
    }
    plan.templates[1].count = 3;
    plan.stages[0].form = StageForm::source;
    plan.stages[0].seeks = true;
    plan.stages[2].form = StageForm::fold;
    plan.stages[2].snapshots = true;
    if (change) change(plan);
    complete_stream(plan);
    return plan;
}

std::string why(const std::function<void(Plan&)>& change) { return why_it_begins_again(line(change)).value_or(""); }

TEST(StreamPosition, SaysWhyAStreamCannotGoOn) {
    EXPECT_EQ(why({}), "");
    EXPECT_EQ(why([](Plan& p) { p.stages[0].seeks = false; }), "its source `source` cannot begin at a position");
    EXPECT_EQ(why([](Plan& p) { p.templates[0].count = 2; }), "its source `source` has several workers");
    EXPECT_EQ(why([](Plan& p) { p.stages[2].snapshots = false; }), "the fold `fold` has no snapshot()");
    EXPECT_EQ(why([](Plan& p) { p.stages[0].role = Stage::Role::input; }), "the driver function feeds it");
    EXPECT_EQ(why([](Plan& p) { p.stages[1].from.clear(); }), "it has several sources");
    EXPECT_EQ(why([](Plan& p) { p.stages[2].from = {TemplateIndex(0), TemplateIndex(1)}; }), "");
    EXPECT_EQ(why([](Plan& p) {
                  p.stages[2].from = {TemplateIndex(0), TemplateIndex(1)};
                  p.stages[2].merge = Merge::zip;
              }),
              "`fold` merges its inputs in turn");
}

TEST(StreamPosition, IsReachedWhenAllThatFoldOrStoreHaveReported) {
    const Plan plan = line();
    const auto jobs = reporting_jobs(plan);
    ASSERT_EQ(jobs.size(), 2u);  // the fold and fold@results
    StreamPositions positions(plan);
    EXPECT_EQ(positions.report(jobs[0], 10, {}, "ten"), nullptr);
    EXPECT_EQ(positions.report(jobs[0], 20, {}, "twenty"), nullptr);
    EXPECT_EQ(positions.report(jobs[0], 20, {}, "again"), nullptr);
    EXPECT_EQ(positions.report(jobs[1], 5, StreamPosition::Stored{1, 1}, ""), nullptr);
    const auto reached = positions.report(jobs[1], 20, StreamPosition::Stored{7, 1}, "");
    ASSERT_NE(reached, nullptr);
    EXPECT_EQ(reached->items, 20u);
    EXPECT_EQ(reached->stored.at(jobs[1].value).items, 7u);
    EXPECT_EQ(reached->states.at(jobs[0].value), "twenty");
    EXPECT_EQ(positions.open(), 0u) << "earlier ones are of no use any more";
}

TEST(StreamPosition, OfTooManyEveryOtherOneIsForgotten) {
    const Plan plan = line();
    const auto jobs = reporting_jobs(plan);
    StreamPositions positions(plan);
    for (std::uint64_t mark = 1; mark <= 100'000; ++mark) {
        EXPECT_EQ(positions.report(jobs[0], mark, {}, "x"), nullptr);
        ASSERT_LE(positions.open(), StreamPositions::kMostOpen);
    }
    std::uint64_t reached = 0;
    for (std::uint64_t mark = 1; mark <= 100'000; ++mark)
        if (positions.report(jobs[1], mark, StreamPosition::Stored{mark, 1}, "") != nullptr) ++reached;
    EXPECT_GT(reached, StreamPositions::kMostOpen / 8);

    StreamPositions large(plan);
    const std::string state(4 << 20, 's');
    for (std::uint64_t mark = 1; mark <= 100; ++mark) large.report(jobs[0], mark, {}, state);
    EXPECT_LE(large.open() * state.size(), StreamPositions::kMostState);
}

StreamItemsPtr items(std::uint32_t n) {
    auto some = std::make_shared<StreamItems>();
    some->sizes.assign(n, 1);
    BytesWriter bytes;
    bytes.append(std::vector<std::byte>(n));
    some->bytes = bytes.take();
    return some;
}

// What is behind a mark on one link waits until it has come over the others.
TEST(StreamMarks, AreSeenOnceTheyHaveComeOverEveryLink) {
    const Plan plan = line([](Plan& p) { p.stages[1].ordered = false; });
    StreamInput in(plan, TemplateIndex(2));
    const auto from = [&](std::uint32_t worker) { return JobIndex(plan.templates[1].first_job.value + worker); };
    const auto mark = [](std::uint64_t position) {
        StreamInput::Batch batch;
        batch.mark = position;
        return batch;
    };
    EXPECT_TRUE(in.push(from(0), {0, true, items(2)}));
    EXPECT_TRUE(in.push(from(0), mark(9)));
    EXPECT_TRUE(in.push(from(0), {1, true, items(3)}));
    EXPECT_TRUE(in.push(from(1), mark(9)));
    ASSERT_EQ(in.pop()->batch.items->count(), 2u);
    EXPECT_FALSE(in.pop());
    EXPECT_FALSE(in.has_next());
    EXPECT_TRUE(in.push(from(2), {2, true, items(4)}));
    ASSERT_EQ(in.pop()->batch.items->count(), 4u);
    EXPECT_TRUE(in.end(from(2), 4, false));
    EXPECT_TRUE(in.has_next()) << "what has ended is not waited for";
    EXPECT_EQ(in.pop()->batch.mark, 9u);
    EXPECT_EQ(in.pop()->batch.items->count(), 3u);
    EXPECT_TRUE(in.end(from(0), 5, false));
    EXPECT_TRUE(in.end(from(1), 0, false));
    EXPECT_TRUE(in.ended());
    EXPECT_EQ(in.damage(), "");
}

TEST(StreamMarks, AreDroppedWhenAProducerHasFailed) {
    const Plan plan = line([](Plan& p) { p.stages[1].ordered = false; });
    StreamInput in(plan, TemplateIndex(2));
    const auto from = [&](std::uint32_t worker) { return JobIndex(plan.templates[1].first_job.value + worker); };
    StreamInput::Batch mark;
    mark.mark = 9;
    EXPECT_TRUE(in.push(from(0), mark));
    EXPECT_TRUE(in.push(from(0), {1, true, items(3)}));
    EXPECT_FALSE(in.pop());
    EXPECT_TRUE(in.end(from(1), 0, true));
    EXPECT_EQ(in.pop()->batch.items->count(), 3u);
    EXPECT_TRUE(in.push(from(2), mark));
    EXPECT_FALSE(in.has_next());
    EXPECT_TRUE(in.end(from(0), 3, false));
    EXPECT_TRUE(in.end(from(2), 0, false));
    EXPECT_TRUE(in.ended());
}

// It is an empty batch to those that keep order: without its number all behind it would wait for ever, and be lost.
TEST(StreamMarks, LeaveTheirPlaceInTheOrderWhenAProducerHasFailed) {
    const Plan plan = line([](Plan& p) { p.stages[1].ordered = true; });
    ASSERT_TRUE(plan.stages[1].keeps_order);
    const JobIndex source = plan.templates[0].first_job;
    const auto mark = [](std::uint64_t number, std::uint64_t position) {
        StreamInput::Batch batch;
        batch.number = number;
        batch.last = true;
        batch.mark = position;
        return batch;
    };
    StreamInput in(plan, TemplateIndex(1));
    EXPECT_TRUE(in.push(source, {0, true, items(2)}));
    EXPECT_TRUE(in.push(source, mark(1, 2)));
    EXPECT_TRUE(in.push(source, {2, true, items(1)}));
    EXPECT_TRUE(in.end(source, 3, true));
    const std::size_t counts[] = {2, 0, 1};
    for (std::uint64_t number = 0; number < 3; ++number) {
        ASSERT_TRUE(in.has_next());
        const auto work = in.pop();
        EXPECT_EQ(work->batch.items->count(), counts[number]);
        EXPECT_EQ(work->batch.number, number);
        EXPECT_TRUE(work->batch.last);
        EXPECT_EQ(work->batch.mark, 0u);
    }
    EXPECT_TRUE(in.ended());

    StreamInput waits(plan, TemplateIndex(1));
    EXPECT_TRUE(waits.push(source, mark(0, 5)));
    EXPECT_TRUE(waits.has_next());
    EXPECT_TRUE(waits.end(source, 0, true));
    EXPECT_FALSE(waits.ended());
    const auto work = waits.pop();
    ASSERT_TRUE(work);
    EXPECT_EQ(work->batch.number, 0u);
    EXPECT_EQ(work->batch.mark, 0u);
    EXPECT_TRUE(waits.ended());
}

// By number while the queues fill, at one item for all consumers.
TEST(StreamMarks, OfASourceAreAtOneItemForAllConsumers) {
    const Plan plan = line([](Plan& p) {
        p.stages[1].ordered = false;
        p.stages[2].from = {TemplateIndex(0)};
    });
    StreamOutput out(plan, TemplateIndex(0));
    out.put_marks(1000);
    out.add(items(500), 0, true);
    std::map<std::uint32_t, std::vector<std::uint64_t>> marks;  // by job
    std::map<std::uint32_t, std::uint64_t> sent;                // by stage
    std::uint64_t most = 0;
    while (true) {
        const auto some = out.take_sendable();
        if (some.empty()) break;
        for (const auto& s : some) {
            const std::uint32_t stage = plan.template_of(s.to).value;
            if (s.mark != 0) {
                EXPECT_EQ(s.mark, 1000 + sent[stage]);
                marks[s.to.value].push_back(s.mark);
                continue;
            }
            EXPECT_EQ(s.first, 1000 + sent[stage]) << "items have the numbers that they have in an undisturbed stream";
            most = std::max<std::uint64_t>(most, s.items->count());
            sent[stage] += s.items->count();
            EXPECT_TRUE(out.taken(s.to, s.items->count(), s.items->bytes.size(), 1000));
        }
    }
    EXPECT_EQ(sent[1], 500u);
    EXPECT_EQ(sent[2], 500u);
    EXPECT_LE(most, StreamOutput::kMostBetweenMarks);
    ASSERT_EQ(marks.size(), 4u);
    for (const auto& [job, of] : marks) EXPECT_EQ(of, marks.begin()->second) << job;
    EXPECT_EQ(marks.begin()->second.front(), 1001u);
    EXPECT_GT(marks.begin()->second.size(), 60u);
    EXPECT_FALSE(out.full());
}

}  // namespace
}  // namespace penstock
