// The error of an item of a stream as text, and back: in records and messages it is one text, a driver function gets
// its parts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

// "item 17: cause"
std::string item_error(std::uint64_t item, std::string_view cause);

struct ItemError {
    std::optional<std::uint64_t> item;  // nothing when it was no item's error
    std::string cause;
};
ItemError parts_of_item_error(std::string_view text);

}  // namespace penstock
