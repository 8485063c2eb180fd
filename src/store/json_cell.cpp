#include "store/json_cell.hpp"

#include "store/store_error.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

namespace penstock {

namespace {

constexpr std::size_t kAlignment = 8;  // of arrays, so that readers can use them in place
constexpr std::string_view kLargeTag = "@large";

[[noreturn]] void damaged(std::string_view what) {
    throw StoreError(fmt::format("a cell of JSON {}: the file is damaged", what));
}

const Value& member(const Map& map, std::string_view key) {
    const auto found = map.find(key);
    if (found == map.end()) damaged(fmt::format("lacks \"{}\"", key));
    return found->second;
}

Value large_text(std::string_view type, std::string name) {
    return Map{{"type", Value(type)}, {"file", Value(std::move(name))}};
}

std::uint64_t byte_count(ElementType type, const std::vector<std::uint64_t>& shape) {
    std::uint64_t bytes = element_size(type);
    for (const std::uint64_t extent : shape)
        if (__builtin_mul_overflow(bytes, extent, &bytes)) damaged("has an array of an impossible size");
    return bytes;
}

Array array_of(const Map& parts, const LoadArray& load_array, const LoadLarge& load_large) {
    const ElementType type = element_type_of(member(parts, "type").string());
    std::vector<std::uint64_t> shape;
    for (const Value& extent : member(parts, "shape").list())
        shape.push_back(static_cast<std::uint64_t>(extent.int64()));
    const std::uint64_t bytes = byte_count(type, shape);
    const auto file = parts.find("file");
    const auto content = file != parts.end()
                             ? load_large(file->second.string())
                             : load_array(static_cast<std::uint64_t>(member(parts, "at").int64()), bytes);
    if (content->size() != bytes) damaged("has an array whose bytes are not all there");
    return Array(type, std::move(shape), content, content->bytes());
}

}  // namespace

bool is_large(const Value& value) {
    if (value.is(Value::Type::array)) return value.array().bytes().size() > kLargeValueBytes;
    if (value.is(Value::Type::string)) return value.string().size() > kLargeValueBytes;
    return value.is(Value::Type::bytes) && value.bytes().size() > kLargeValueBytes;
}

std::string to_cell(const Value& value, Buffer& arrays, const StoreLarge& store_large, std::uint64_t before) {
    const auto keep_array = [&](const Array& array) {
        Map parts{{"type", Value(element_name(array.type()))}};
        List shape;
        for (const std::uint64_t extent : array.shape()) shape.emplace_back(static_cast<std::int64_t>(extent));
        parts.emplace("shape", std::move(shape));
        if (store_large && array.bytes().size() > kLargeValueBytes) {
            parts.emplace("file", store_large(array.type(), array.bytes()));
        } else {
            align_arrays(arrays);
            parts.emplace("at", static_cast<std::int64_t>(before + arrays.size()));
            arrays.append(array.bytes());
        }
        return parts;
    };
    if (store_large && is_large(value) && !value.is(Value::Type::array)) {
        const bool text = value.is(Value::Type::string);
        const auto content = text ? std::as_bytes(std::span(value.string())) : std::span(value.bytes());
        return fmt::format("{{\"{}\":{}}}", kLargeTag,
                           to_json(large_text(value.type_name(), store_large(ElementType::uint8, content))));
    }
    return to_json(value, keep_array);
}

void align_arrays(Buffer& arrays) { arrays.append_zeros((kAlignment - arrays.size() % kAlignment) % kAlignment); }

// References pass through a Value as arrays of their own text, so that large values need not be loaded.
std::string moved_cell(std::string_view cell, std::uint64_t by) {
    if (cell.starts_with(fmt::format("{{\"{}\":", kLargeTag))) return std::string(cell);
    const auto reference = [](const Map& parts) {
        const std::string text = to_json(parts);
        return Array(ElementType::uint8, {text.size()}, std::as_bytes(std::span(text)));
    };
    const auto moved = [by](const Array& array) {
        const auto text = array.bytes();
        Map parts = from_json({reinterpret_cast<const char*>(text.data()), text.size()}).map();
        if (const auto at = parts.find("at"); at != parts.end())
            at->second = at->second.int64() + static_cast<std::int64_t>(by);
        return parts;
    };
    return to_json(from_json(cell, reference), moved);
}

Value from_cell(std::string_view cell, const LoadArray& load_array, const LoadLarge& load_large) {
    Value value = from_json(cell, [&](const Map& parts) { return array_of(parts, load_array, load_large); });
    if (!value.is(Value::Type::map) || value.map().size() != 1 || value.map().begin()->first != kLargeTag) return value;
    const Map& large = value.map().begin()->second.map();
    const auto content = load_large(member(large, "file").string());
    if (member(large, "type").string() == Value::type_name(Value::Type::string)) return std::string(content->text());
    return Bytes(content->bytes().begin(), content->bytes().end());
}

}  // namespace penstock
