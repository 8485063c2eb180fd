#include <penstock/value.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace penstock {

namespace {

struct ElementInfo {
    std::string_view name;
    std::size_t size;
};
// In the order of ElementType.
constexpr std::array<ElementInfo, 10> kElements{{{"int8", 1},
                                                 {"int16", 2},
                                                 {"int32", 4},
                                                 {"int64", 8},
                                                 {"uint8", 1},
                                                 {"uint16", 2},
                                                 {"uint32", 4},
                                                 {"uint64", 8},
                                                 {"float32", 4},
                                                 {"float64", 8}}};

constexpr std::array<std::string_view, std::variant_size_v<Value::Variant>> kTypeNames{
    "null", "bool", "int64", "float64", "string", "bytes", "list", "map", "array"};

template <class T>
bool same_number(T a, T b) {
    if constexpr (std::is_floating_point_v<T>)
        return a == b || (std::isnan(a) && std::isnan(b));
    else
        return a == b;
}

std::string shape_text(const std::vector<std::uint64_t>& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

// product(shape) * element_size, or ValueError when that is no number of bytes.
std::uint64_t byte_count(ElementType type, const std::vector<std::uint64_t>& shape) {
    std::uint64_t bytes = element_size(type);
    if (std::find(shape.begin(), shape.end(), 0u) != shape.end()) return 0;
    for (const std::uint64_t extent : shape)
        if (__builtin_mul_overflow(bytes, extent, &bytes))
            throw ValueError(fmt::format("an array of shape {} is larger than any memory", shape_text(shape)));
    return bytes;
}

bool aligned(const std::byte* data, ElementType type) {
    return reinterpret_cast<std::uintptr_t>(data) % element_size(type) == 0;
}

std::shared_ptr<const std::byte[]> copy_of(std::span<const std::byte> bytes) {
    if (bytes.empty()) return nullptr;
    // operator new aligns for every element type; make_shared of a byte array need not.
    std::shared_ptr<std::byte[]> copy(new std::byte[bytes.size()]);
    std::memcpy(copy.get(), bytes.data(), bytes.size());
    return copy;
}

}  // namespace

std::size_t element_size(ElementType type) { return kElements[static_cast<std::size_t>(type)].size; }

std::string_view element_name(ElementType type) { return kElements[static_cast<std::size_t>(type)].name; }

ElementType element_type_of(std::string_view name) {
    for (std::size_t i = 0; i < kElements.size(); ++i)
        if (kElements[i].name == name) return static_cast<ElementType>(i);
    throw ValueError(fmt::format(
        "\"{}\" is no element type of an array; there are int8 to int64, uint8 to uint64, float32 and float64", name));
}

// ---------------------------------------------------------------------------------------------- Array

Array::Array(ElementType type, std::vector<std::uint64_t> shape, std::span<const std::byte> bytes)
    : type_(type), shape_(std::move(shape)), bytes_(bytes) {
    check_size();
    auto copy = copy_of(bytes);
    bytes_ = {copy.get(), bytes.size()};
    owner_ = std::move(copy);
}

Array::Array(ElementType type, std::vector<std::uint64_t> shape, std::shared_ptr<const void> owner,
             std::span<const std::byte> bytes)
    : type_(type), shape_(std::move(shape)), owner_(std::move(owner)), bytes_(bytes) {
    check_size();
    if (aligned(bytes.data(), type)) return;
    auto copy = copy_of(bytes);
    bytes_ = {copy.get(), bytes.size()};
    owner_ = std::move(copy);
}

void Array::check_size() const {
    if (shape_.size() > kMaxRank)
        throw ValueError(fmt::format("an array has {} dimensions; at most {} are possible", shape_.size(), kMaxRank));
    const std::uint64_t expected = byte_count(type_, shape_);
    if (bytes_.size() != expected)
        throw ValueError(fmt::format("an array of {} and shape {} has {} bytes, not {}", element_name(type_),
                                     shape_text(shape_), expected, bytes_.size()));
}

void Array::require(ElementType wanted) const {
    if (wanted != type_)
        throw ValueError(fmt::format("an array of {} was asked for its elements as {}; ask for {}, or use to_doubles()",
                                     element_name(type_), element_name(wanted), element_name(type_)));
}

std::vector<double> Array::to_doubles() const {
    return with_elements(*this, [](auto elements) {
        std::vector<double> out(elements.size());
        std::transform(elements.begin(), elements.end(), out.begin(), [](auto e) { return static_cast<double>(e); });
        return out;
    });
}

bool operator==(const Array& a, const Array& b) {
    if (a.type_ != b.type_ || a.shape_ != b.shape_) return false;
    if (a.bytes_.data() == b.bytes_.data() || a.bytes_.empty()) return true;
    if (std::memcmp(a.bytes_.data(), b.bytes_.data(), a.bytes_.size()) == 0) return true;
    if (a.type_ != ElementType::float32 && a.type_ != ElementType::float64) return false;
    return with_elements(a, [&b]<class T>(std::span<const T> left) {
        const auto right = b.as<T>();
        return std::equal(left.begin(), left.end(), right.begin(), same_number<T>);
    });
}

// ---------------------------------------------------------------------------------------------- Value

std::string_view Value::type_name(Type type) { return kTypeNames[static_cast<std::size_t>(type)]; }

double Value::number() const {
    if (const auto* integer = std::get_if<std::int64_t>(&data_)) return static_cast<double>(*integer);
    if (const auto* real = std::get_if<double>(&data_)) return *real;
    throw ValueError(fmt::format("a value is {}, where a number (int64 or float64) is needed", type_name()));
}

void Value::wrong_type(Type wanted) const {
    throw ValueError(fmt::format("a value is {}, where {} is needed", type_name(), type_name(wanted)));
}

void Value::beyond_int64(std::uint64_t v) {
    throw ValueError(fmt::format(
        "{} is beyond the largest integer a value can hold, {}; make it a double or put it into an array of uint64", v,
        std::numeric_limits<std::int64_t>::max()));
}

bool operator==(const Value& a, const Value& b) {
    if (const auto* left = std::get_if<double>(&a.data_)) {
        const auto* right = std::get_if<double>(&b.data_);
        return right != nullptr && same_number(*left, *right);
    }
    return a.data_ == b.data_;
}

const Value& at(const Document& document, std::string_view key) {
    const auto found = document.find(key);
    if (found != document.end()) return found->second;
    std::vector<std::string_view> keys;
    for (const auto& [name, value] : document) {
        if (keys.size() == 20) break;
        keys.push_back(name);
    }
    throw ValueError(fmt::format("the key \"{}\" is missing; there {}", key,
                                 keys.empty() ? "are none" : fmt::format("are: {}", fmt::join(keys, ", "))));
}

}  // namespace penstock
