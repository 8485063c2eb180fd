#include "exec/stage_batch.hpp"
#include "exec/stage_items.hpp"
#include "value/value_codec.hpp"

#include <gmock/gmock.h>

namespace penstock {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

StreamItems items_of(const List& values) {
    ItemsWriter items;
    for (const Value& value : values) append_item(value, items);
    return items.take();
}

StageRequest a_request() {
    StageRequest request;
    request.stream_job = 0xfedcba9876543210;
    request.worker = 2;
    request.workers = 3;
    request.continues = true;
    request.items = items_of({1, "two", nullptr, Map{{"k", 0.5}}});
    return request;
}

StageAnswer an_answer() {
    StageAnswer answer;
    answer.items = items_of({"a", false});
    answer.done = 7;
    answer.released = 5000;
    answer.error = "no";
    answer.fatal = true;
    return answer;
}

// As it goes through a worker process's ring.
Document sent(const Document& document) {
    std::vector<std::byte> bytes;
    encode(document, bytes);
    std::span<const std::byte> in(bytes);
    return decode_document(in);
}

TEST(StageBatch, ARequestIsTheSameOnTheOtherSide) {
    const StageRequest in = a_request();
    const StageRequest out = stage_request(sent(to_document(in)));
    EXPECT_EQ(out.what, StageRequest::Do::items);
    EXPECT_EQ(out.stream_job, in.stream_job);
    EXPECT_EQ(out.worker, 2u);
    EXPECT_EQ(out.workers, 3u);
    EXPECT_TRUE(out.continues);
    EXPECT_EQ(out.items, in.items);
    for (const auto what : {StageRequest::Do::start, StageRequest::Do::go_on, StageRequest::Do::finish}) {
        StageRequest empty;
        empty.what = what;
        EXPECT_EQ(stage_request(to_document(empty)).what, what);
    }
}

TEST(StageBatch, AnAnswerIsTheSameOnTheOtherSide) {
    const StageAnswer in = an_answer();
    const StageAnswer out = stage_answer(sent(to_document(in)));
    EXPECT_EQ(out.items, in.items);
    EXPECT_EQ(out.done, 7u);
    EXPECT_EQ(out.released, 5000u);
    EXPECT_EQ(out.error, "no");
    EXPECT_TRUE(out.fatal);
    EXPECT_FALSE(out.more);
    const StageAnswer plain = stage_answer(to_document(StageAnswer{}));
    EXPECT_EQ(plain.error, std::nullopt);
    EXPECT_TRUE(plain.items.empty());
}

TEST(StageBatch, WhatIsDamagedIsRefused) {
    const auto with = [](const char* key, Value value) {
        Document document = to_document(a_request());
        document.insert_or_assign(key, std::move(value));
        return document;
    };
    EXPECT_NO_THROW(stage_request(with("worker", 0)));
    EXPECT_THROW(stage_request(with("worker", 3)), ValueError) << "there are three";
    EXPECT_THROW(stage_request(with("worker", -1)), ValueError);
    EXPECT_THROW(stage_request(with("workers", std::int64_t{1} << 32)), ValueError);
    EXPECT_THROW(stage_request(with("what", 4)), ValueError);
    EXPECT_THROW(stage_request(with("what", 1)), ValueError) << "items for start";
    EXPECT_THROW(stage_request(with("what", "items")), ValueError);
    EXPECT_THROW(stage_request(with("continues", 1)), ValueError);
    EXPECT_THROW(stage_request(with("more", 1)), ValueError);
    EXPECT_THROW(stage_request(with("items", Bytes(3))), ValueError);
    EXPECT_THROW(stage_request(with("sizes", Array::of(std::vector<std::int32_t>{1, 2, 3, 4}))), ValueError);
    EXPECT_THROW(stage_request(with("sizes", Array::of<std::uint32_t>({2, 2}, std::vector<std::uint32_t>(4)))),
                 ValueError);
    EXPECT_THROW(stage_request({}), ValueError);

    Document answer = to_document(an_answer());
    answer["done"] = -1;
    EXPECT_THAT([&] { stage_answer(answer); }, ThrowsMessage<ValueError>(HasSubstr("damaged: its done")));
    answer = to_document(an_answer());
    answer["more"] = true;
    EXPECT_THROW(stage_answer(answer), ValueError) << "after an error";
    answer = to_document(an_answer());
    answer["error"] = nullptr;
    EXPECT_THROW(stage_answer(answer), ValueError) << "fatal without an error";
}

TEST(ItemReader, ReadsItemByItemAndSharesTheBytesOfLargeOnes) {
    const std::vector<double> small(1000, 1.5);
    const std::vector<double> large(20000, 2.5);
    StreamItems items = items_of({Value(large), Value(small), "x"});
    const std::byte* begin = items.bytes.data();
    const std::byte* end = begin + items.bytes.size();
    ItemReader reader(std::move(items));
    const Value first = reader.next();
    EXPECT_EQ(first, Value(large));
    EXPECT_TRUE(first.array().bytes().data() > begin && first.array().bytes().data() < end) << "not copied";
    const Value second = reader.next();
    EXPECT_EQ(second, Value(small));
    EXPECT_FALSE(second.array().bytes().data() > begin && second.array().bytes().data() < end)
        << "does not keep the batch";
    EXPECT_EQ(reader.next(), Value("x"));
    EXPECT_TRUE(reader.ended());
}

// Of 16 in all: none of them is a good part.
StreamItems sixteen_arrays() {
    ItemsWriter items;
    for (int i = 0; i < 16; ++i) append_item(Value(std::vector<double>(8192, i)), items);
    return items.take();
}

bool lies_in(const Value& item, std::span<const std::byte> bytes) {
    const std::byte* const at = item.array().bytes().data();
    return at >= bytes.data() && at < bytes.data() + bytes.size();
}

TEST(ItemReader, LendsWhatAWorkerDoesNotKeep) {
    const StreamItems items = sixteen_arrays();
    bool keeps = false;
    ItemReader reader(items, &keeps);
    for (int i = 0; i < 16; ++i) {
        const Value item = reader.next();
        EXPECT_TRUE(lies_in(item, items.bytes.span())) << i;
        EXPECT_EQ(item, Value(std::vector<double>(8192, i)));
    }
    EXPECT_FALSE(keeps);
}

TEST(ItemReader, CopiesForAWorkerThatHasKeptOne) {
    const StreamItems items = sixteen_arrays();
    bool keeps = false;
    std::vector<Value> kept;
    {
        ItemReader reader(items, &keeps);
        kept.push_back(reader.next());
        EXPECT_FALSE(keeps) << "nobody can know yet";
        kept.push_back(reader.next());
        EXPECT_TRUE(keeps);
        EXPECT_TRUE(lies_in(kept[0], items.bytes.span()));
        EXPECT_FALSE(lies_in(kept[1], items.bytes.span()));
    }
    ItemReader next(items, &keeps);
    EXPECT_FALSE(lies_in(next.next(), items.bytes.span())) << "in the next batch as well";
}

TEST(ItemReader, SeesThatTheLastItemIsKept) {
    const StreamItems items = sixteen_arrays();
    bool keeps = false;
    std::optional<Value> last;
    {
        ItemReader reader(items, &keeps);
        for (int i = 0; i < 15; ++i) reader.next();
        last = reader.next();
        EXPECT_FALSE(keeps);
    }
    EXPECT_TRUE(keeps);
}

TEST(ItemReader, ADamagedItemDoesNotHideTheNext) {
    StreamItems items = items_of({1, 2});
    items.sizes = {8, 10};
    ItemReader reader(std::move(items));
    EXPECT_THROW(reader.next(), ValueError);
    EXPECT_THROW(reader.next(), ValueError);
    EXPECT_TRUE(reader.ended());
}

TEST(StageItems, TheFirstOfThemAreTakenAndTheOthersStay) {
    ItemsWriter items;
    for (const Value& value : {Value(1), Value("two"), Value(3.0)}) append_item(value, items);
    const StreamItems first = take_first(items, 1, items.sizes[0]);
    EXPECT_EQ(first, items_of({1}));
    EXPECT_EQ(items.count(), 2u);
    EXPECT_EQ(take_first(items, 0, 0).count(), 0u);
    EXPECT_EQ(take_first(items, 2, items.bytes.size()), items_of({"two", 3.0}));
    EXPECT_TRUE(items.empty());
}

}  // namespace
}  // namespace penstock
