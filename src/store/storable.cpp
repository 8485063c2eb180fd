#include "store/storable.hpp"

#include "store/schema.hpp"
#include "value/value_codec.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace penstock {

namespace {

using Type = Value::Type;

// How deep lists and maps nest, looking no further than `limit`.
int depth_of(const Value& value, int limit) {
    int deepest = 0;
    if (limit == 0) return 0;
    if (value.is(Type::list)) {
        for (const Value& element : value.list()) deepest = std::max(deepest, depth_of(element, limit - 1));
        return deepest + 1;
    }
    if (value.is(Type::map)) {
        for (const auto& [key, member] : value.map()) deepest = std::max(deepest, depth_of(member, limit - 1));
        return deepest + 1;
    }
    return 0;
}

std::uint64_t plain_size(const Value& value) {
    switch (value.type()) {
        case Type::array:
            return value.array().bytes().size();
        case Type::string:
            return value.string().size();
        case Type::bytes:
            return value.bytes().size();
        default:
            return sizeof(Value);
    }
}

std::optional<std::string> why_not(const std::string& key, const Value& value, std::uint64_t max_value_bytes) {
    if (!is_key(key))
        return fmt::format(
            "the output \"{}\" cannot be stored: a key has only letters, digits, \"_\" and \"-\", at most 128 of "
            "them. Give it another name.",
            key);
    if (!value.is(Type::list) && !value.is(Type::map)) {
        const std::uint64_t size = plain_size(value);
        if (size <= max_value_bytes) return std::nullopt;
        return fmt::format(
            "the output {} has {} bytes, too many to be stored: a value may have {}. Split it, or write it "
            "to a file and return the path.",
            key, size, max_value_bytes);
    }
    if (depth_of(value, kMaxNesting + 1) > kMaxNesting)
        return fmt::format(
            "the output {} nests lists and maps more than {} deep, too deep to be stored. Make it flatter.", key,
            kMaxNesting);
    const std::uint64_t limit = std::min(max_value_bytes, kMaxNestedBytes);
    if (const std::uint64_t size = memory_size(value); size > limit)
        return fmt::format(
            "the output {} is a {} of some {} bytes, too many to be stored: one may have {}. Use arrays, or "
            "split it.",
            key, value.type_name(), size, limit);
    return std::nullopt;
}

}  // namespace

std::optional<std::string> why_not_storable(const Document& document, const SavePolicy& save,
                                            std::uint64_t max_value_bytes) {
    for (const auto& [key, value] : document) {
        if (value.is_number() && is_key(key)) continue;
        if (!save.saves(key)) continue;
        if (auto reason = why_not(key, value, max_value_bytes)) return reason;
    }
    return std::nullopt;
}

std::size_t size_estimate(const Document& document) {
    std::size_t total = 0;
    for (const auto& [key, value] : document)
        total +=
            64 + key.size() + (value.is(Type::list) || value.is(Type::map) ? memory_size(value) : plain_size(value));
    return total;
}

}  // namespace penstock
