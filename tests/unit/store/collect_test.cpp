#include "sample_run.hpp"

#include "store/column_layout.hpp"
#include "store/hdf5_write_file.hpp"
#include "store/journal.hpp"
#include "store/segment_list.hpp"
#include "store/source.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace penstock {

namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CollectTest : public testing::Test {
protected:
    // One segment of a writer of its own.
    void segment(std::uint32_t rank, std::vector<JobRecord> records, std::uint32_t incarnation = 1,
                 std::uint32_t epoch = 1) {
        const auto writer = make_record_writer(run_.options(rank, incarnation, epoch));
        SampleRun::write(*writer, std::move(records));
    }
    void segment(std::uint32_t rank, JobRecord record, std::uint32_t incarnation = 1, std::uint32_t epoch = 1) {
        std::vector<JobRecord> one;
        one.push_back(std::move(record));
        segment(rank, std::move(one), incarnation, epoch);
    }

    SampleRun run_;
};

struct Row {
    std::uint32_t incarnation;
    std::uint32_t attempt;
    JobStatus status;
    std::uint64_t hash;
    bool final_attempt = true;
};

}  // namespace

// ---------------------------------------------------------------------------------------------- which row is final

class FinalRow : public CollectTest {
protected:
    // The job's row after all of these were collected.
    JobRow final_of(const std::vector<Row>& rows) {
        const auto pipeline = SamplePlan("p").job("j").start();
        std::uint32_t rank = 0;
        for (const Row& row : rows) {
            JobRecord record = row.status == JobStatus::succeeded
                                   ? record_with(pipeline, 0, 0, {{"attempt", row.attempt}})
                                   : failed_record(pipeline, 0, 0, fmt::format("attempt {}", row.attempt));
            record.status = row.status;
            record.attempt = row.attempt;
            record.hash = row.hash;
            record.final_attempt = row.final_attempt;
            segment(++rank, std::move(record), row.incarnation);
        }
        run_.collect();
        const auto results = Results::open(run_.results());
        const auto jobs = results->jobs();
        EXPECT_THAT(jobs, SizeIs(1));
        EXPECT_EQ(results->outputs("p", "", "j", "").has_value(), jobs[0].status == JobStatus::succeeded);
        return jobs[0];
    }
    static std::int64_t attempt_of(const Document& outputs) { return at(outputs, "attempt").int64(); }
};

TEST_F(FinalRow, TheSuccessAmongAttempts) {
    const JobRow row =
        final_of({{1, 1, JobStatus::failed, 7, false}, {1, 2, JobStatus::succeeded, 7}, {1, 3, JobStatus::failed, 7}});
    EXPECT_EQ(row.status, JobStatus::succeeded);
    EXPECT_EQ(row.attempts, 3u);
}

TEST_F(FinalRow, TheHighestAttemptWithoutASuccess) {
    const JobRow row = final_of({{1, 2, JobStatus::failed, 7}, {1, 1, JobStatus::failed, 7, false}});
    EXPECT_EQ(row.status, JobStatus::failed);
    EXPECT_EQ(row.error, "attempt 2");
    EXPECT_EQ(row.attempts, 2u);
}

TEST_F(FinalRow, ASuccessWithAnOldHashDoesNotCount) {
    const JobRow row = final_of({{1, 1, JobStatus::succeeded, 7}, {2, 2, JobStatus::failed, 8}});
    EXPECT_EQ(row.status, JobStatus::failed);
    EXPECT_EQ(row.hash, 8u);
}

TEST_F(FinalRow, SkippedInALaterIncarnationAfterAChange) {
    const JobRow row = final_of({{1, 1, JobStatus::succeeded, 7}, {2, 0, JobStatus::skipped, 8}});
    EXPECT_EQ(row.status, JobStatus::skipped);
}

TEST_F(FinalRow, ResumedAfterBeingSkipped) {
    const JobRow row = final_of({{1, 0, JobStatus::skipped, 7}, {2, 1, JobStatus::succeeded, 7}});
    EXPECT_EQ(row.status, JobStatus::succeeded);
}

TEST_F(FinalRow, AJobThatIsToBeRetriedIsReady) {
    const JobRow row = final_of({{1, 1, JobStatus::failed, 7, false}});
    EXPECT_EQ(row.status, JobStatus::ready);
    EXPECT_EQ(row.error, "attempt 1");
}

TEST_F(FinalRow, TwoSuccessesOfABrokerDeclaredDeadTooEarly) {
    const JobRow row = final_of({{1, 2, JobStatus::succeeded, 7}, {1, 1, JobStatus::succeeded, 7}});
    EXPECT_EQ(row.status, JobStatus::succeeded);
    EXPECT_EQ(attempt_of(*Results::open(run_.results())->outputs("p", "", "j", "")), 1);
}

// ---------------------------------------------------------------------------------------------- order, tables

TEST_F(CollectTest, RowsAreInDefinitionOrder) {
    SamplePlan plan("p");
    plan.job("zeta").job("alpha", {Axis{"n", Range{0, 1, 12}}}).job("beta");
    const auto first = plan.start(1, "x=1"), second = plan.start(2, "x=2");
    std::vector<JobRecord> records;
    records.push_back(record_of(second, 2));
    for (std::uint32_t i = 12; i-- > 0;) records.push_back(record_of(second, 1, i));
    segment(3, std::move(records));
    segment(1, record_of(second, 0));
    segment(2, record_of(first, 2));
    run_.collect();
    std::vector<std::string> order;
    for (const JobRow& row : Results::open(run_.results())->jobs())
        order.push_back(row.pipeline_instance + " " + row.name + row.instance);
    EXPECT_THAT(order, ElementsAre("x=1 beta", "x=2 zeta", "x=2 alphan=0", "x=2 alphan=1", "x=2 alphan=2",
                                   "x=2 alphan=3", "x=2 alphan=4", "x=2 alphan=5", "x=2 alphan=6", "x=2 alphan=7",
                                   "x=2 alphan=8", "x=2 alphan=9", "x=2 alphan=10", "x=2 alphan=11", "x=2 beta"));
}

TEST_F(CollectTest, OneTableForAllPipelinesOfADefinition) {
    SamplePlan plan("p");
    plan.job("j");
    const auto first = plan.start(1, "x=1"), second = plan.start(2, "x=2");
    segment(1, record_with(second, 0, 0, {{"v", 2}}));
    segment(2, record_with(first, 0, 0, {{"v", 1}}));
    run_.collect();
    const auto table = Results::open(run_.results())->table("p", "j");
    ASSERT_THAT(table.rows, SizeIs(2));
    EXPECT_THAT(table.keys, ElementsAre("v"));
    EXPECT_EQ(table.rows[0].pipeline_instance, "x=1");
    EXPECT_EQ(at(table.rows[0].values, "v"), Value(1));
    EXPECT_EQ(at(table.rows[1].values, "v"), Value(2));
}

TEST_F(CollectTest, PipelinesAreMerged) {
    const auto pipeline = SamplePlan("p").job("j").start(4, "x=1");
    segment(1, record_of(pipeline, 0));
    {
        const auto router = make_record_writer(run_.options(0));
        router->add(PipelineRecord{pipeline, JobStatus::failed, 10, 20, 30});
        router->stop();
    }
    run_.collect();
    run_.collect();
    const h5::ReadFile file(run_.results());
    const Source source(run_.results());
    const auto rows = source.pipelines();
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].name, "p");
    EXPECT_EQ(rows[0].instance, "x=1");
    EXPECT_EQ(rows[0].id, 4u);
    EXPECT_TRUE(rows[0].ended);
    EXPECT_EQ(rows[0].status, JobStatus::failed);
    EXPECT_EQ(rows[0].data, "{}");
    EXPECT_EQ(rows[0].finished, 30);
    EXPECT_EQ(h5::number_attribute(source.file(), "start"), 10u);
    EXPECT_EQ(h5::number_attribute(source.file(), "end"), 30u);
}

TEST_F(CollectTest, WidenedNumbersWarnAndStayExact) {
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 2}}}).start();
    const std::int64_t large = (std::int64_t{1} << 53) + 1;
    segment(1, record_with(pipeline, 0, 0, {{"v", large}}));
    segment(2, record_with(pipeline, 0, 1, {{"v", 0.5}}));
    const CollectReport report = run_.collect();
    EXPECT_THAT(report.warnings,
                ElementsAre("p/j: 1 int64 values of v are shown as float64 and lose digits there, because the "
                            "column has float64 values too; the exact numbers are in @exact/v"));
    EXPECT_EQ(at(*Results::open(run_.results())->outputs("p", "", "j", "n=0"), "v"), Value(large));
}

TEST_F(CollectTest, OnlyFinalRowsDecideAboutAColumn) {
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 2}}}).start();
    JobRecord old = record_with(pipeline, 0, 0, {{"v", "text"}});
    JobRecord other = record_with(pipeline, 0, 1, {{"v", 1}});
    JobRecord retried = record_with(pipeline, 0, 0, {{"v", 2}});
    old.hash = 1;
    retried.hash = 2;
    retried.attempt = 2;
    std::vector<JobRecord> both;
    both.push_back(std::move(old));
    both.push_back(std::move(other));
    segment(1, std::move(both));
    segment(1, std::move(retried), 2);
    run_.collect();
    const h5::ReadFile file(run_.results());
    const h5::Handle dataset(H5Dopen2(file.id(), "results/p/j/v", H5P_DEFAULT), H5Dclose);
    EXPECT_EQ(h5::number_attribute(dataset.id(), "layout"), static_cast<std::uint64_t>(Layout::int64));
}

// ---------------------------------------------------------------------------------------------- files that are not as
// they should be

TEST_F(CollectTest, AGapIsReported) {
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 9}}}).start();
    {
        const auto writer = make_record_writer(run_.options(3));
        for (std::uint32_t i = 0; i < 3; ++i) {
            std::vector<JobRecord> one;
            one.push_back(record_of(pipeline, 0, i));
            SampleRun::write(*writer, std::move(one));
        }
    }
    std::filesystem::remove(run_.directory() / "segments" / "i00001-r00003-e00001-000000002-000000002.h5");
    const CollectReport report = run_.collect();
    EXPECT_EQ(report.jobs, 2u);
    EXPECT_THAT(report.warnings,
                ElementsAre("segments 2 to 2 of rank 3 (incarnation 1, epoch 1) are missing: what they held is "
                            "lost; jobs without a result run again with --resume"));
}

TEST_F(CollectTest, ADamagedSegmentIsLeftOutWithAWarning) {
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 100}}}).start();
    std::vector<JobRecord> many;
    for (std::uint32_t i = 0; i < 50; ++i) many.push_back(record_with(pipeline, 0, i, {{"v", i}}));
    segment(1, std::move(many));
    segment(2, record_of(pipeline, 0, 99));
    const auto path = run_.directory() / "segments" / "i00001-r00001-e00001-000000001-000000001.h5";
    std::string content = content_of(path);
    const std::string hashes("\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\x07", 17);  // within the hashes, and within v
    const std::size_t at = content.rfind(hashes);
    ASSERT_NE(at, std::string::npos);
    content[at] ^= 1;
    write_content(path, content);
    const CollectReport report = run_.collect();
    EXPECT_EQ(report.jobs, 1u);
    ASSERT_THAT(report.warnings, SizeIs(1));
    EXPECT_THAT(report.warnings[0], HasSubstr("left out: "));
    EXPECT_THAT(report.warnings[0], HasSubstr("do not match their checksum"));
}

TEST_F(CollectTest, ASegmentCutShortIsLeftOut) {
    const auto pipeline = SamplePlan("p").job("j").start();
    segment(1, record_of(pipeline, 0));
    const auto path = run_.directory() / "segments" / "i00001-r00001-e00001-000000001-000000001.h5";
    std::filesystem::resize_file(path, 1000);
    const CollectReport report = run_.collect();
    EXPECT_EQ(report.jobs, 0u);
    EXPECT_THAT(report.warnings, SizeIs(1));
}

TEST_F(CollectTest, NothingIsNoRun) {
    EXPECT_THROW(penstock::collect(run_.folder() / "other.h5", run_.folder() / "out.h5", {}), StoreError);
    EXPECT_THROW(Results::open(run_.folder() / "other.h5"), StoreError);
}

TEST_F(CollectTest, ARunWithoutJobsIsAnEmptyFile) {
    const CollectReport report = run_.collect();
    EXPECT_EQ(report.jobs, 0u);
    EXPECT_THAT(Results::open(run_.results())->jobs(), IsEmpty());
}

TEST_F(CollectTest, RefusesFilesOfOthers) {
    write_content(run_.results(), "not HDF5");
    EXPECT_THAT([&] { Results::open(run_.results()); },
                testing::ThrowsMessage<StoreError>(HasSubstr("it is no HDF5 file")));
    std::filesystem::remove(run_.results());
    h5::WriteFile(run_.results(), h5::Readers::any).finish();
    EXPECT_THAT([&] { Results::open(run_.results()); },
                testing::ThrowsMessage<StoreError>(HasSubstr("not one of Penstock")));
    EXPECT_THROW(run_.collect(), StoreError);
}

TEST_F(CollectTest, AnUnwritablePlaceChangesNothing) {
    const auto pipeline = SamplePlan("p").job("j").start();
    segment(1, record_of(pipeline, 0));
    CollectOptions options;
    options.keep_segments = false;
    EXPECT_THROW(penstock::collect(run_.directory(), run_.folder() / "missing" / "out.h5", options), StoreError);
    EXPECT_THAT(run_.segments(), SizeIs(1));
}

TEST_F(CollectTest, SegmentsThatAreInTheResultsAreNotReadAgain) {
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 9}}}).start();
    segment(1, record_with(pipeline, 0, 0, {{"v", 0}}));
    EXPECT_EQ(run_.collect().segments, 1u);
    segment(2, record_with(pipeline, 0, 1, {{"v", 1}}));
    EXPECT_EQ(run_.collect().segments, 1u);
    EXPECT_EQ(run_.collect().segments, 0u);
    EXPECT_THAT(Results::open(run_.results())->table("p", "j").rows, SizeIs(2));
}

TEST_F(CollectTest, SegmentsBeyondAFenceDoNotCount) {
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 9}}}).start();
    {
        const auto writer = make_record_writer(run_.options(2));
        for (std::uint32_t i = 0; i < 3; ++i) {
            std::vector<JobRecord> one;
            one.push_back(record_of(pipeline, 0, i));
            SampleRun::write(*writer, std::move(one));
        }
    }
    auto journal = Journal::create(run_.directory() / "journal", {});
    journal.append(FenceEntry{2, {{{1, 2, 1}, 2}}});
    EXPECT_EQ(run_.collect().jobs, 2u);
}

TEST_F(CollectTest, SegmentsThatWereFoundDamagedDoNotCount) {
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 9}}}).start();
    segment(1, record_with(pipeline, 0, 0, {{"v", 0}}));
    segment(2, record_with(pipeline, 0, 1, {{"v", 1}}));
    auto journal = Journal::create(run_.directory() / "journal", {});
    journal.append(LostFileEntry{segment_name({{1, 2, 1}, 1, 1}), "a checksum is wrong"});
    const CollectReport report = run_.collect();
    EXPECT_EQ(report.jobs, 1u);
    EXPECT_THAT(report.warnings, ElementsAre(AllOf(HasSubstr(segment_name({{1, 2, 1}, 1, 1})),
                                                   HasSubstr("was found damaged before"))));
}

TEST_F(CollectTest, ResultsSeeNewSegmentsWhenRefreshed) {
    const auto pipeline = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 9}}}).start();
    segment(1, record_with(pipeline, 0, 0, {{"v", 0}}));
    const auto results = Results::open(run_.directory());
    EXPECT_THAT(results->pipelines(), ElementsAre("p"));
    segment(2, record_with(pipeline, 0, 1, {{"v", 1}}));
    EXPECT_FALSE(results->outputs("p", "", "j", "n=1"));
    results->refresh();
    EXPECT_EQ(*results->outputs("p", "", "j", "n=1"), (Document{{"v", 1}}));
    EXPECT_THAT([&] { results->table("q", "j"); },
                testing::ThrowsMessage<StoreError>("no pipeline q has results so far. There are: p."));
    EXPECT_THAT([&] { results->table("p", "k"); },
                testing::ThrowsMessage<StoreError>("no job k of pipeline p has results so far. There are: j."));
}

// ---------------------------------------------------------------------------------------------- names and lists

TEST(SegmentNames, ReadBackAndNothingElse) {
    const SegmentId id{{2, 30, 4}, 500, 1'234'567'890};
    EXPECT_EQ(segment_name(id), "i00002-r00030-e00004-000000500-1234567890.h5");
    EXPECT_EQ(parse_segment_name(segment_name(id)), id);
    for (const char* wrong : {"", "i1-r1-e1-1-1.h5", "i00001-r00001-e00001-000000002-000000001.h5",
                              "i00001-r00001-e00001-000000001-000000001.h5.1-2.part",
                              "i00001-r00001-e00001-v000000001.h5", "../i00001-r00001-e00001-000000001-000000001.h5"})
        EXPECT_FALSE(parse_segment_name(wrong)) << wrong;
    EXPECT_EQ(parse_value_file_name("i00001-r00002-e00003-v000000004.h5")->number, 4u);
    EXPECT_FALSE(parse_value_file_name("../i00001-r00002-e00003-v000000004.h5"));
}

TEST(SegmentLists, TheWidestRangesWin) {
    TemporaryFolder folder;
    const WriterId writer{1, 2, 1};
    const auto make = [&](std::uint64_t first, std::uint64_t last) {
        write_content(folder / segment_name({writer, first, last}), "");
    };
    for (const auto& [first, last] : {std::pair{1, 1}, {2, 2}, {1, 8}, {8, 8}, {9, 9}, {10, 12}, {11, 11}, {15, 15}})
        make(first, last);
    write_content(folder / "other", "");
    const auto list = [&](Fences fences, std::vector<SegmentId> collected) {
        std::vector<std::string> ranges;
        for (const auto& file : list_segments(folder.path(), fences, collected).files)
            ranges.push_back(fmt::format("{}-{}", file.id.first, file.id.last));
        return ranges;
    };
    EXPECT_THAT(list({}, {}), ElementsAre("1-8", "9-9", "10-12", "15-15"));
    EXPECT_THAT(list({{{writer, 9}}}, {}), ElementsAre("1-8", "9-9"));
    EXPECT_THAT(list({{{writer, 9}, {writer, 10}}}, {}), ElementsAre("1-8", "9-9")) << "the nearest fence counts";
    EXPECT_THAT(list({{{writer, 11}}}, {}), ElementsAre("1-8", "9-9", "10-12")) << "10 is nowhere else";
    EXPECT_THAT(list({{}, 2}, {}), IsEmpty()) << "a writer nobody saw when the run was taken over";
    EXPECT_THAT(list({{{{1, 3, 1}, 9}}, 2}, {}), IsEmpty());
    EXPECT_THAT(list({{}, 1}, {}), ElementsAre("1-8", "9-9", "10-12", "15-15"));
    EXPECT_THAT(list({}, {{writer, 1, 11}}), ElementsAre("10-12", "15-15"));
    EXPECT_THAT(list_segments(folder.path(), {}, {}).gaps, SizeIs(1));
    EXPECT_THAT(list_segments(folder.path(), {}, {{writer, 12, 14}}).gaps, IsEmpty());
    EXPECT_THAT(list_segments(folder / "missing", {}, {}).files, IsEmpty());
}

}  // namespace penstock
