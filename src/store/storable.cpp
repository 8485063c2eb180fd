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

// `what` is "output KEY" or "item".
std::optional<std::string> why_not(std::string_view what, const Value& value, std::uint64_t max_value_bytes) {
    if (!value.is(Type::list) && !value.is(Type::map)) {
        const std::uint64_t size = plain_size(value);
        if (size <= max_value_bytes) return std::nullopt;
        return fmt::format(
            "the {} has {} bytes, too many to be stored: a value may have {}. Split it, or write it "
            "to a file and return the path.",
            what, size, max_value_bytes);
    }
    if (depth_of(value, kMaxNesting + 1) > kMaxNesting)
        return fmt::format("the {} nests lists and maps more than {} deep, too deep to be stored. Make it flatter.",
                           what, kMaxNesting);
    const std::uint64_t limit = std::min(max_value_bytes, kMaxNestedBytes);
    if (const std::uint64_t size = memory_size(value); size > limit)
        return fmt::format(
            "the {} is a {} of some {} bytes, too many to be stored: one may have {}. Use arrays, or "
            "split it.",
            what, value.type_name(), size, limit);
    return std::nullopt;
}

}  // namespace

std::optional<std::string> why_not_storable(const Document& document, const SavePolicy& save,
                                            std::uint64_t max_value_bytes) {
    for (const auto& [key, value] : document) {
        if (value.is_number() && is_key(key)) continue;
        if (!save.saves(key)) continue;
        if (!is_key(key))
            return fmt::format(
                "the output \"{}\" cannot be stored: a key has only letters, digits, \"_\" and \"-\", at most 128 of "
                "them. Give it another name.",
                key);
        if (auto reason = why_not("output " + key, value, max_value_bytes)) return reason;
    }
    return std::nullopt;
}

std::optional<std::string> why_not_storable(const Value& item, std::uint64_t max_value_bytes) {
    if (item.is_number()) return std::nullopt;
    return why_not("item", item, max_value_bytes);
}

std::size_t size_estimate(const Document& document) {
    std::size_t total = 0;
    for (const auto& [key, value] : document)
        total +=
            64 + key.size() + (value.is(Type::list) || value.is(Type::map) ? memory_size(value) : plain_size(value));
    return total;
}

}  // namespace penstock
