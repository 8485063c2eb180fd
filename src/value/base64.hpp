// Bytes as text: RFC 4648, section 4 (with padding).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

std::string to_base64(std::span<const std::byte> bytes);
// Nothing when `text` is not base64: no white space, padding required.
std::optional<std::vector<std::byte>> from_base64(std::string_view text);

}  // namespace penstock
