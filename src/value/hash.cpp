#include "value/hash.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace penstock {

namespace {

static_assert(std::endian::native == std::endian::little, "array bytes are hashed as they lie in memory");

constexpr std::uint64_t kPrime = 1099511628211ull;

std::uint64_t fnv(std::uint64_t state, const unsigned char* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) state = (state ^ bytes[i]) * kPrime;
    return state;
}

// What compares equal must hash equal: one NaN, one zero.
template <class T>
T canonical(T v) {
    if (std::isnan(v)) return std::numeric_limits<T>::quiet_NaN();
    return v == 0 ? T(0) : v;
}

}  // namespace

Hasher& Hasher::add(std::uint64_t number) {
    unsigned char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    state_ = fnv(state_, bytes, sizeof number);
    return *this;
}

Hasher& Hasher::add(std::string_view text) {
    add(std::uint64_t{text.size()});
    state_ = fnv(state_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    return *this;
}

Hasher& Hasher::add(const Value& value) {
    const auto type = static_cast<unsigned char>(value.type());
    state_ = fnv(state_, &type, 1);
    switch (value.type()) {
        case Value::Type::null:
            break;
        case Value::Type::boolean:
            return add(std::uint64_t{value.boolean()});
        case Value::Type::int64:
            return add(static_cast<std::uint64_t>(value.int64()));
        case Value::Type::float64:
            return add(std::bit_cast<std::uint64_t>(canonical(value.float64())));
        case Value::Type::string:
            return add(std::string_view(value.string()));
        case Value::Type::bytes: {
            const Bytes& bytes = value.bytes();
            return add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
        }
        case Value::Type::list:
            add(std::uint64_t{value.list().size()});
            for (const Value& element : value.list()) add(element);
            break;
        case Value::Type::map:
            return add(value.map());
        case Value::Type::array:
            return add(value.array());
    }
    return *this;
}

Hasher& Hasher::add(const Document& document) {
    add(std::uint64_t{document.size()});
    for (const auto& [key, value] : document) add(std::string_view(key)).add(value);
    return *this;
}

Hasher& Hasher::add(const Array& array) {
    add(element_name(array.type())).add(std::uint64_t{array.shape().size()});
    for (const std::uint64_t extent : array.shape()) add(extent);
    with_elements(array, [this, &array]<class T>(std::span<const T> elements) {
        if constexpr (std::is_floating_point_v<T>) {
            for (T element : elements) {
                element = canonical(element);
                unsigned char bytes[sizeof element];
                std::memcpy(bytes, &element, sizeof element);
                state_ = fnv(state_, bytes, sizeof element);
            }
        } else {
            state_ = fnv(state_, reinterpret_cast<const unsigned char*>(array.bytes().data()), array.bytes().size());
        }
    });
    return *this;
}

std::uint64_t Hasher::value() const {
    std::uint64_t h = state_;
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
    return h ^ (h >> 33);
}

}  // namespace penstock
