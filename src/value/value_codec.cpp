#include "value/value_codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

constexpr std::uint8_t kLongLength = 0xff;
constexpr std::size_t kLargeArray = 4096;

std::size_t padding(std::size_t position, std::size_t array_bytes) {
    const std::size_t alignment = array_bytes >= kLargeArray ? 64 : 8;
    return (alignment - position % alignment) % alignment;
}

[[noreturn]] void too_deep() {
    throw ValueError(
        fmt::format("a value nests lists and maps more than {} deep, which cannot be sent or stored; make it flatter",
                    kMaxNesting));
}

// ---------------------------------------------------------------------------------------------- writing

// Walks a value and tells `Sink` the bytes: one walk for writing, the same walk for counting.
template <class Sink>
class Encoder {
public:
    explicit Encoder(Sink& sink) : sink_(sink) {}

    void document(const Document& document) { members(document, 0); }

    void value(const Value& v, int depth) {
        byte(static_cast<std::uint8_t>(v.type()));
        switch (v.type()) {
            case Value::Type::null:
                break;
            case Value::Type::boolean:
                byte(v.boolean());
                break;
            case Value::Type::int64:
                fixed(v.int64());
                break;
            case Value::Type::float64:
                fixed(v.float64());
                break;
            case Value::Type::string:
                text(v.string());
                break;
            case Value::Type::bytes:
                length(v.bytes().size());
                sink_.put(v.bytes().data(), v.bytes().size());
                break;
            case Value::Type::list:
                if (depth == kMaxNesting) too_deep();
                length(v.list().size());
                for (const Value& element : v.list()) value(element, depth + 1);
                break;
            case Value::Type::map:
                if (depth == kMaxNesting) too_deep();
                members(v.map(), depth + 1);
                break;
            case Value::Type::array:
                array(v.array());
                break;
        }
    }

private:
    void members(const Map& map, int depth) {
        length(map.size());
        for (const auto& [key, v] : map) {
            text(key);
            value(v, depth);
        }
    }

    void array(const Array& a) {
        byte(static_cast<std::uint8_t>(a.type()));
        byte(static_cast<std::uint8_t>(a.shape().size()));  // at most kMaxRank
        for (const std::uint64_t extent : a.shape()) fixed(extent);
        const auto pad = static_cast<std::uint8_t>(padding(sink_.position() + 1, a.bytes().size()));
        byte(pad);
        sink_.zeros(pad);
        sink_.put(a.bytes().data(), a.bytes().size());
    }

    void text(const std::string& s) {
        length(s.size());
        sink_.put(reinterpret_cast<const std::byte*>(s.data()), s.size());
    }

    void length(std::size_t n) {
        if (n < kLongLength) return byte(static_cast<std::uint8_t>(n));
        byte(kLongLength);
        fixed(std::uint64_t{n});
    }

    void byte(std::uint8_t b) { fixed(b); }

    template <class T>
    void fixed(T v) {
        sink_.put(reinterpret_cast<const std::byte*>(&v), sizeof v);
    }

    Sink& sink_;
};

class Counter {
public:
    void put(const std::byte*, std::size_t n) { position_ += n; }
    void zeros(std::size_t n) { position_ += n; }
    std::size_t position() const { return position_; }

private:
    std::size_t position_ = 0;
};

// Writes into space that was counted before.
class Filler {
public:
    explicit Filler(std::byte* to) : start_(to), to_(to) {}
    void put(const std::byte* from, std::size_t n) {
        if (n > 0) std::memcpy(to_, from, n);
        to_ += n;
    }
    void zeros(std::size_t n) {
        std::memset(to_, 0, n);
        to_ += n;
    }
    std::size_t position() const { return static_cast<std::size_t>(to_ - start_); }

private:
    std::byte* start_;
    std::byte* to_;
};

// Gathers small pieces and passes large ones on as they are.
class PieceWriter {
public:
    explicit PieceWriter(const WritePiece& write) : write_(write) { gathered_.reserve(kGathered); }
    void put(const std::byte* from, std::size_t n) {
        position_ += n;
        if (gathered_.size() + n > kGathered) flush();
        if (n > kGathered) return write_({from, n});
        gathered_.insert(gathered_.end(), from, from + n);
    }
    void zeros(std::size_t n) {
        for (; n > 0; --n) put(&kZero, 1);
    }
    void flush() {
        if (!gathered_.empty()) write_(gathered_);
        gathered_.clear();
    }
    std::size_t position() const { return position_; }

private:
    static constexpr std::size_t kGathered = 64 * 1024;
    static constexpr std::byte kZero{};

    const WritePiece& write_;
    std::vector<std::byte> gathered_;
    std::size_t position_ = 0;
};

template <class Walk>
void append(std::size_t size, std::vector<std::byte>& out, Walk&& walk) {
    const std::size_t before = out.size();
    out.resize(before + size);
    Filler filler(out.data() + before);
    Encoder encoder(filler);
    walk(encoder);
}

// ---------------------------------------------------------------------------------------------- reading

class Decoder {
public:
    Decoder(std::span<const std::byte> in, const std::shared_ptr<const void>& owner) : in_(in), owner_(owner) {}

    std::span<const std::byte> rest() const { return in_; }

    Value value(int depth) {
        const auto type = fixed<std::uint8_t>();
        if (type >= std::variant_size_v<Value::Variant>) malformed("an unknown type");
        switch (static_cast<Value::Type>(type)) {
            case Value::Type::null:
                return {};
            case Value::Type::boolean:
                return boolean();
            case Value::Type::int64:
                return fixed<std::int64_t>();
            case Value::Type::float64:
                return fixed<double>();
            case Value::Type::string:
                return text();
            case Value::Type::bytes:
                return bytes();
            case Value::Type::list:
                return list(depth);
            case Value::Type::map:
                if (depth == kMaxNesting) malformed("too deep a nesting");
                return members(depth + 1);
            case Value::Type::array:
                break;
        }
        return array();
    }

    Map members(int depth) {
        Map map;
        for (std::size_t left = length(); left > 0; --left) {
            std::string key = text();
            if (!map.empty() && key <= map.rbegin()->first) malformed("keys out of order");
            Value v = value(depth);
            map.emplace_hint(map.end(), std::move(key), std::move(v));
        }
        return map;
    }

private:
    [[noreturn]] static void malformed(const char* what) {
        throw ValueError(fmt::format("the bytes of a value are damaged: {}", what));
    }

    std::span<const std::byte> take(std::size_t n) {
        if (n > in_.size()) malformed("they end too early");
        const auto taken = in_.first(n);
        in_ = in_.subspan(n);
        return taken;
    }

    template <class T>
    T fixed() {
        T v;
        std::memcpy(&v, take(sizeof v).data(), sizeof v);
        return v;
    }

    // Never more than the bytes that are left: what follows a length is at least that many bytes.
    std::size_t length() {
        std::uint64_t n = fixed<std::uint8_t>();
        if (n == kLongLength) n = fixed<std::uint64_t>();
        if (n > in_.size()) malformed("a length beyond their end");
        return n;
    }

    bool boolean() {
        const auto b = fixed<std::uint8_t>();
        if (b > 1) malformed("a bool that is neither true nor false");
        return b == 1;
    }

    std::string text() {
        const auto taken = take(length());
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }

    Bytes bytes() {
        const auto taken = take(length());
        return {taken.begin(), taken.end()};
    }

    List list(int depth) {
        if (depth == kMaxNesting) malformed("too deep a nesting");
        const std::size_t count = length();
        List list;
        list.reserve(std::min<std::size_t>(count, 1024));  // a damaged count must not reserve gigabytes
        for (std::size_t i = 0; i < count; ++i) list.push_back(value(depth + 1));
        return list;
    }

    Value array() {
        const auto type = fixed<std::uint8_t>();
        if (type > static_cast<std::uint8_t>(ElementType::float64)) malformed("an unknown element type");
        const auto rank = fixed<std::uint8_t>();
        if (rank > kMaxRank) malformed("an array of too many dimensions");
        std::vector<std::uint64_t> shape(rank);
        for (std::uint64_t& extent : shape) extent = fixed<std::uint64_t>();
        take(fixed<std::uint8_t>());  // padding
        const auto element = static_cast<ElementType>(type);
        const auto data = take(array_bytes(element, shape));
        if (owner_ != nullptr) return Array(element, std::move(shape), owner_, data);
        return Array(element, std::move(shape), data);
    }

    std::size_t array_bytes(ElementType type, const std::vector<std::uint64_t>& shape) const {
        if (std::find(shape.begin(), shape.end(), 0u) != shape.end()) return 0;
        std::uint64_t bytes = element_size(type);
        for (const std::uint64_t extent : shape)
            if (__builtin_mul_overflow(bytes, extent, &bytes)) malformed("an impossible shape");
        return bytes;
    }

    std::span<const std::byte> in_;
    const std::shared_ptr<const void>& owner_;
};

// What std::string and std::map put on the heap beside the object itself.
constexpr std::size_t kInlineString = 15;
constexpr std::size_t kMapNode = 4 * sizeof(void*);

std::size_t heap_size(const std::string& s) { return s.capacity() > kInlineString ? s.capacity() + 1 : 0; }

std::size_t heap_size(const Map& map);

std::size_t heap_size(const Value& value) {
    switch (value.type()) {
        case Value::Type::null:
        case Value::Type::boolean:
        case Value::Type::int64:
        case Value::Type::float64:
            return 0;
        case Value::Type::string:
            return heap_size(value.string());
        case Value::Type::bytes:
            return value.bytes().capacity();
        case Value::Type::map:
            return heap_size(value.map());
        case Value::Type::array:
            return value.array().bytes().size() + value.array().shape().size() * sizeof(std::uint64_t);
        case Value::Type::list:
            break;
    }
    std::size_t size = value.list().capacity() * sizeof(Value);
    for (const Value& element : value.list()) size += heap_size(element);
    return size;
}

std::size_t heap_size(const Map& map) {
    std::size_t size = map.size() * (kMapNode + sizeof(Map::value_type));
    for (const auto& [key, value] : map) size += heap_size(key) + heap_size(value);
    return size;
}

}  // namespace

std::size_t encoded_size(const Document& document) {
    Counter counter;
    Encoder(counter).document(document);
    return counter.position();
}

std::size_t encoded_size(const Value& value) {
    Counter counter;
    Encoder(counter).value(value, 0);
    return counter.position();
}

void encode(const Document& document, std::vector<std::byte>& out) {
    append(encoded_size(document), out, [&](auto& encoder) { encoder.document(document); });
}

void encode(const Value& value, std::vector<std::byte>& out) {
    append(encoded_size(value), out, [&](auto& encoder) { encoder.value(value, 0); });
}

void encode(const Value& value, BytesWriter& out) {
    const std::size_t size = encoded_size(value);
    Filler filler(out.extend(size));
    Encoder(filler).value(value, 0);
}

void encode(const Document& document, const WritePiece& write) {
    PieceWriter writer(write);
    Encoder(writer).document(document);
    writer.flush();
}

std::size_t memory_size(const Value& value) { return sizeof(Value) + heap_size(value); }

std::size_t memory_size(const Document& document) { return sizeof(Document) + heap_size(document); }

Document decode_document(std::span<const std::byte>& in, const std::shared_ptr<const void>& owner) {
    Decoder decoder(in, owner);
    Document document = decoder.members(0);
    in = decoder.rest();
    return document;
}

Value decode_value(std::span<const std::byte>& in, const std::shared_ptr<const void>& owner) {
    Decoder decoder(in, owner);
    Value value = decoder.value(0);
    in = decoder.rest();
    return value;
}

}  // namespace penstock
