// What is done already, of definitions that have changed or not.
#include "sample_run.hpp"

#include "language/load.hpp"
#include "store/durable_jobs.hpp"
#include "store/stored_values.hpp"
#include "support/print_value.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace penstock {
namespace {

using ::testing::HasSubstr;
using Kept = std::vector<JobHistory::Kept>;
using Tried = std::vector<JobHistory::Tried>;

WorkerTypes types() {
    WorkerType t;
    t.name = "make";
    t.needs = [](const Document&) { return Keys{}; };
    t.makes = [](const Document&) { return Keys{"v", "w"}; };
    WorkerType command = t;
    command.name = "command";
    return {t, command};
}

class DurableJobsTest : public ::testing::Test {
protected:
    std::shared_ptr<const PipelineContext> pipeline(const std::string& jobs, std::string instance = "") {
        const Loaded loaded = load_text("penstock: 1\nname: p\njobs:\n" + jobs, "p.yaml", run_.folder(), types(), {});
        EXPECT_TRUE(loaded.ok()) << render(loaded.diagnostics);
        auto context = std::make_shared<PipelineContext>();
        context->plan = loaded.plans.at(0);
        context->info.instance = std::move(instance);
        return context;
    }
    static JobRecord record(const std::shared_ptr<const PipelineContext>& p, std::size_t job, std::uint32_t instance,
                            JobStatus status = JobStatus::succeeded, std::uint32_t attempt = 1) {
        JobRecord r = record_with(p, job, instance, {{"v", 100 * job + instance}});
        r.hash = job_hash(*p->plan, p->info, *r.job, instance);
        r.status = status;
        r.attempt = attempt;
        if (status == JobStatus::failed) {
            r.outputs = nullptr;
            r.details = std::make_unique<OutcomeDetails>();
            r.details->reason = EndReason::exception;
        }
        return r;
    }
    void write(std::vector<JobRecord> records, std::uint32_t rank = 1, std::uint32_t incarnation = 1) {
        const auto writer = make_record_writer(run_.options(rank, incarnation));
        SampleRun::write(*writer, std::move(records));
    }
    template <class... Records>
    void store(Records... records) {
        std::vector<JobRecord> all;
        (all.push_back(std::move(records)), ...);
        write(std::move(all));
    }
    std::shared_ptr<const Resumption> resume(const std::shared_ptr<const PipelineContext>& p,
                                             bool retry_failed = false) {
        return DurableJobs::read(run_.results(), {retry_failed, false})->resumption(*p->plan, p->info);
    }
    Kept kept(const std::shared_ptr<const PipelineContext>& p, bool retry_failed = false) {
        const auto resumption = resume(p, retry_failed);
        return resumption == nullptr ? Kept{} : resumption->history->kept;
    }

    SampleRun run_;
};

constexpr auto kFan = "  a: {worker: make, for-each: {n: {range: [0, 10]}}}\n  b: {worker: make, inputs: {x: a.v}}\n";

TEST_F(DurableJobsTest, WhatSucceededIsKeptAndItsValuesAreFound) {
    const auto p = pipeline(kFan);
    store(record(p, 0, 3), record(p, 0, 4), record(p, 0, 7), record(p, 0, 8, JobStatus::failed, 2));
    const auto r = resume(p);
    ASSERT_NE(r, nullptr);
    EXPECT_EQ(r->history->kept, (Kept{{3, 2, true}, {7, 1, true}, {8, 1, false}}));
    EXPECT_EQ(r->history->tried, (Tried{{3, 2, 1}, {7, 1, 1}, {8, 1, 2}}));
    EXPECT_EQ(kept(p, true), (Kept{{3, 2, true}, {7, 1, true}}));
    const Resumption::Place* place = r->place_of(7);
    ASSERT_NE(place, nullptr);
    const auto values = StoredValues::make();
    const std::uint32_t row = place->row + (7 - place->first);
    EXPECT_EQ(values->read(r->files->at(place->file), row, "v"), Value(7));
    EXPECT_EQ(values->read(r->files->at(place->file), row, "n"), Value(7)) << "a for-each value";
    EXPECT_EQ(values->read(r->files->at(place->file), row, "w"), std::nullopt);
    EXPECT_EQ(r->place_of(8), nullptr);
    EXPECT_EQ(r->place_of(9), nullptr);
    EXPECT_THROW(values->read(r->files->at(place->file), 99, "v"), StoreError);
}

TEST_F(DurableJobsTest, NothingIsKnownOfAnotherPipeline) {
    const auto p = pipeline(kFan);
    store(record(p, 0, 3));
    EXPECT_EQ(resume(pipeline(kFan, "url=x")), nullptr);
}

TEST_F(DurableJobsTest, JobsAreFoundByTheirValuesWhereverTheyStandNow) {
    const auto p = pipeline(kFan);
    store(record(p, 0, 3), record(p, 0, 4), record(p, 0, 9));
    const auto now = pipeline("  first: {worker: make}\n  a: {worker: make, for-each: {n: [9, 3, 50]}}\n");
    EXPECT_EQ(kept(now), (Kept{{1, 2, true}}));
    const auto r = resume(now);
    EXPECT_EQ(r->history->tried, (Tried{{1, 2, 1}}));
}

TEST_F(DurableJobsTest, WhatHasChangedRunsAgainAsAFurtherAttempt) {
    const auto p = pipeline(kFan);
    store(record(p, 0, 0), record(p, 0, 1), record(p, 1, 0));
    const auto now = pipeline(
        "  a: {worker: make, with: {k: 1}, for-each: {n: {range: [0, 10]}}}\n"
        "  b: {worker: make, inputs: {x: a.v}}\n");
    const auto r = resume(now);
    EXPECT_EQ(r->history->kept, Kept());
    EXPECT_EQ(r->history->tried, (Tried{{0, 2, 1}, {10, 1, 1}}));
    EXPECT_EQ(r->changed, 3u) << "b reads what a makes";
    const auto others = pipeline(
        "  a: {worker: make, priority: 3, retries: 2, timeout: 5 s, memory: 1 MiB, "
        "for-each: {n: {range: [0, 10]}}}\n  b: {worker: make, inputs: {x: a.v}}\n");
    EXPECT_EQ(kept(others), (Kept{{0, 2, true}, {10, 1, true}})) << "these never cause a rerun";
}

TEST_F(DurableJobsTest, AChangeOfAJobThatIsOnlyFollowedChangesNothing) {
    const auto p = pipeline("  a: {worker: make}\n  b: {worker: make, after: a}\n");
    store(record(p, 0, 0), record(p, 1, 0));
    EXPECT_EQ(kept(pipeline("  a: {worker: make, with: {k: 1}}\n  b: {worker: make, after: a}\n")),
              (Kept{{1, 1, true}}));
}

TEST_F(DurableJobsTest, AForEachWhereThereWasNoneIsAnotherJob) {
    const auto p = pipeline("  a: {worker: make}\n");
    store(record(p, 0, 0));
    const auto r = resume(pipeline("  a: {worker: make, for-each: {n: [1]}}\n"));
    EXPECT_EQ(r->history->kept, Kept());
    EXPECT_EQ(r->history->tried, Tried());
}

TEST_F(DurableJobsTest, WhatWasNotSavedIsMadeAgainForThoseWhoReadIt) {
    constexpr auto kChain =
        "  a: {worker: make, save: none}\n  b: {worker: make, save: none, inputs: {x: a.v}}\n"
        "  c: {worker: make, inputs: {x: b.v}}\n  d: {worker: make, inputs: {x: a.v}}\n";
    const auto p = pipeline(kChain);
    store(record(p, 0, 0), record(p, 1, 0), record(p, 3, 0));
    EXPECT_EQ(kept(p), (Kept{{3, 1, true}})) << "c needs b, and b needs a";
    write(
        [&] {
            std::vector<JobRecord> one;
            one.push_back(record(p, 2, 0));
            return one;
        }(),
        2);
    EXPECT_EQ(kept(p), (Kept{{0, 4, true}})) << "nobody needs them";
}

TEST_F(DurableJobsTest, EachTwinNeedsItsOwn) {
    const auto p = pipeline(
        "  a: {worker: make, save: none, for-each: {n: {range: [0, 4]}}}\n"
        "  b: {worker: make, for-each: {like: a}, inputs: {x: a.v}}\n");
    store(record(p, 0, 0), record(p, 0, 1), record(p, 0, 2), record(p, 1, 0), record(p, 1, 2));
    EXPECT_EQ(kept(p), (Kept{{0, 1, true}, {2, 1, true}, {4, 1, true}, {6, 1, true}}));
}

TEST_F(DurableJobsTest, AFileThatIsNotAsItWasIsMadeAgain) {
    const auto p =
        pipeline("  a: {worker: command, with: {argv: [x], outputs: {f: {file: out, as: path, to: kept}}}}\n");
    const auto file = run_.folder() / "kept";
    std::ofstream(file) << "12345";
    struct stat now {};
    ASSERT_EQ(::stat(file.c_str(), &now), 0);
    JobRecord r = record(p, 0, 0);
    const std::int64_t mtime = std::int64_t{now.st_mtim.tv_sec} * 1'000'000'000 + now.st_mtim.tv_nsec;
    r.outputs =
        std::make_shared<const Document>(Document{{"f", Map{{"path", file.string()}, {"size", 5}, {"mtime", mtime}}}});
    store(std::move(r));
    EXPECT_EQ(kept(p), (Kept{{0, 1, true}}));
    std::ofstream(file) << "123456";
    EXPECT_EQ(kept(p), Kept());
    std::filesystem::remove(file);
    EXPECT_EQ(kept(p), Kept());
}

TEST_F(DurableJobsTest, TheResultsFileAndLaterSegmentsCountTogether) {
    const auto p = pipeline(kFan);
    store(record(p, 0, 0), record(p, 0, 1, JobStatus::failed));
    run_.collect();
    write(
        [&] {
            std::vector<JobRecord> one;
            one.push_back(record(p, 0, 1, JobStatus::succeeded, 2));
            return one;
        }(),
        1, 2);
    const auto r = resume(p);
    EXPECT_EQ(r->history->kept, (Kept{{0, 2, true}}));
    EXPECT_EQ(r->history->tried, (Tried{{0, 1, 1}, {1, 1, 2}}));
    std::filesystem::remove(run_.results());  // replaced while the run goes on, say
    const Resumption::Place* place = r->place_of(0);
    EXPECT_EQ(StoredValues::make()->read(r->files->at(place->file), place->row, "v"), Value(0));
}

}  // namespace
}  // namespace penstock
