// The text of a JSON column's cell: tagged JSON (value/value_json.hpp) with its arrays kept elsewhere.
//
// In a cell {"@array": {"type": "float64", "shape": [2, 3], "at": 128}} stands for the array whose bytes start at byte
// 128 of the column's `@arrays`, and "file": NAME in the place of "at" for one in a file of its own. A large string or
// bytes value as a whole is {"@large": {"type": "string", "file": NAME}}. User's maps cannot be taken for either:
// tagged JSON marks a key that starts with "@".
#pragma once

#include "store/buffer.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace penstock {

// A value (or an array within one) of more bytes than this has a file of its own until collection.
inline constexpr std::size_t kLargeValueBytes = std::size_t{4} << 20;

// Keeps the bytes of a large value; returns the name to find them by.
using StoreLarge = std::function<std::string(ElementType element, std::span<const std::byte> bytes)>;
// The bytes stored under a name.
using LoadLarge = std::function<std::shared_ptr<const Buffer>(const std::string& name)>;
// `size` bytes of `@arrays` from `at` on.
using LoadArray = std::function<std::shared_ptr<const Buffer>(std::uint64_t at, std::uint64_t size)>;

// True when the value as a whole is to be in a file of its own.
bool is_large(const Value& value);

// `arrays` receives the arrays within; `before` bytes (a multiple of 8) of `@arrays` are elsewhere already. A null
// `store_large` keeps everything in place.
std::string to_cell(const Value& value, Buffer& arrays, const StoreLarge& store_large, std::uint64_t before = 0);
// The same cell for a column in whose `@arrays` its arrays stand `by` bytes further on.
std::string moved_cell(std::string_view cell, std::uint64_t by);
// Where the next array may stand.
void align_arrays(Buffer& arrays);
Value from_cell(std::string_view cell, const LoadArray& load_array, const LoadLarge& load_large);

}  // namespace penstock
