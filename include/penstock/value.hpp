// Values: what jobs receive, return and pass to one another.
//
// A Value is one of: null, bool, int64, float64, UTF-8 string, bytes, list, map, or an N-dimensional array of a
// numeric type. A Document is a map from key to Value.
//
// Ownership: everything is held by value; copies of an Array share one immutable buffer, so that copying a Value that
// holds a large array is cheap. Threads: distinct Values may be used from distinct threads, even if they share an Array
// buffer. Errors: asking a Value for a type it does not hold throws ValueError, which names both types; so does making
// one from an unsigned integer beyond int64. A string is meant to be UTF-8 but is not checked here: to_json() says what
// becomes of other bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace penstock {

class Value;

// A Value was asked for a type it does not hold, or an Array for a shape that does not match its elements.
class ValueError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// The element types of an Array. Layout in memory: native endianness, row-major (C order).
enum class ElementType : std::uint8_t {
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
    float32,
    float64,
};

// Bytes of one element.
std::size_t element_size(ElementType type);
// "int32", "float64", ...: NumPy's names.
std::string_view element_name(ElementType type);
// The inverse of element_name; throws ValueError for a name that is none.
ElementType element_type_of(std::string_view name);

template <class T>
constexpr ElementType element_type() {
    if constexpr (std::is_same_v<T, std::int8_t>)
        return ElementType::int8;
    else if constexpr (std::is_same_v<T, std::int16_t>)
        return ElementType::int16;
    else if constexpr (std::is_same_v<T, std::int32_t>)
        return ElementType::int32;
    else if constexpr (std::is_same_v<T, std::int64_t>)
        return ElementType::int64;
    else if constexpr (std::is_same_v<T, std::uint8_t>)
        return ElementType::uint8;
    else if constexpr (std::is_same_v<T, std::uint16_t>)
        return ElementType::uint16;
    else if constexpr (std::is_same_v<T, std::uint32_t>)
        return ElementType::uint32;
    else if constexpr (std::is_same_v<T, std::uint64_t>)
        return ElementType::uint64;
    else if constexpr (std::is_same_v<T, float>)
        return ElementType::float32;
    else if constexpr (std::is_same_v<T, double>)
        return ElementType::float64;
    else
        static_assert(!sizeof(T), "penstock::Array holds int8..int64, uint8..uint64, float and double");
}

// Lists and maps may nest this deep, the outermost counted; what is deeper cannot be sent, stored or read.
inline constexpr int kMaxNesting = 200;
// Dimensions of an Array: HDF5 has 32, and one of them is for the rows of a column.
inline constexpr std::size_t kMaxRank = 31;

// An immutable N-dimensional array. Shape {} is a zero-dimensional array of one element; any extent may be 0.
// The constructors throw ValueError when shape and bytes do not agree.
class Array {
public:
    // Copies `bytes`, which must be exactly product(shape) * element_size(type) long.
    Array(ElementType type, std::vector<std::uint64_t> shape, std::span<const std::byte> bytes);
    // Shares a buffer someone else keeps: no copy, unless `bytes` is not aligned for the element type. `owner` keeps
    // `bytes` alive.
    Array(ElementType type, std::vector<std::uint64_t> shape, std::shared_ptr<const void> owner,
          std::span<const std::byte> bytes);

    template <class T>
    static Array of(std::vector<std::uint64_t> shape, std::span<const T> elements) {
        return Array(element_type<T>(), std::move(shape), std::as_bytes(elements));
    }
    template <class T>
    static Array of(const std::vector<T>& elements) {  // one-dimensional
        return of<T>({elements.size()}, std::span<const T>(elements));
    }
    // Keeps the vector itself: no copy.
    template <class T>
    static Array of(std::vector<std::uint64_t> shape, std::vector<T>&& elements) {
        auto owner = std::make_shared<const std::vector<T>>(std::move(elements));
        const auto bytes = std::as_bytes(std::span(*owner));
        return Array(element_type<T>(), std::move(shape), std::move(owner), bytes);
    }
    template <class T>
    static Array of(std::vector<T>&& elements) {
        const std::uint64_t size = elements.size();
        return of({size}, std::move(elements));
    }

    ElementType type() const { return type_; }
    const std::vector<std::uint64_t>& shape() const { return shape_; }
    std::uint64_t size() const { return bytes_.size() / element_size(type_); }  // elements
    std::span<const std::byte> bytes() const { return bytes_; }

    // The elements as a flat row-major span; throws ValueError when T is not the element type.
    template <class T>
    std::span<const T> as() const {
        require(element_type<T>());
        return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
    }
    // Every element converted to double, whatever the type.
    std::vector<double> to_doubles() const;

    friend bool operator==(const Array& a, const Array& b);

private:
    void require(ElementType wanted) const;
    void check_size() const;

    ElementType type_;
    std::vector<std::uint64_t> shape_;
    std::shared_ptr<const void> owner_;
    std::span<const std::byte> bytes_;
};

// Calls `f` with the array's elements as a flat span of their own type.
template <class F>
decltype(auto) with_elements(const Array& array, F&& f) {
    switch (array.type()) {
        case ElementType::int8:
            return f(array.as<std::int8_t>());
        case ElementType::int16:
            return f(array.as<std::int16_t>());
        case ElementType::int32:
            return f(array.as<std::int32_t>());
        case ElementType::int64:
            return f(array.as<std::int64_t>());
        case ElementType::uint8:
            return f(array.as<std::uint8_t>());
        case ElementType::uint16:
            return f(array.as<std::uint16_t>());
        case ElementType::uint32:
            return f(array.as<std::uint32_t>());
        case ElementType::uint64:
            return f(array.as<std::uint64_t>());
        case ElementType::float32:
            return f(array.as<float>());
        case ElementType::float64:
            break;
    }
    return f(array.as<double>());
}

struct Null {
    friend bool operator==(Null, Null) { return true; }
};
using Bytes = std::vector<std::byte>;
using List = std::vector<Value>;
using Map = std::map<std::string, Value, std::less<>>;

class Value {
public:
    // In the order of the variant's alternatives.
    enum class Type : std::uint8_t { null, boolean, int64, float64, string, bytes, list, map, array };
    using Variant = std::variant<Null, bool, std::int64_t, double, std::string, Bytes, List, Map, Array>;

    Value() = default;
    Value(Null) {}
    Value(std::nullptr_t) {}
    Value(bool v) : data_(v) {}
    template <class T>
    requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) Value(T v) : data_(static_cast<std::int64_t>(v)) {
        if constexpr (std::is_unsigned_v<T> && sizeof(T) == sizeof(std::int64_t))
            if (v > static_cast<T>(std::numeric_limits<std::int64_t>::max())) beyond_int64(v);
    }
    Value(double v) : data_(v) {}
    Value(float v) : data_(static_cast<double>(v)) {}
    Value(std::string v) : data_(std::move(v)) {}
    Value(std::string_view v) : data_(std::string(v)) {}
    Value(const char* v) : data_(std::string(v)) {}
    Value(Bytes v) : data_(std::move(v)) {}
    Value(List v) : data_(std::move(v)) {}
    Value(Map v) : data_(std::move(v)) {}
    Value(Array v) : data_(std::move(v)) {}
    template <class T>
    requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) Value(const std::vector<T>& elements)
        : data_(Array::of(elements)) {}
    template <class T>
    requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) Value(std::vector<T>&& elements)
        : data_(Array::of(std::move(elements))) {}

    Type type() const { return static_cast<Type>(data_.index()); }
    std::string_view type_name() const { return type_name(type()); }
    static std::string_view type_name(Type type);
    bool is(Type t) const { return type() == t; }
    bool is_null() const { return is(Type::null); }
    bool is_number() const { return is(Type::int64) || is(Type::float64); }

    // Each throws ValueError when the Value holds another type.
    bool boolean() const { return get<bool>(Type::boolean); }
    std::int64_t int64() const { return get<std::int64_t>(Type::int64); }
    double float64() const { return get<double>(Type::float64); }
    double number() const;  // int64 or float64, as a double
    const std::string& string() const { return get<std::string>(Type::string); }
    const Bytes& bytes() const { return get<Bytes>(Type::bytes); }
    const List& list() const { return get<List>(Type::list); }
    const Map& map() const { return get<Map>(Type::map); }
    const Array& array() const { return get<Array>(Type::array); }
    List& list() { return const_cast<List&>(std::as_const(*this).list()); }
    Map& map() { return const_cast<Map&>(std::as_const(*this).map()); }

    const Variant& variant() const { return data_; }

    // Same type and same content. NaN equals NaN (two stored results are the same result), 0.0 equals -0.0; 1 and 1.0
    // differ. The same rule holds for the elements of arrays.
    friend bool operator==(const Value& a, const Value& b);

private:
    template <class T>
    const T& get(Type wanted) const {
        if (const T* held = std::get_if<T>(&data_)) return *held;
        wrong_type(wanted);
    }
    [[noreturn]] void wrong_type(Type wanted) const;
    [[noreturn]] static void beyond_int64(std::uint64_t v);

    Variant data_;
};

using Document = Map;

// The member of a Document, or ValueError naming the missing key.
const Value& at(const Document& document, std::string_view key);

}  // namespace penstock
