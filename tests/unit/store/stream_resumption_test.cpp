// Streams that earlier launches have worked on: which are done, and where the others go on.
#include "stream_sample.hpp"

#include "core/stage.hpp"
#include "store/durable_jobs.hpp"
#include "store/position_file.hpp"
#include "store/segment_name.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

namespace penstock {
namespace {

constexpr std::size_t kSource = 0, kWork = 1, kFold = 2;

// A source; what is made of its items is kept, and counted.
Pipe a_stream(const std::function<void(Plan&)>& change = {}) {
    auto plan = std::make_shared<Plan>();
    plan->name = "s";
    const char* const names[] = {"source", "work", "fold"};
    for (std::uint32_t s = 0; s < 3; ++s) {
        JobTemplate t;
        t.name = t.worker = names[s];
        plan->templates.push_back(std::move(t));
        Stage stage;
        if (s != kSource) stage.from = {TemplateIndex(kSource)};
        plan->stages.push_back(std::move(stage));
    }
    plan->stages[kSource].form = StageForm::source;
    plan->stages[kSource].seeks = true;
    plan->stages[kWork].form = StageForm::map;
    plan->stages[kFold].form = StageForm::fold;
    plan->stages[kFold].snapshots = true;
    if (change) change(*plan);
    complete_stream(*plan);
    seal_hashes(*plan);
    auto context = std::make_shared<PipelineContext>();
    context->plan = std::move(plan);
    return context;
}

JobIndex job_called(const Plan& plan, const std::string& name) {
    for (const JobTemplate& t : plan.templates)
        if (t.name == name) return t.first_job;
    throw std::runtime_error("no stage " + name);
}

// 40 items have come through; 30 of them are kept.
StreamPosition position(const Plan& plan) {
    StreamPosition p;
    p.items = 40;
    for (const JobTemplate& t : plan.templates)
        if (t.name.ends_with("@results")) p.stored[t.first_job.value] = {t.name == "work@results" ? 30u : 0u, 1};
    p.states[job_called(plan, "fold").value] = "forty";
    return p;
}

class StreamResumption : public ::testing::Test {
protected:
    StreamResumption() { std::filesystem::create_directories(run_.directory() / "positions"); }

    static JobRecord ended(const Pipe& p, std::size_t stage, std::uint32_t attempt = 1) {
        JobRecord r = record_of(p, stage);
        r.hash = job_hash(*p->plan, p->info, *r.job, 0);
        r.attempt = attempt;
        return r;
    }
    static PipelineRecord end_of(const Pipe& p, JobStatus status = JobStatus::succeeded) {
        PipelineRecord r;
        r.pipeline = p;
        r.status = status;
        return r;
    }
    void write(std::uint32_t incarnation, std::vector<JobRecord> jobs, std::vector<StreamRecord> items = {},
               std::optional<PipelineRecord> end = {}) {
        const auto writer = make_record_writer(run_.options(++writers_, incarnation));  // as of another rank each time
        for (StreamRecord& record : items) writer->add(std::move(record));
        if (end) writer->add(std::move(*end));
        if (!jobs.empty()) writer->add(std::move(jobs));
        writer->stop();
    }
    static StreamRecord kept(const Pipe& p, std::uint64_t first, std::int64_t count, std::uint32_t attempt = 1) {
        return stream_record(p, first, numbers(static_cast<std::int64_t>(first), count), kWork, attempt);
    }
    void save(const Pipe& p, std::uint32_t incarnation = 1) {
        write_position(run_.directory(), incarnation, stream_identity(*p), *p, position(*p->plan));
    }
    // Of the n-th call of write(), of the first launch.
    std::filesystem::path segment_of(std::uint32_t n) const {
        return run_.directory() / "segments" / segment_name({{1, n, 1}, 1, 1});
    }
    std::shared_ptr<const Resumption> resume(const Pipe& p) const {
        return DurableJobs::read(run_.results(), {})->resumption(*p->plan, p->info);
    }
    bool is_done(const Pipe& p) const {
        const auto found = resume(p);
        return found != nullptr && found->history->jobs() == p->plan->job_count;
    }
    std::uint64_t goes_on_behind(const Pipe& p) const {
        const auto found = resume(p);
        return found == nullptr || found->position == nullptr ? 0 : found->position->items;
    }
    std::optional<SavedPosition> read(const Pipe& p) const { return read_position(run_.directory(), *p); }

    SampleRun run_;
    std::uint32_t writers_ = 0;
};

std::vector<JobRecord> all_of(JobRecord one, JobRecord two, JobRecord three) {
    std::vector<JobRecord> all;
    all.push_back(std::move(one));
    all.push_back(std::move(two));
    all.push_back(std::move(three));
    return all;
}

std::vector<JobRecord> both(JobRecord one, JobRecord two) {
    std::vector<JobRecord> all;
    all.push_back(std::move(one));
    all.push_back(std::move(two));
    return all;
}

std::vector<StreamRecord> only(StreamRecord one) {
    std::vector<StreamRecord> items;
    items.push_back(std::move(one));
    return items;
}

TEST_F(StreamResumption, IsDoneWhenItHasEndedWell) {
    const Pipe p = a_stream();
    write(1, all_of(ended(p, kSource), ended(p, kWork), ended(p, kFold)), only(kept(p, 0, 50)), end_of(p));
    EXPECT_TRUE(is_done(p));
    EXPECT_FALSE(is_done(a_stream([](Plan& plan) { plan.templates[kWork].with = {{"k", 1}}; })));
}

TEST_F(StreamResumption, IsNotDoneWhenItemsOfItAreGone) {
    const Pipe p = a_stream();
    write(1, {}, only(kept(p, 0, 20)));
    write(1, {}, only(kept(p, 20, 20)));
    write(1, all_of(ended(p, kSource), ended(p, kWork), ended(p, kFold)), only(kept(p, 40, 10)), end_of(p));
    ASSERT_TRUE(is_done(p));
    std::filesystem::remove(segment_of(2));
    EXPECT_FALSE(is_done(p));
    EXPECT_EQ(resume(p)->begins_again, "some of what it had made is damaged or missing");
}

// Where an attempt begins and ends is written by rank 0, whose segments are others.
TEST_F(StreamResumption, IsNotDoneWhenItsLastItemsAreGone) {
    const Pipe p = a_stream();
    write(1, {}, only(kept(p, 0, 20)));
    write(1, {}, only(kept(p, 20, 20)));
    std::vector<StreamRecord> extents;
    extents.push_back(kept(p, 0, 0));
    extents.push_back(kept(p, 40, 0));
    write(1, all_of(ended(p, kSource), ended(p, kWork), ended(p, kFold)), std::move(extents), end_of(p));
    ASSERT_TRUE(is_done(p));
    std::filesystem::remove(segment_of(2));
    EXPECT_FALSE(is_done(p));
    EXPECT_EQ(resume(p)->begins_again, "some of what it had made is damaged or missing");
}

// Without that what is left of an attempt before it would be taken for what it has made.
TEST_F(StreamResumption, IsNotDoneWhenOnlyItemsOfAnEarlierAttemptAreLeft) {
    const Pipe p = a_stream();
    write(1, {}, only(kept(p, 0, 20)));
    write(1, {}, only(kept(p, 0, 10, 2)));
    std::vector<StreamRecord> extents;
    extents.push_back(kept(p, 0, 0, 2));
    extents.push_back(kept(p, 10, 0, 2));
    write(1, all_of(ended(p, kSource), ended(p, kWork), ended(p, kFold)), std::move(extents), end_of(p));
    ASSERT_TRUE(is_done(p));
    std::filesystem::remove(segment_of(2));
    EXPECT_FALSE(is_done(p));
}

TEST_F(StreamResumption, IsNotDoneWhenItsLastItemsMayHaveBeenInADamagedSegment) {
    const Pipe p = a_stream();
    write(1, all_of(ended(p, kSource), ended(p, kWork), ended(p, kFold)), only(kept(p, 0, 40)), end_of(p));
    write(1, {}, only(kept(p, 40, 10)));
    ASSERT_TRUE(is_done(p));
    std::ofstream(segment_of(2), std::ios::trunc) << "not HDF5";
    EXPECT_FALSE(is_done(p));
    // Once it has run again nothing of it can be there.
    write(2, all_of(ended(p, kSource, 2), ended(p, kWork, 2), ended(p, kFold, 2)), only(kept(p, 0, 50, 2)), end_of(p));
    EXPECT_TRUE(is_done(p));
}

TEST_F(StreamResumption, IsNotDoneWhenTwoLaunchesHaveEndedAPartEach) {
    const Pipe p = a_stream();
    write(1, both(ended(p, kSource), ended(p, kFold)), only(stream_record(p, 0, {Value(50)}, kFold)));
    // The second launch makes all of it again from its position on, and is killed before the fold has ended.
    write(2, both(ended(p, kSource, 2), ended(p, kWork)), only(stream_record(p, 0, {}, kFold)));
    EXPECT_FALSE(is_done(p)) << "the result of the fold is void";
    write(3, all_of(ended(p, kSource, 3), ended(p, kWork, 2), ended(p, kFold, 2)), {}, end_of(p));
    EXPECT_TRUE(is_done(p));
}

TEST_F(StreamResumption, GoesOnWhereAllItemsAreDurable) {
    const Pipe p = a_stream();
    save(p);
    write(1, {}, only(kept(p, 0, 29)));
    EXPECT_EQ(goes_on_behind(p), 0u) << "one is missing";
    EXPECT_EQ(resume(p)->begins_again, "no position of it is durable, or it has changed since");
    write(1, {}, only(kept(p, 29, 10)));
    EXPECT_EQ(goes_on_behind(p), 40u);
    write(2, {}, only(kept(p, 30, 5)));
    EXPECT_EQ(goes_on_behind(p), 40u) << "a launch that went on from there";
    write(3, {}, only(kept(p, 10, 5)));
    EXPECT_EQ(goes_on_behind(p), 0u) << "a later launch has begun further back";
}

TEST_F(StreamResumption, APositionIsReadAsItWasWritten) {
    const Pipe p = a_stream();
    EXPECT_EQ(read(p), std::nullopt);
    save(p, 7);
    const auto saved = read(p);
    ASSERT_TRUE(saved);
    EXPECT_EQ(saved->incarnation, 7u);
    EXPECT_EQ(saved->position, position(*p->plan));
    // Jobs have other numbers now.
    const Pipe more = a_stream([](Plan& plan) { plan.templates[kWork].count = 5; });
    ASSERT_TRUE(read(more));
    EXPECT_EQ(read(more)->position, position(*more->plan));
    EXPECT_EQ(read(a_stream([](Plan& plan) { plan.templates[kWork].worker = "other"; })), std::nullopt);
    EXPECT_EQ(read(a_stream([](Plan& plan) { plan.templates[kFold].count = 2; })), std::nullopt) << "a state each";
    remove_position(run_.directory(), *p);
    EXPECT_EQ(read(p), std::nullopt);
}

TEST_F(StreamResumption, APositionThatIsDamagedIsNone) {
    const Pipe p = a_stream();
    save(p);
    const auto file = std::filesystem::directory_iterator(run_.directory() / "positions")->path();
    const std::string whole = content_of(file);
    for (std::size_t length = 0; length < whole.size(); length += 3) {
        write_content(file, whole.substr(0, length));
        ASSERT_EQ(read(p), std::nullopt) << "cut after " << length;
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string flipped = whole;
        flipped[at] = static_cast<char>(flipped[at] ^ 1);
        write_content(file, flipped);
        ASSERT_EQ(read(p), std::nullopt) << "flipped at " << at;
    }
    write_content(file, whole);
    EXPECT_TRUE(read(p));
}

TEST_F(StreamResumption, WhatWasNotKeptBeforeIsNotKeptFromTheMiddleOn) {
    const auto nothing_kept = [](Plan& plan) { plan.templates[kWork].save = {.all = false, .keys = {}}; };
    const Pipe before = a_stream(nothing_kept);
    save(before);
    EXPECT_TRUE(read(before));
    EXPECT_EQ(read(a_stream()), std::nullopt) << "the first 40 items are nowhere";
}

TEST_F(StreamResumption, IsOfTheFileAsItWasWhenTheStreamBegan) {
    write_content(run_.folder() / "in.txt", "a\nb\n");
    const auto reads = [&](Plan& plan) {
        plan.definition_directory = run_.folder();
        plan.templates[kSource].with = {{"file", "in.txt"}};
    };
    const Pipe p = a_stream(reads);
    const std::uint64_t then = stream_identity(*p);
    EXPECT_EQ(stream_identity(*p), then);
    write_content(run_.folder() / "in.txt", "a\nb\nc\n");  // meanwhile
    write_position(run_.directory(), 1, then, *p, position(*p->plan));
    EXPECT_EQ(read(p), std::nullopt);
}

TEST_F(StreamResumption, AFileIsAlsoKnownByDataThatNameIt) {
    write_content(run_.folder() / "in.txt", "a\n");
    const Pipe p = a_stream([&](Plan& plan) {
        plan.definition_directory = run_.folder();
        plan.data = {{"input", "in.txt"}};
        plan.templates[kSource].with = {{"file", "{input}"}};
        Binding of;
        of.key = of.source_key = "input";
        of.from = Binding::From::data;
        plan.templates[kSource].bindings = {of};
    });
    save(p);
    EXPECT_TRUE(read(p));
    write_content(run_.folder() / "in.txt", "a\nb\n");
    EXPECT_EQ(read(p), std::nullopt);
}

TEST_F(StreamResumption, IsOfTheFilesThatThereWere) {
    for (const char* name : {"b.in", "c.in"}) write_content(run_.folder() / name, "");
    const Pipe p = a_stream([&](Plan& plan) {
        plan.definition_directory = run_.folder();
        plan.templates[kSource].with = {{"glob", "*.in"}};
    });
    save(p);
    write_content(run_.folder() / "b.in", "what is in them does not matter");
    EXPECT_TRUE(read(p));
    write_content(run_.folder() / "a.in", "");
    EXPECT_EQ(read(p), std::nullopt) << "the first 40 of these are others";
}

}  // namespace
}  // namespace penstock
