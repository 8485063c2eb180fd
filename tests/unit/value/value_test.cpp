#include <penstock/value.hpp>

#include <gmock/gmock.h>

#include <cmath>

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Array, KeepsTypeShapeAndElements) {
    const Array array = Array::of<std::int32_t>({2, 3}, std::vector<std::int32_t>{1, 2, 3, 4, 5, 6});
    EXPECT_EQ(array.type(), ElementType::int32);
    EXPECT_THAT(array.shape(), ElementsAre(2, 3));
    EXPECT_EQ(array.size(), 6u);
    EXPECT_THAT(array.as<std::int32_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(array.to_doubles(), ElementsAre(1.0, 2.0, 3.0, 4.0, 5.0, 6.0));
}

TEST(Array, CopiesItsBytesButSharesThemBetweenCopies) {
    std::vector<double> elements{1, 2};
    const Array array = Array::of(elements);
    elements[0] = 9;
    const Array copy = array;
    EXPECT_THAT(copy.as<double>(), ElementsAre(1.0, 2.0));
    EXPECT_EQ(copy.bytes().data(), array.bytes().data());
}

TEST(Array, KeepsAVectorThatItIsGiven) {
    std::vector<double> elements{1, 2, 3, 4};
    const double* const at = elements.data();
    const Value value(std::move(elements));
    EXPECT_EQ(value.array().as<double>().data(), at) << "not copied";
    EXPECT_EQ(value, Value(std::vector<double>{1, 2, 3, 4}));
    std::vector<std::int32_t> table{1, 2, 3, 4, 5, 6};
    const Array array = Array::of({2, 3}, std::move(table));
    EXPECT_THAT(array.shape(), ElementsAre(2, 3));
    EXPECT_EQ(array.as<std::int32_t>()[5], 6);
    std::vector<double> too_few{1, 2};
    EXPECT_THROW(Array::of({3}, std::move(too_few)), ValueError);
}

TEST(Array, SharesAnOwnersBufferUnlessItIsMisaligned) {
    const auto owner = std::make_shared<std::vector<double>>(3, 1.5);
    const auto bytes = std::as_bytes(std::span(*owner));
    const Array shared(ElementType::float64, {3}, owner, bytes);
    EXPECT_EQ(shared.bytes().data(), bytes.data());
    EXPECT_EQ(owner.use_count(), 2);
    const Array copied(ElementType::int32, {2}, owner, bytes.subspan(1, 8));
    EXPECT_NE(copied.bytes().data(), bytes.data() + 1);
    EXPECT_EQ(owner.use_count(), 2);
}

TEST(Array, HasOneElementWithoutDimensionsAndNoneWithAnExtentOfZero) {
    EXPECT_EQ(Array::of<double>({}, std::vector<double>{7}).size(), 1u);
    EXPECT_EQ(Array::of<double>({0, 5}, std::vector<double>{}).size(), 0u);
    EXPECT_EQ(Array(ElementType::int8, {1ull << 40, 1ull << 40, 0}, std::span<const std::byte>()).size(), 0u);
}

TEST(Array, RefusesBytesThatDoNotFitItsShape) {
    const std::vector<double> three(3);
    EXPECT_THAT(
        [&] {
            Array::of<double>({2, 2}, three);
        },
        ThrowsMessage<ValueError>("an array of float64 and shape (2, 2) has 32 bytes, not 24"));
    EXPECT_THAT(
        [&] {
            Array::of<double>({1ull << 40, 1ull << 40}, three);
        },
        ThrowsMessage<ValueError>(HasSubstr("larger than any memory")));
    EXPECT_THAT([&] { Array::of<double>(std::vector<std::uint64_t>(32, 1), three); },
                ThrowsMessage<ValueError>(HasSubstr("32 dimensions; at most 31")));
}

TEST(Array, NamesBothTypesWhenAskedForTheWrongOne) {
    EXPECT_THAT([] { Array::of(std::vector<float>{1}).as<double>(); },
                ThrowsMessage<ValueError>(AllOf(HasSubstr("array of float32"), HasSubstr("as float64"))));
}

TEST(Array, EqualityTakesNaNForNaNAndZeroForZero) {
    const auto of = [](double a, double b) { return Array::of(std::vector<double>{a, b}); };
    EXPECT_EQ(of(NAN, 0.0), of(-NAN, -0.0));
    EXPECT_FALSE(of(NAN, 1) == of(NAN, 2));
    EXPECT_FALSE(Array::of(std::vector<float>{1}) == Array::of(std::vector<std::int32_t>{1}));
    EXPECT_FALSE(Array::of<double>({1, 2}, std::vector<double>{1, 2}) == of(1, 2));
}

TEST(ElementType, NamesAreNumPysAndReadBack) {
    EXPECT_EQ(element_name(ElementType::uint16), "uint16");
    for (int i = 0; i < 10; ++i) {
        const auto type = static_cast<ElementType>(i);
        EXPECT_EQ(element_type_of(element_name(type)), type);
    }
    EXPECT_EQ(element_size(ElementType::float32), 4u);
    EXPECT_THAT([] { element_type_of("float16"); },
                ThrowsMessage<ValueError>(HasSubstr("\"float16\" is no element type")));
}

TEST(Value, HasTheTypeOfWhatItWasMadeFrom) {
    EXPECT_EQ(Value().type_name(), "null");
    EXPECT_EQ(Value(true).type_name(), "bool");
    EXPECT_EQ(Value(1).type_name(), "int64");
    EXPECT_EQ(Value(1.0f).type_name(), "float64");
    EXPECT_EQ(Value("x").type_name(), "string");
    EXPECT_EQ(Value(Bytes(2)).type_name(), "bytes");
    EXPECT_EQ(Value(List{1, "a"}).type_name(), "list");
    EXPECT_EQ(Value(Map{{"a", 1}}).type_name(), "map");
    EXPECT_EQ(Value(std::vector<float>{1, 2}).type_name(), "array");
}

TEST(Value, SaysWhichTypeItHasAndWhichIsNeeded) {
    EXPECT_THAT([] { Value("x").int64(); }, ThrowsMessage<ValueError>("a value is string, where int64 is needed"));
    EXPECT_THAT([] { Value(1).float64(); }, ThrowsMessage<ValueError>("a value is int64, where float64 is needed"));
    EXPECT_THAT([] { Value(true).number(); }, ThrowsMessage<ValueError>(HasSubstr("a value is bool, where a number")));
    EXPECT_EQ(Value(3).number(), 3.0);
    EXPECT_EQ(Value(2.5).number(), 2.5);
}

TEST(Value, RefusesAnIntegerBeyondInt64) {
    EXPECT_EQ(Value(std::uint64_t{9223372036854775807u}).int64(), INT64_MAX);
    EXPECT_THAT([] { Value(std::uint64_t{9223372036854775808u}); },
                ThrowsMessage<ValueError>(HasSubstr("9223372036854775808 is beyond")));
}

TEST(Value, EqualityDistinguishesTypesAndTakesNaNForNaN) {
    EXPECT_EQ(Value(NAN), Value(-NAN));
    EXPECT_EQ(Value(List{NAN, Map{{"a", NAN}}}), Value(List{NAN, Map{{"a", NAN}}}));
    EXPECT_EQ(Value(0.0), Value(-0.0));
    EXPECT_FALSE(Value(1) == Value(1.0));
    EXPECT_FALSE(Value(1) == Value(true));
    EXPECT_FALSE(Value("") == Value());
    EXPECT_FALSE(Value("a") == Value(Bytes{std::byte{'a'}}));
}

TEST(Document, NamesTheMissingKeyAndThoseThereAre) {
    const Document document{{"x", 1}, {"y", 2}};
    EXPECT_EQ(at(document, "y").int64(), 2);
    EXPECT_THAT([&] { at(document, "z"); }, ThrowsMessage<ValueError>("the key \"z\" is missing; there are: x, y"));
    EXPECT_THAT([] { at({}, "z"); }, ThrowsMessage<ValueError>("the key \"z\" is missing; there are none"));
}

}  // namespace
}  // namespace penstock
