// What is kept of an exception of user code.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock {

inline constexpr std::size_t kMaxErrorBytes = 16 * 1024;

// Error text as it may be kept: valid UTF-8, at most kMaxErrorBytes, cut with a note when too long.
std::string bounded_error(std::string_view text);

// Within a catch block: what() of the exception, or its type when it says nothing.
std::string current_error();

}  // namespace penstock
