// What cannot be stored, said before anything is.
#pragma once

#include "core/plan.hpp"

#include <penstock/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace penstock {

// The largest array, string or bytes value. Lists and maps: their text, which is one cell.
inline constexpr std::uint64_t kMaxValueBytes = std::uint64_t{16} << 30;
inline constexpr std::uint64_t kMaxNestedBytes = std::uint64_t{1} << 30;

// Why `document` cannot be stored, naming the key and the remedy; nothing when it can. `max_value_bytes` may be lower
// than kMaxValueBytes.
std::optional<std::string> why_not_storable(const Document& document, const SavePolicy& save,
                                            std::uint64_t max_value_bytes);

// The same of an item of a stream.
std::optional<std::string> why_not_storable(const Value& item, std::uint64_t max_value_bytes);

// Roughly the bytes a document's values take; arrays in full.
std::size_t size_estimate(const Document& document);

}  // namespace penstock
