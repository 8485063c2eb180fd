// Items of streams: from records through segments, merges and collection to readers, in order.
#include "stream_sample.hpp"

#include "store/segment_list.hpp"

#include <gmock/gmock.h>

#include <map>

namespace penstock {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

}  // namespace

TEST_F(StreamsTest, ItemsInOrderOfTheirNumbersWhateverTheSegment) {
    const Pipe pipeline = stream_plan().start();
    const auto writer = make_record_writer(run_.options());
    segment(*writer, stream_record(pipeline, 0, numbers(0, 3)));
    segment(*writer, stream_record(pipeline, 3, numbers(3, 4)));
    writer->stop();
    segment_of(2, stream_record(pipeline, 7, numbers(7, 2)));
    EXPECT_EQ(live(pipeline), numbers(0, 9));
    EXPECT_THAT(collect_all().warnings, IsEmpty());
    EXPECT_EQ(collected(pipeline), numbers(0, 9));
    EXPECT_EQ(python("print(f[\"streams/titles/top\"][:], f[\"streams/titles/top\"].dtype)"),
              "[0 1 2 3 4 5 6 7 8] int64\n");
    EXPECT_EQ(python("print(f.attrs[\"format_version\"], f[\"streams/titles/@runs/top\"][:].tolist())"),
              "2 [[0, 0, 9, 1, 1]]\n");
}

TEST_F(StreamsTest, DurableWithTheJobThatComesAfterThem) {
    const Pipe pipeline = stream_plan().start();
    WriterOptions options = run_.options();
    options.interval = 3'600'000'000'000;
    const auto writer = make_record_writer(std::move(options));
    writer->add(stream_record(pipeline, 0, numbers(0, 100)));
    EXPECT_EQ(writer->durable(), 0u);
    std::vector<JobRecord> job;
    job.push_back(record_of(pipeline, kTopResults));
    SampleRun::write(*writer, std::move(job));
    EXPECT_EQ(writer->durable(), 1u);  // items have no number
    EXPECT_EQ(live(pipeline), numbers(0, 100));
}

TEST_F(StreamsTest, SegmentsAreCutByTheBytesOfItemsToo) {
    const Pipe pipeline = stream_plan().start();
    WriterOptions options = run_.options();
    options.interval = 3'600'000'000'000;
    options.segment_bytes = 100'000;
    options.max_pending_bytes = 1'000'000;
    const auto writer = make_record_writer(std::move(options));
    for (std::int64_t i = 0; i < 40; ++i) writer->add(stream_record(pipeline, i * 1000, numbers(i * 1000, 1000)));
    writer->stop();
    EXPECT_FALSE(writer->full());
    EXPECT_THAT(run_.segments(), SizeIs(testing::Ge(3u)));
    EXPECT_EQ(live(pipeline), numbers(0, 40'000));
}

TEST_F(StreamsTest, FullUntilItemsAreWritten) {
    const Pipe pipeline = stream_plan().start();
    WriterOptions options = run_.options();
    options.interval = 3'600'000'000'000;
    options.max_pending_bytes = 50'000;
    const auto writer = make_record_writer(std::move(options));
    EXPECT_FALSE(writer->full());
    writer->add(stream_record(pipeline, 0, numbers(0, 10'000)));
    EXPECT_TRUE(writer->full());
    writer->flush_soon();
    while (writer->full()) std::this_thread::yield();
    EXPECT_EQ(live(pipeline), numbers(0, 10'000));
}

TEST_F(StreamsTest, MergedSegmentsHoldTheSame) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    const Pipe a = stream_plan().start(0, "n=1"), b = stream_plan().start(1, "n=2");
    std::map<std::tuple<Pipe, std::string>, std::vector<Value>> expected;
    {
        const auto writer = make_record_writer(run_.options());
        for (int i = 0; i < 40; ++i) {
            std::vector<StreamRecord> records;
            for (const Pipe& pipeline : {a, b})
                for (const std::size_t stage : {kTop, kSide}) {
                    auto& items = expected[{pipeline, pipeline->plan->templates[stage].name}];
                    std::vector<Value> more;
                    for (std::uint64_t n = random.below(6); n > 0; --n)
                        more.push_back(stage == kTop ? Value(random.integer()) : random.value());
                    records.push_back(stream_record(pipeline, items.size(), more, stage));
                    items.insert(items.end(), more.begin(), more.end());
                }
            segment(*writer, std::move(records));
        }
    }
    const auto names = run_.segments();
    EXPECT_TRUE(std::any_of(names.begin(), names.end(), [](const std::string& name) {
        const auto id = parse_segment_name(name);
        return id && id->first < id->last;
    })) << "nothing was merged";
    const auto expect_all = [&](const Results& results) {
        for (const auto& [stream, items] : expected)
            EXPECT_EQ(as_text(all(results, std::get<0>(stream), std::get<1>(stream))), as_text(items));
        const auto rows = results.streams();
        ASSERT_THAT(rows, SizeIs(4));
        for (const StreamRow& row : rows) {
            const Pipe& pipeline = row.pipeline_instance == "n=1" ? a : b;
            EXPECT_EQ(row.items, (expected[{pipeline, row.stage}].size())) << row.stage;
        }
    };
    expect_all(*Results::open(run_.directory()));
    collect_all();
    expect_all(*Results::open(run_.results()));
}

// Every kind of column, and what is awkward in each; also read by the program in the documentation.
TEST_F(StreamsTest, EveryKindOfItem) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    SamplePlan plan("kinds");
    for (std::uint64_t kind = 0; kind < RandomValues::kKinds; ++kind) plan.job(fmt::format("kind-{}", kind));
    const Pipe pipeline = plan.start();
    std::map<std::string, std::vector<Value>> expected;
    {
        std::array writers{make_record_writer(run_.options(1)), make_record_writer(run_.options(2))};
        for (std::uint64_t kind = 0; kind < RandomValues::kKinds; ++kind) {
            auto& items = expected[fmt::format("kind-{}", kind)];
            for (int part = 0; part < 12; ++part) {
                std::vector<Value> more;
                for (std::uint64_t n = random.below(20); n > 0; --n) more.push_back(random.value_of_kind(kind));
                RecordWriter& writer = *writers[random.below(2)];
                writer.add(stream_record(pipeline, items.size(), more, kind));
                if (random.one_in(3)) writer.flush_soon();
                items.insert(items.end(), more.begin(), more.end());
            }
        }
    }
    const auto expect_all = [&](const Results& results) {
        for (const auto& [stage, items] : expected) EXPECT_EQ(as_text(all(results, pipeline, stage)), as_text(items));
    };
    expect_all(*Results::open(run_.directory()));
    collect_all();
    expect_all(*Results::open(run_.results()));
    EXPECT_EQ(std::system(fmt::format("h5dump {} > /dev/null 2>&1", run_.results().string()).c_str()), 0);

    const std::string page = content_of(PENSTOCK_SOURCE_DIR "/docs/store_format.md");
    const std::size_t begin = page.find("# every-value.py");
    const auto script = run_.folder() / "every-value.py";
    write_content(script, page.substr(begin, page.find("```", begin) - begin));
    const auto out = run_.folder() / "lines";
    ASSERT_EQ(
        std::system(
            fmt::format("/usr/bin/python3 {} {} > {}", script.string(), run_.results().string(), out.string()).c_str()),
        0);
    std::map<std::string, std::vector<Value>> got;
    std::ifstream lines(out);
    for (std::string line; std::getline(lines, line);) {
        const Value row = from_json(line);
        EXPECT_EQ(at(row.map(), "pipeline").string(), "kinds");
        auto& items = got[at(row.map(), "stage").string()];
        EXPECT_EQ(at(row.map(), "number").int64(), static_cast<std::int64_t>(items.size()));
        items.push_back(at(row.map(), "item"));
    }
    for (const auto& [stage, items] : expected) EXPECT_EQ(as_text(got[stage]), as_text(items)) << stage;
}

TEST_F(StreamsTest, PipelinesOfOneNameShareADataset) {
    const Pipe a = stream_plan().start(0, "n=1"), b = stream_plan().start(1, "n=2");
    const Pipe other = stream_plan("other").start(2);
    const auto writer = make_record_writer(run_.options());
    segment(*writer, stream_record(b, 0, numbers(100, 2)));
    segment(*writer, stream_record(a, 0, numbers(0, 2)));
    segment(*writer, stream_record(other, 0, {Value("x")}));
    segment(*writer, stream_record(b, 2, numbers(102, 1)));
    writer->stop();
    collect_all();
    EXPECT_EQ(collected(a), numbers(0, 2));
    EXPECT_EQ(collected(b), numbers(100, 3));
    EXPECT_EQ(collected(other), std::vector<Value>{Value("x")});
    EXPECT_EQ(python("print(f[\"streams/titles/top\"][:], f[\"streams/other/top\"].asstr()[:])"),
              "[  0   1 100 101 102] ['x']\n");
    EXPECT_EQ(python("runs = f[\"streams/titles/@runs/top\"][:]; "
                     "print(f[\"pipelines/instance\"].asstr()[:][np.repeat(runs[:, 0], runs[:, 2])])"),
              "['n=1' 'n=1' 'n=2' 'n=2' 'n=2']\n");
}

// Whatever attempts, launches and segments there are, in whatever order and steps they are collected.
TEST_F(StreamsTest, AStageOfSeveralWorkersHasItemsBeforeAnyOfItsJobsHasEnded) {
    SamplePlan plan("titles");
    plan.job("source").job("top", {Axis{"worker", Range{0, 1, 3}}}).job("side").job("top@results");
    const Pipe pipeline = plan.start();
    for (int part = 0; part < 3; ++part)
        segment_of(1 + static_cast<std::uint32_t>(part),
                   stream_record(pipeline, static_cast<std::uint64_t>(10 * part), numbers(10 * part, 10)));
    const CollectReport report = collect_all();
    EXPECT_THAT(report.warnings, IsEmpty());
    EXPECT_EQ(collected(pipeline), numbers(0, 30));
}

TEST_F(StreamsTest, AStreamWithoutItemsIsThere) {
    const Pipe pipeline = stream_plan().start();
    segment_of(1, stream_record(pipeline, 0, {}));
    collect_all();
    const auto results = Results::open(run_.results());
    const auto rows = results->streams();
    ASSERT_THAT(rows, SizeIs(1));
    EXPECT_EQ(rows[0].stage, "top");
    EXPECT_EQ(rows[0].items, 0u);
    EXPECT_THAT(all(*results, pipeline), IsEmpty());
    EXPECT_THAT(all(*results, pipeline, "nothing"), IsEmpty());
    EXPECT_EQ(python("print(f[\"streams/titles/top\"].shape)"), "(0,)\n");
    collect_all();  // of the results file alone
    EXPECT_THAT(Results::open(run_.results())->streams(), SizeIs(1));
}

TEST_F(StreamsTest, NullsAndMixedNumbersKeepTheirTypes) {
    const Pipe pipeline = stream_plan().start();
    const std::vector<Value> mixed{Value(true), Value(7), Value(0.5), Value(), Value((std::int64_t{1} << 53) + 1)};
    segment_of(1, stream_record(pipeline, 0, mixed));
    segment_of(2, stream_record(pipeline, 5, {Value(3)}));
    EXPECT_THAT(collect_all().warnings,
                ElementsAre(HasSubstr("titles/top: 1 int64 values of top are shown as float64")));
    std::vector<Value> expected = mixed;
    expected.emplace_back(3);
    const auto got = collected(pipeline);
    EXPECT_EQ(as_text(got), as_text(expected));
    EXPECT_TRUE(got[0].is(Value::Type::boolean));
    EXPECT_TRUE(got[1].is(Value::Type::int64));
    EXPECT_EQ(python("print(f[\"streams/titles/top\"].dtype, f[\"streams/titles/@types/top\"][:].tolist())"),
              "float64 [1, 2, 3, 0, 2, 2]\n");
}

TEST_F(StreamsTest, AMillionNumbers) {
    constexpr std::int64_t kBatch = 4096, kItems = 1'000'000;
    const Pipe pipeline = stream_plan().start();
    const auto writer = make_record_writer(run_.options());
    for (std::int64_t i = 0; i < kItems; i += kBatch) {
        while (writer->full()) std::this_thread::yield();
        writer->add(stream_record(pipeline, static_cast<std::uint64_t>(i), numbers(i, std::min(kBatch, kItems - i))));
    }
    writer->stop();
    collect_all();
    const auto results = Results::open(run_.results());
    EXPECT_EQ(results->streams().at(0).items, static_cast<std::uint64_t>(kItems));
    EXPECT_EQ(results->stream_items("titles", "", "top", 777'000, 500), numbers(777'000, 500));
    EXPECT_EQ(results->stream_items("titles", "", "top", kItems - 1, 10), numbers(kItems - 1, 1));
    EXPECT_THAT(results->stream_items("titles", "", "top", kItems, 10), IsEmpty());
    EXPECT_EQ(python("print((f[\"streams/titles/top\"][:] == np.arange(1000000)).all())"), "True\n");
    EXPECT_EQ(python("print(len(f[\"streams/titles/@runs/top\"]), \"@types\" in f[\"streams/titles\"])"), "1 False\n");
}

TEST_F(StreamsTest, ArraysBeyondASegmentsLimitHaveTheirOwnFiles) {
    const Pipe pipeline = stream_plan().start();
    const auto block = [](double value) { return Value(std::vector<double>((5u << 20) / sizeof(double), value)); };
    {
        const auto writer = make_record_writer(run_.options());
        for (int i = 0; i < 10; ++i)
            segment(*writer, stream_record(pipeline, static_cast<std::uint64_t>(2 * i), {block(i), block(i + 0.5)}));
    }
    EXPECT_EQ(live(pipeline).at(19), block(9.5));
    collect_all();
    EXPECT_THAT(run_.segments(), IsEmpty());
    const auto items = collected(pipeline);
    ASSERT_THAT(items, SizeIs(20));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(items[static_cast<std::size_t>(i)], block(i / 2.0)) << i;
    EXPECT_EQ(python("d = f[\"streams/titles/top\"]; print(d.shape, d[:, -1].tolist()[:3])"),
              "(20, 655360) [0.0, 0.5, 1.0]\n");
}

// A crash loses whole segments, the last ones.
TEST_F(StreamsTest, ItemsThatCannotBeStoredFailTheJobThatStoresThem) {
    const Pipe pipeline = stream_plan().start();
    WriterOptions options = run_.options();
    options.max_value_bytes = 1000;
    const auto writer = make_record_writer(std::move(options));
    writer->add(stream_record(pipeline, 0, {Value("a"), Value(std::string(1001, 'x')), Value("c")}));
    std::vector<JobRecord> jobs;
    jobs.push_back(record_of(pipeline, kTop));
    jobs.push_back(record_of(pipeline, kTopResults));
    SampleRun::write(*writer, std::move(jobs));
    const auto refused = writer->refused();
    ASSERT_THAT(refused, SizeIs(1));
    EXPECT_EQ(refused[0].record, 1u);
    EXPECT_EQ(refused[0].error,
              "item 1 of stage top is lost: the item has 1001 bytes, too many to be stored: a value may have 1000. "
              "Split it, or write it to a file and return the path.");
    EXPECT_EQ(as_text(live(pipeline)), as_text(std::vector<Value>{Value("a"), Value("c")}));
    writer->stop();
    EXPECT_THAT(run_.collect().warnings, ElementsAre(HasSubstr("1 items are missing, the first one is number 1")));
    const auto rows = Results::open(run_.results())->jobs();
    ASSERT_THAT(rows, SizeIs(1)) << "of top@results nobody has heard";
    EXPECT_EQ(rows[0].name, "top");
    EXPECT_EQ(rows[0].status, JobStatus::failed);
    EXPECT_EQ(rows[0].attempts, 2u);
    EXPECT_THAT(rows[0].error, HasSubstr("item 1 of stage top is lost"));
}

TEST_F(StreamsTest, WhatIsAddedToAStreamHasNoRows) {
    const Pipe pipeline = stream_plan().start();
    const auto writer = make_record_writer(run_.options());
    std::vector<JobRecord> jobs;
    jobs.push_back(record_of(pipeline, kTop));
    jobs.push_back(record_of(pipeline, kTopResults));
    jobs.push_back(record_of(pipeline, kSide));
    SampleRun::write(*writer, std::move(jobs));
    EXPECT_EQ(writer->durable(), 3u) << "but it is counted";
    writer->stop();
    collect_all();
    EXPECT_EQ(python("print(f[\"jobs/name\"].asstr()[:].tolist())"), "['top', 'side']\n");
}

TEST_F(StreamsTest, WhatStagesHaveDoneStandsBesideTheirItems) {
    const Pipe pipeline = stream_plan().start();
    const std::vector<Value> rows{
        Value(Document{{"stage", "source"}, {"worker", 0}, {"items_out", 3}, {"busy_s", 0.5}}),
        Value(Document{{"stage", "top"}, {"worker", 0}, {"items_in", 3}, {"busy_s", 0.25}})};
    segment_of(1, stream_record(pipeline, 0, numbers(0, 3)));
    segment_of(0, {pipeline, nullptr, 1, 0, encoded(rows)});
    collect_all();
    for (int again = 0; again < 2; ++again) {
        const auto results = Results::open(run_.results());
        ASSERT_THAT(results->streams(), SizeIs(1)) << "they are no stage";
        const auto counts = results->stage_counts();
        ASSERT_THAT(counts, SizeIs(1));
        EXPECT_EQ(counts[0].pipeline, "titles");
        EXPECT_EQ(counts[0].items, 2u);
        EXPECT_EQ(as_text(all(*results, pipeline, counts[0].stage)), as_text(rows));
        EXPECT_EQ(python("import json; print([json.loads(r)[\"stage\"] for r in f[\"streams/titles/@stages\"]])"),
                  "['source', 'top']\n");
        collect_all();  // of the results file alone
    }
}

TEST_F(StreamsTest, WhatALaterLaunchSaysOfItsStagesReplacesThat) {
    const Pipe pipeline = stream_plan().start();
    const auto row = [](int items) { return Value(Document{{"stage", "top"}, {"worker", 0}, {"items_in", items}}); };
    segment_of(0, {pipeline, nullptr, 1, 0, encoded({row(1), row(2)})}, 1);
    segment_of(0, {pipeline, nullptr, 1, 0, encoded({row(7)})}, 2);
    const auto results = Results::open(run_.directory());
    EXPECT_EQ(as_text(all(*results, pipeline, "@stages")), as_text({row(7)}));
}

TEST_F(StreamsTest, FilesWithoutStreamsAreOfTheFirstFormat) {
    const Pipe pipeline = SamplePlan("p").job("j").start();
    const auto writer = make_record_writer(run_.options());
    std::vector<JobRecord> jobs;
    jobs.push_back(record_with(pipeline, 0, 0, {{"x", 1}}));
    SampleRun::write(*writer, std::move(jobs));
    writer->stop();
    collect_all();
    EXPECT_EQ(python("print(f.attrs[\"format_version\"], \"streams\" in f)"), "1 False\n");
}

namespace {

class ItemStore final : public Store {
public:
    explicit ItemStore(std::vector<std::string>& calls) : calls_(calls) {}
    Document retrieve(const Scope&, const std::vector<std::string>&) override { return {}; }
    void save(const Scope& scope, std::string_view worker, const Document& document) override {
        if (at(document, "first").int64() == 3) throw std::runtime_error("the shelf is full");
        calls_.push_back(
            fmt::format("{}/{}[{}] by {}: {}", scope.pipeline, scope.job, scope.instance, worker, to_json(document)));
    }
    void flush() override { calls_.push_back("flush"); }

private:
    std::vector<std::string>& calls_;
};

}  // namespace

TEST_F(StreamsTest, AUsersStoreHasTheItemsInstead) {
    const Pipe pipeline = stream_plan().start();
    std::vector<std::string> calls;
    WriterOptions options = run_.options();
    options.interval = 3'600'000'000'000;
    options.values = std::make_unique<ItemStore>(calls);
    const auto writer = make_record_writer(std::move(options));
    writer->add(stream_record(pipeline, 0, numbers(5, 3)));
    writer->add(stream_record(pipeline, 3, numbers(8, 2)));
    std::vector<JobRecord> jobs;
    jobs.push_back(record_of(pipeline, kTopResults));
    SampleRun::write(*writer, std::move(jobs));
    EXPECT_THAT(calls, ElementsAre("titles/top[@00001-00001-00000000000000000000] by Worker-top: "
                                   "{\"attempt\":1,\"first\":0,\"incarnation\":1,\"items\":[5,6,7]}",
                                   "flush"));
    const auto refused = writer->refused();
    ASSERT_THAT(refused, SizeIs(1));
    EXPECT_EQ(refused[0].error, "the store could not keep 2 items of stage top from number 3 on: the shelf is full");
    writer->stop();
    EXPECT_THAT(Results::open(run_.directory())->streams(), IsEmpty());
}

TEST_F(StreamsTest, WhatStagesHaveDoneIsNotForAUsersStore) {
    const Pipe pipeline = stream_plan().start();
    std::vector<std::string> calls;
    WriterOptions options = run_.options();
    options.values = std::make_unique<ItemStore>(calls);
    const auto writer = make_record_writer(std::move(options));
    writer->add(StreamRecord{pipeline, nullptr, 1, 0, encoded({Value(Document{{"stage", "top"}})})});
    writer->stop();
    EXPECT_THAT(calls, ElementsAre("flush")) << "nothing to save";
    EXPECT_THAT(Results::open(run_.directory())->stage_counts(), SizeIs(1));
}

TEST_F(StreamsTest, AUsersStoreThatHasAllIsNotWaitedFor) {
    const Pipe pipeline = stream_plan().start();
    std::vector<std::string> calls;
    WriterOptions options = run_.options();
    options.max_pending_bytes = 50'000;
    options.values = std::make_unique<ItemStore>(calls);
    const auto writer = make_record_writer(std::move(options));
    writer->add(stream_record(pipeline, 0, numbers(0, 10'000)));
    while (writer->full()) {
        writer->flush_soon();
        std::this_thread::yield();
    }
    EXPECT_THAT(run_.segments(), IsEmpty());
    writer->stop();
    EXPECT_THAT(calls, SizeIs(2));
}

}  // namespace penstock
