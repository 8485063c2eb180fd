// The types of plain scalars: the core schema of YAML 1.2 (so `yes` and `1:30` are text, `0x1f` and `0o17` are
// numbers).
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

namespace penstock {

struct PlainNull {};
struct PlainText {};
using PlainScalar = std::variant<PlainText, PlainNull, bool, std::int64_t, double>;

// A whole number that does not fit int64 becomes a double.
PlainScalar plain_scalar(std::string_view text);

}  // namespace penstock
