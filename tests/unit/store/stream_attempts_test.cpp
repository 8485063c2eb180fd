// Which items of a stream count: several attempts and launches, items that are there twice, segments that are lost.
#include "stream_sample.hpp"

#include <gmock/gmock.h>

namespace penstock {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class StreamAttempts : public StreamsTest {};

}  // namespace

TEST_F(StreamAttempts, ALaterAttemptCountsFromItsFirstItemOn) {
    const Pipe pipeline = stream_plan().start();
    segment_of(1, stream_record(pipeline, 0, numbers(0, 10)));
    segment_of(2, stream_record(pipeline, 6, numbers(1006, 2), kTop, 2));
    const std::vector<Value> expected{0, 1, 2, 3, 4, 5, 1006, 1007};
    EXPECT_EQ(as_text(live(pipeline)), as_text(expected));
    collect_all();
    // What the first attempt had under way meanwhile does not come back.
    segment_of(3, stream_record(pipeline, 8, numbers(8, 5)));
    segment_of(4, stream_record(pipeline, 10, numbers(10, 5)));
    collect_all();
    EXPECT_EQ(as_text(collected(pipeline)), as_text(expected));
    // A later launch begins at the start.
    segment_of(1, stream_record(pipeline, 0, {Value("all"), Value("new")}), 2);
    EXPECT_EQ(as_text(live(pipeline)), as_text(std::vector<Value>{Value("all"), Value("new")}));
    const CollectReport report = collect_all();
    EXPECT_THAT(report.warnings, IsEmpty());
    EXPECT_EQ(as_text(collected(pipeline)), as_text(std::vector<Value>{Value("all"), Value("new")}));
    EXPECT_EQ(python("print(f[\"streams/titles/top\"].asstr()[:])"), "['all' 'new']\n");
}

TEST_F(StreamAttempts, AnAttemptWithoutItemsMakesEarlierOnesVoidToo) {
    const Pipe pipeline = stream_plan().start();
    segment_of(1, stream_record(pipeline, 0, numbers(0, 10)));
    segment_of(2, stream_record(pipeline, 4, {}, kTop, 2));
    EXPECT_EQ(live(pipeline), numbers(0, 4));
    collect_all();
    EXPECT_EQ(collected(pipeline), numbers(0, 4));
    segment_of(3, stream_record(pipeline, 10, numbers(10, 1)));  // of the first attempt
    collect_all();
    EXPECT_EQ(collected(pipeline), numbers(0, 4));
}

TEST_F(StreamAttempts, ItemsThatAreThereTwiceCountOnce) {
    const Pipe pipeline = stream_plan().start();
    segment_of(1, stream_record(pipeline, 0, numbers(0, 10)));
    segment_of(2, stream_record(pipeline, 5, numbers(5, 10)));
    segment_of(3, stream_record(pipeline, 2, numbers(2, 3)));
    EXPECT_EQ(live(pipeline), numbers(0, 15));
    collect_all();
    EXPECT_EQ(collected(pipeline), numbers(0, 15));
}

TEST_F(StreamAttempts, RandomAttemptsAgainstAModel) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    const Pipe pipeline = stream_plan().start();
    std::vector<std::int64_t> model;
    std::uint32_t rank = 0;
    struct Part {
        std::uint32_t incarnation, attempt;
        std::int64_t first, begin, count;
    };
    std::vector<Part> parts;
    std::int64_t value = 0;
    for (std::uint32_t incarnation = 1; incarnation <= 3; ++incarnation)
        for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
            auto at = attempt == 1 ? 0 : static_cast<std::int64_t>(random.below(model.size() + 1));
            model.resize(static_cast<std::size_t>(at));
            parts.push_back({incarnation, attempt, at, value, 0});
            for (std::uint64_t n = random.below(5); n > 0; --n) {
                const auto count = static_cast<std::int64_t>(random.below(8));
                parts.push_back({incarnation, attempt, at, value, count});
                for (std::int64_t i = 0; i < count; ++i) model.push_back(value++);
                at += count;
            }
            parts.push_back({incarnation, attempt, at, value, 0});  // that it ended there
        }
    std::shuffle(parts.begin(), parts.end(), random.engine());
    for (const Part& part : parts) {
        segment_of(++rank,
                   stream_record(pipeline, static_cast<std::uint64_t>(part.first), numbers(part.begin, part.count),
                                 kTop, part.attempt),
                   part.incarnation);
        if (random.one_in(4)) collect_all();
    }
    const std::vector<Value> expected(model.begin(), model.end());
    EXPECT_EQ(as_text(live(pipeline)), as_text(expected));
    EXPECT_THAT(collect_all().warnings, IsEmpty());
    EXPECT_EQ(as_text(collected(pipeline)), as_text(expected));
}

TEST_F(StreamAttempts, WithoutTheLastSegments) {
    const Pipe pipeline = stream_plan().start();
    const auto writer = make_record_writer(run_.options());
    for (std::int64_t i = 0; i < 5; ++i)
        segment(*writer, stream_record(pipeline, static_cast<std::uint64_t>(i * 10), numbers(i * 10, 10)));
    writer->stop();
    const auto folder = run_.directory() / "segments";
    for (std::int64_t kept = 4; kept > 0; --kept) {
        std::filesystem::remove(folder / run_.segments().back());
        EXPECT_EQ(live(pipeline), numbers(0, kept * 10));
    }
    run_.collect();
    EXPECT_EQ(collected(pipeline), numbers(0, 10));
}

// Where an attempt begins and ends is written by another writer than what it made.
TEST_F(StreamAttempts, ItemsAreMissedAtTheEndToo) {
    const Pipe pipeline = stream_plan().start();
    const auto extents = [&](std::uint64_t first, std::uint64_t end) {
        std::vector<StreamRecord> both;
        both.push_back(stream_record(pipeline, first, {}));
        both.push_back(stream_record(pipeline, end, {}));
        const auto writer = make_record_writer(run_.options(0, 1));
        segment(*writer, std::move(both));
    };
    extents(0, 12);
    segment_of(1, stream_record(pipeline, 0, numbers(0, 10)));
    EXPECT_EQ(live(pipeline), numbers(0, 10));
    const CollectReport report = collect_all();
    ASSERT_THAT(report.warnings, SizeIs(1));
    EXPECT_THAT(report.warnings.front(), HasSubstr("titles/top: 2 items are missing, the first one is number 10"));
    EXPECT_EQ(collected(pipeline), numbers(0, 10));
    EXPECT_EQ(python("print(f[\"streams/titles/@runs/top\"][:].tolist())"), "[[0, 0, 10, 1, 1], [0, 12, 0, 1, 1]]\n");
    // They turn up after all, and nothing more is said.
    segment_of(2, stream_record(pipeline, 10, numbers(10, 2)));
    EXPECT_THAT(collect_all().warnings, IsEmpty());
    EXPECT_EQ(collected(pipeline), numbers(0, 12));
    EXPECT_EQ(python("print(f[\"streams/titles/@runs/top\"][:].tolist())"), "[[0, 0, 12, 1, 1]]\n");
}

TEST_F(StreamAttempts, ALostSegmentIsToldOf) {
    const Pipe pipeline = stream_plan().start();
    const auto writer = make_record_writer(run_.options());
    for (std::int64_t i = 0; i < 3; ++i)
        segment(*writer, stream_record(pipeline, static_cast<std::uint64_t>(i * 10), numbers(i * 10, 10)));
    writer->stop();
    std::filesystem::remove(run_.directory() / "segments" / run_.segments()[1]);
    EXPECT_THAT(run_.collect().warnings,
                ElementsAre(HasSubstr("segment"),
                            "titles/top: 10 items are missing, the first one is number 10; @runs says which items "
                            "there are"));
    EXPECT_THAT(collected(pipeline), SizeIs(20));
    EXPECT_EQ(python("print(f[\"streams/titles/@runs/top\"][:, 1:3].tolist())"), "[[0, 10], [20, 10]]\n");
}

}  // namespace penstock
