#include "sample_run.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>

namespace penstock {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Nanoseconds kNever = 3'600'000'000'000;  // an hour

class RecordWriterTest : public testing::Test {
protected:
    std::vector<JobRecord> records(std::uint32_t first, std::uint32_t count) {
        std::vector<JobRecord> made;
        for (std::uint32_t i = first; i < first + count; ++i) made.push_back(record_with(pipeline_, 0, i, {{"x", i}}));
        return made;
    }
    std::map<std::string, JobRow> rows() const {
        std::map<std::string, JobRow> found;
        for (JobRow& row : Results::open(run_.directory())->jobs()) found.emplace(row.instance, std::move(row));
        return found;
    }

    SampleRun run_;
    std::shared_ptr<const PipelineContext> pipeline_ = SamplePlan("p").job("j", {Axis{"n", Range{0, 1, 1000}}}).start();
};

// Waits for what came of one save_first().
RecordWriter::Saved await_saved(RecordWriter& writer) {
    for (;;)
        if (auto saved = writer.saved(); !saved.empty()) return saved.front();
}

class MemoryStore final : public Store {
public:
    struct Log {
        std::vector<std::string> calls;
        bool flush_fails = false;
    };
    explicit MemoryStore(Log& log) : log_(log) {}
    Document retrieve(const Scope&, const std::vector<std::string>&) override { return {}; }
    void save(const Scope& scope, std::string_view worker, const Document& document) override {
        if (document.contains("bad")) throw std::runtime_error("no place for bad things");
        std::string keys;
        for (const auto& [key, value] : document) keys += " " + key;
        log_.calls.push_back(
            fmt::format("{}/{}[{}] by {}:{}", scope.pipeline, scope.job, scope.instance, worker, keys));
    }
    void flush() override {
        if (log_.flush_fails) throw std::runtime_error("the shelf broke");
        log_.calls.push_back("flush");
    }

private:
    Log& log_;
};

}  // namespace

TEST_F(RecordWriterTest, WhatIsDurableIsReadable) {
    const auto writer = make_record_writer(run_.options());
    EXPECT_EQ(writer->durable(), 0u);
    SampleRun::write(*writer, records(0, 10));
    EXPECT_EQ(writer->durable(), 10u);
    EXPECT_THAT(rows(), SizeIs(10));
    EXPECT_THAT(run_.segments(), ElementsAre("i00001-r00001-e00001-000000001-000000001.h5"));
    SampleRun::write(*writer, records(10, 5));
    EXPECT_EQ(writer->durable(), 15u);
    EXPECT_THAT(rows(), SizeIs(15));
    EXPECT_THAT(run_.segments(), SizeIs(2));
}

TEST_F(RecordWriterTest, TheIntervalAloneMakesRecordsDurable) {
    std::atomic<int> woken{0};
    WriterOptions options = run_.options();
    options.wake = [&] {
        ++woken;
        woken.notify_all();
    };
    const auto writer = make_record_writer(std::move(options));
    writer->add(records(0, 3));
    woken.wait(0);
    EXPECT_EQ(writer->durable(), 3u);
}

TEST_F(RecordWriterTest, StopWritesWhatIsPending) {
    WriterOptions options = run_.options();
    options.interval = kNever;
    const auto writer = make_record_writer(std::move(options));
    writer->add(records(0, 7));
    writer->add(PipelineRecord{pipeline_, JobStatus::succeeded, 1, 2, 3});
    writer->stop();
    EXPECT_EQ(writer->durable(), 7u);
    EXPECT_THAT(rows(), SizeIs(7));
}

TEST_F(RecordWriterTest, FlushSoonNeedsNoInterval) {
    WriterOptions options = run_.options();
    options.interval = kNever;
    const auto writer = make_record_writer(std::move(options));
    SampleRun::write(*writer, records(0, 1));
    EXPECT_THAT(rows(), SizeIs(1));
}

TEST_F(RecordWriterTest, ManyBytesNeedNoInterval) {
    WriterOptions options = run_.options();
    options.interval = kNever;
    options.segment_bytes = 5u << 20;
    const auto writer = make_record_writer(std::move(options));
    for (std::uint32_t i = 0; i < 6; ++i) {
        std::vector<JobRecord> one;
        one.push_back(record_with(pipeline_, 0, i, {{"x", std::vector<double>(1u << 17)}}));  // 1 MiB
        writer->add(std::move(one));
    }
    while (writer->durable() < 5) std::this_thread::yield();
    EXPECT_THAT(run_.segments(), SizeIs(1));
}

TEST_F(RecordWriterTest, FullUntilWritten) {
    WriterOptions options = run_.options();
    options.interval = kNever;
    options.max_pending_bytes = 100'000;
    const auto writer = make_record_writer(std::move(options));
    EXPECT_FALSE(writer->full());
    auto big = std::vector<JobRecord>();
    big.push_back(record_with(pipeline_, 0, 0, {{"x", std::vector<double>(20'000)}}));
    writer->add(std::move(big));
    EXPECT_TRUE(writer->full());
    SampleRun::wait_durable(*writer, 1);
    EXPECT_FALSE(writer->full());
}

TEST_F(RecordWriterTest, RefusesWhatItCannotStoreAndSaysWhy) {
    WriterOptions options = run_.options();
    options.max_value_bytes = 1000;
    const auto writer = make_record_writer(std::move(options));
    Value deep = 1;
    for (int i = 0; i <= kMaxNesting; ++i) deep = List{std::move(deep)};
    std::vector<JobRecord> made = records(0, 1);
    made.push_back(record_with(pipeline_, 0, 1, {{"big", std::vector<double>(126)}}));
    made.push_back(record_with(pipeline_, 0, 2, {{"fits", std::vector<double>(125)}}));
    made.push_back(record_with(pipeline_, 0, 3, {{"a/b", 1}}));
    made.push_back(record_with(pipeline_, 0, 4, {{"deep", deep}}));
    made.push_back(record_with(pipeline_, 0, 5, {{"list", List(100, Value(std::string(20, 'x')))}}));
    SampleRun::write(*writer, std::move(made));
    const auto refused = writer->refused();
    ASSERT_THAT(refused, SizeIs(4));
    EXPECT_EQ(refused[0].record, 1u);
    EXPECT_EQ(refused[0].error,
              "the output big has 1008 bytes, too many to be stored: a value may have 1000. Split it, or write it to a "
              "file and "
              "return the path.");
    EXPECT_EQ(refused[1].record, 3u);
    EXPECT_THAT(refused[1].error, HasSubstr("\"a/b\" cannot be stored: a key has only letters"));
    EXPECT_THAT(refused[2].error, HasSubstr("nests lists and maps more than 200 deep"));
    EXPECT_THAT(refused[3].error, HasSubstr("the output list is a list of some"));
    EXPECT_THAT(writer->refused(), IsEmpty());

    const auto found = rows();
    EXPECT_EQ(found.at("n=1").status, JobStatus::failed);
    EXPECT_EQ(found.at("n=1").error, refused[0].error);
    EXPECT_EQ(found.at("n=2").status, JobStatus::succeeded);
}

TEST_F(RecordWriterTest, TheStoreOfTheUserMayKeepValuesBeforeTheirRecord) {
    MemoryStore::Log log;
    WriterOptions options = run_.options();
    options.interval = kNever;  // it does not wait for a segment
    options.values = std::make_unique<MemoryStore>(log);
    const auto writer = make_record_writer(std::move(options));
    writer->save_first(7, record_with(pipeline_, 0, 0, {{"x", 1}}));
    RecordWriter::Saved saved = await_saved(*writer);
    EXPECT_EQ(saved.ticket, 7u);
    EXPECT_EQ(saved.error, "");
    EXPECT_THAT(log.calls, ElementsAre("p/j[n=0] by Worker-j: x"));
    writer->save_first(8, record_with(pipeline_, 0, 1, {{"bad", 1}}));
    saved = await_saved(*writer);
    EXPECT_EQ(saved.ticket, 8u);
    EXPECT_EQ(saved.error, "the store could not keep the outputs: no place for bad things");

    std::vector<JobRecord> made = records(0, 1);
    made.front().saved = true;
    SampleRun::write(*writer, std::move(made));
    EXPECT_THAT(log.calls, ElementsAre("p/j[n=0] by Worker-j: x", "flush")) << "once";
    EXPECT_THAT(writer->refused(), IsEmpty());
}

TEST_F(RecordWriterTest, ValuesGoToTheStoreOfTheUser) {
    MemoryStore::Log log;
    WriterOptions options = run_.options();
    options.values = std::make_unique<MemoryStore>(log);
    const auto writer = make_record_writer(std::move(options));
    std::vector<JobRecord> made = records(0, 2);
    made.push_back(record_with(pipeline_, 0, 2, {{"bad", 1}}));
    made.push_back(record_of(pipeline_, 0, 3));
    SampleRun::write(*writer, std::move(made));
    EXPECT_THAT(log.calls, ElementsAre("p/j[n=0] by Worker-j: x", "p/j[n=1] by Worker-j: x", "flush"));
    const auto refused = writer->refused();
    ASSERT_THAT(refused, SizeIs(1));
    EXPECT_EQ(refused[0].record, 2u);
    EXPECT_EQ(refused[0].error, "the store could not keep the outputs: no place for bad things");
    EXPECT_THAT(rows(), SizeIs(4));
    EXPECT_EQ(*Results::open(run_.directory())->outputs("p", "", "j", "n=0"), Document());
}

TEST_F(RecordWriterTest, AStoreThatCannotFlushEndsIt) {
    MemoryStore::Log log;
    log.flush_fails = true;
    WriterOptions options = run_.options();
    options.values = std::make_unique<MemoryStore>(log);
    const auto writer = make_record_writer(std::move(options));
    writer->add(records(0, 2));
    writer->stop();
    EXPECT_EQ(writer->durable(), 0u);
    EXPECT_EQ(writer->error(), "the store could not make its values durable: the shelf broke");
}

TEST_F(RecordWriterTest, OnlyKeysThatAreToBeSaved) {
    SamplePlan plan("saves");
    plan.job("some").last().save = {false, {"keep"}};
    plan.job("none").last().save = {false, {}};
    const auto pipeline = plan.start();
    const auto writer = make_record_writer(run_.options());
    std::vector<JobRecord> made;
    made.push_back(record_with(pipeline, 0, 0, {{"keep", 1}, {"leave", 2}, {"odd key", 3}}));
    made.push_back(record_with(pipeline, 1, 0, {{"leave", 2}}));
    SampleRun::write(*writer, std::move(made));
    const auto results = Results::open(run_.directory());
    EXPECT_EQ(*results->outputs("saves", "", "some", ""), (Document{{"keep", 1}}));
    EXPECT_EQ(*results->outputs("saves", "", "none", ""), Document());
}

// ---------------------------------------------------------------------------------------------- when the disk fails

TEST_F(RecordWriterTest, ADirectoryThatVanishesIsAnErrorAndTheEnd) {
    const auto writer = make_record_writer(run_.options());
    SampleRun::write(*writer, records(0, 2));
    std::filesystem::remove_all(run_.directory());
    writer->add(records(2, 2));
    writer->stop();
    EXPECT_EQ(writer->durable(), 2u);
    ASSERT_TRUE(writer->error());
    EXPECT_THAT(*writer->error(), HasSubstr("segments does not exist. Make the folder"));
    writer->add(records(4, 2));
    EXPECT_FALSE(writer->full());
}

TEST_F(RecordWriterTest, AFullDiskIsAnErrorAndWhatWasDurableStays) {
    ::signal(SIGXFSZ, SIG_IGN);
    const auto writer = make_record_writer(run_.options());
    SampleRun::write(*writer, records(0, 20));
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 10'000;  // a write beyond fails in the middle of a segment, as on a full disk
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<JobRecord> made;
    made.push_back(record_with(pipeline_, 0, 20, {{"x", std::vector<double>(10'000)}}));
    writer->add(std::move(made));
    writer->stop();
    limit.rlim_cur = before;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    EXPECT_EQ(writer->durable(), 20u);
    ASSERT_TRUE(writer->error());
    EXPECT_THAT(*writer->error(),
                HasSubstr("000000002-000000002.h5: files of this size are not allowed. Raise the limit"));
    EXPECT_THAT(run_.segments(), SizeIs(1)) << "the temporary file is removed";
    EXPECT_THAT(rows(), SizeIs(20));
}

// ---------------------------------------------------------------------------------------------- large values

TEST_F(RecordWriterTest, LargeValuesHaveFilesOfTheirOwnUntilCollection) {
    const Document outputs{{"array", std::vector<double>(700'000, 1.5)},
                           {"text", std::string(5'000'000, 'x')},
                           {"bytes", Bytes(4'500'000, std::byte{7})},
                           {"nested", List{Value(1), Value(std::vector<float>(1'200'000, 2.5f))}}};
    const Document small{
        {"array", std::vector<double>(700'000, 2.5)}, {"text", "short"}, {"bytes", Bytes()}, {"nested", Map()}};
    const auto writer = make_record_writer(run_.options());
    std::vector<JobRecord> made;
    made.push_back(record_with(pipeline_, 0, 0, outputs));
    SampleRun::write(*writer, std::move(made));
    made.clear();
    made.push_back(record_with(pipeline_, 0, 1, small));
    SampleRun::write(*writer, std::move(made));
    for (std::uint32_t i = 2; i < 12; ++i) SampleRun::write(*writer, records(i, 1));  // so that segments are merged
    writer->stop();
    EXPECT_THAT(run_.segments(), testing::Contains("i00001-r00001-e00001-v000000005.h5"));
    EXPECT_LT(run_.segments().size(), 5u + 12u);
    for (const auto& segment : run_.segments()) {
        if (segment.find("-v") != std::string::npos) continue;
        EXPECT_LT(std::filesystem::file_size(run_.directory() / "segments" / segment), 1'000'000u) << segment;
    }
    {
        const auto live = Results::open(run_.directory());
        EXPECT_TRUE(*live->outputs("p", "", "j", "n=0") == outputs);
        EXPECT_TRUE(*live->outputs("p", "", "j", "n=1") == small);
    }
    CollectOptions options;
    options.keep_segments = false;
    run_.collect(options);
    EXPECT_THAT(run_.segments(), IsEmpty());
    const auto collected = Results::open(run_.results());
    EXPECT_TRUE(*collected->outputs("p", "", "j", "n=0") == outputs);
    EXPECT_TRUE(*collected->outputs("p", "", "j", "n=1") == small);
    EXPECT_TRUE(*collected->outputs("p", "", "j", "n=5") == (Document{{"x", 5}}));
}

// ---------------------------------------------------------------------------------------------- merging

TEST_F(RecordWriterTest, ManySegmentsBecomeAFewWithTheSameRows) {
    const auto writer = make_record_writer(run_.options());
    for (std::uint32_t i = 0; i < 100; ++i) SampleRun::write(*writer, records(i, 1));
    writer->stop();
    EXPECT_LT(run_.segments().size(), 40u);
    const auto found = rows();
    EXPECT_THAT(found, SizeIs(100));
    const CollectReport report = run_.collect();
    EXPECT_EQ(report.jobs, 100u);
    EXPECT_THAT(report.warnings, IsEmpty());
    const auto table = Results::open(run_.directory())->table("p", "j");
    for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(at(table.rows.at(i).values, "x"), Value(i));
}

}  // namespace penstock
