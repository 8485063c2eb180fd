// UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing beyond U+10FFFF.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

bool is_utf8(std::string_view text);
// Each byte that belongs to no character replaced by U+FFFD.
std::string to_utf8(std::string_view text);

}  // namespace penstock
