#include "value/value_codec.hpp"

#include "support/print_value.hpp"
#include "support/random_values.hpp"
#include "support/seed.hpp"

#include <gmock/gmock.h>

#include <cstring>

namespace penstock {
namespace {

using test::RandomValues;
using testing::HasSubstr;
using testing::ThrowsMessage;

std::vector<std::byte> encoded(const Document& document) {
    std::vector<std::byte> bytes;
    encode(document, bytes);
    return bytes;
}

Document decoded(std::span<const std::byte> bytes) { return decode_document(bytes); }

Value nested(int levels) {
    Value value = 1;
    for (int i = 0; i < levels; ++i) value = List{std::move(value)};
    return value;
}

TEST(ValueCodec, EveryValueReadsBackTheSame) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    for (int i = 0; i < 2000; ++i) {
        const Document document = random.map(4);
        std::vector<std::byte> bytes(random.below(3));  // whatever was in the buffer before stays
        const std::size_t before = bytes.size();
        encode(document, bytes);
        ASSERT_EQ(bytes.size() - before, encoded_size(document));
        std::span<const std::byte> rest = std::span(bytes).subspan(before);
        ASSERT_EQ(decode_document(rest), document);
        ASSERT_TRUE(rest.empty());
    }
}

TEST(ValueCodec, SeveralValuesReadBackOneAfterTheOther) {
    std::vector<std::byte> bytes;
    encode(Value(7), bytes);
    encode(Document{{"a", "b"}}, bytes);
    encode(Value(std::string(1000, 'x')), bytes);
    std::span<const std::byte> rest = bytes;
    EXPECT_EQ(decode_value(rest), Value(7));
    EXPECT_EQ(decode_document(rest), (Document{{"a", "b"}}));
    EXPECT_EQ(decode_value(rest), Value(std::string(1000, 'x')));
    EXPECT_TRUE(rest.empty());
}

TEST(ValueCodec, WritesTheSameBytesPieceByPiece) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    for (int i = 0; i < 200; ++i) {
        Document document = random.map(4);
        document["large"] = std::string(100'000, 'x');
        document["array"] = std::vector<double>(20'000, 1.5);
        std::vector<std::byte> pieces;
        encode(document, [&pieces](std::span<const std::byte> piece) {
            pieces.insert(pieces.end(), piece.begin(), piece.end());
        });
        ASSERT_EQ(pieces, encoded(document));
    }
}

TEST(ValueCodec, ArraysShareTheBufferOfAnOwner) {
    const Document document{{"a", std::vector<double>(1000, 2.5)}, {"b", 1}, {"c", std::vector<std::int16_t>(3, 4)}};
    const std::vector<std::byte> bytes = encoded(document);
    // A buffer aligned for anything; vectors of bytes are aligned for double only by chance.
    const auto owner = std::make_shared<std::vector<std::max_align_t>>(bytes.size() / sizeof(std::max_align_t) + 1);
    std::memcpy(owner->data(), bytes.data(), bytes.size());
    const auto* begin = reinterpret_cast<const std::byte*>(owner->data());
    std::span<const std::byte> in(begin, bytes.size());
    const Document read = decode_document(in, owner);
    EXPECT_EQ(read, document);
    for (const char* key : {"a", "c"}) {
        const std::byte* data = read.at(key).array().bytes().data();
        EXPECT_GE(data, begin) << key;
        EXPECT_LT(data, begin + bytes.size()) << key;
    }
    EXPECT_EQ(owner.use_count(), 3);
}

TEST(ValueCodec, LargeArraysStartAtAMultipleOf64) {
    const Array array = Array::of(std::vector<double>(1000, 2.5));
    std::vector<std::byte> bytes;
    encode(Value(array), bytes);
    EXPECT_EQ((bytes.size() - array.bytes().size()) % 64, 0u);
}

TEST(ValueCodec, BytesThatEndTooEarlyAreAnError) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    for (int i = 0; i < 200; ++i) {
        Document document = random.map(3);
        document["last"] = 1;
        const std::vector<std::byte> bytes = encoded(document);
        for (std::size_t length = 0; length < bytes.size(); ++length)
            ASSERT_THROW(decoded(std::span(bytes).first(length)), ValueError) << length << " of " << bytes.size();
    }
}

TEST(ValueCodec, DamagedBytesNeverDoMoreThanThrow) {
    PENSTOCK_TRACE_SEED();
    RandomValues random(test::seed());
    int refused = 0;
    for (int i = 0; i < 3000; ++i) {
        std::vector<std::byte> bytes = encoded(random.map(3));
        for (std::uint64_t n = random.below(4) + 1; n > 0; --n)
            bytes[random.below(bytes.size())] = static_cast<std::byte>(random.below(256));
        try {
            const Document read = decoded(bytes);
            ASSERT_EQ(decoded(encoded(read)), read);
        } catch (const ValueError&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 100);
}

TEST(ValueCodec, ImpossibleLengthsReserveNothing) {
    const auto bytes = [](std::initializer_list<int> values) {
        std::vector<std::byte> out;
        for (const int v : values) out.push_back(static_cast<std::byte>(v));
        return out;
    };
    const auto decode = [](const std::vector<std::byte>& in) {
        std::span<const std::byte> rest = in;
        decode_value(rest);
    };
    // A list, a string and an array of 2^56 and more elements.
    EXPECT_THROW(decode(bytes({6, 255, 0, 0, 0, 0, 0, 0, 0, 1})), ValueError);
    EXPECT_THROW(decode(bytes({4, 255, 255, 255, 255, 255, 255, 255, 255, 255})), ValueError);
    EXPECT_THROW(decode(bytes({8, 9, 2, 0, 0, 0, 0, 0, 0, 0, 128, 2, 0, 0, 0, 0, 0, 0, 0, 0})), ValueError);
    EXPECT_THROW(decode(bytes({8, 10, 0, 0})), ValueError);                 // element type
    EXPECT_THROW(decode(bytes({8, 9, 32, 0})), ValueError);                 // dimensions
    EXPECT_THROW(decode(bytes({9})), ValueError);                           // type
    EXPECT_THROW(decode(bytes({1, 2})), ValueError);                        // bool
    EXPECT_THROW(decode(bytes({7, 2, 1, 'b', 0, 1, 'a', 0})), ValueError);  // keys out of order
}

TEST(ValueCodec, NestingIsBoundedBothWays) {
    std::vector<std::byte> bytes;
    encode(Document{{"a", nested(kMaxNesting)}}, bytes);
    EXPECT_EQ(decoded(bytes).at("a"), nested(kMaxNesting));
    EXPECT_THAT([&] { encode(nested(kMaxNesting + 1), bytes); },
                ThrowsMessage<ValueError>(HasSubstr("more than 200 deep")));

    std::vector<std::byte> deep;  // lists of one list, 100,000 deep
    for (int i = 0; i < 100'000; ++i) deep.insert(deep.end(), {std::byte{6}, std::byte{1}});
    deep.push_back(std::byte{0});
    std::span<const std::byte> rest = deep;
    EXPECT_THAT([&] { decode_value(rest); }, ThrowsMessage<ValueError>(HasSubstr("too deep a nesting")));
}

TEST(MemorySize, GrowsWithWhatIsHeld) {
    EXPECT_EQ(memory_size(Value(1)), sizeof(Value));
    EXPECT_GE(memory_size(Value(std::string(1000, 'x'))), sizeof(Value) + 1000);
    EXPECT_GE(memory_size(Value(std::vector<double>(1000))), 8000u);
    EXPECT_GE(memory_size(Value(List(100))), 100 * sizeof(Value));
    EXPECT_GE(memory_size(Document{{"a", Bytes(500)}}), 500 + sizeof(Value));
}

}  // namespace
}  // namespace penstock
