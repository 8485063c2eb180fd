// Amounts as people write them: "10 min", "500 MiB".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock {

// Seconds. A number and one of ns, us, ms, s, min, h, d, with or without a space; a number alone is seconds. Nothing
// for any other text, for what is negative, and for more than 100 years.
std::optional<double> parse_duration_s(std::string_view text);
inline constexpr std::string_view kDurationForm =
    R"(a number of seconds, or a number with ns, us, ms, s, min, h or d, like "10 min")";

// Bytes. A number and one of B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB (powers of 1024); a number alone is
// bytes. A fraction of a byte is dropped. Nothing for any other text, for what is negative, and from 2^63 on.
std::optional<std::uint64_t> parse_bytes(std::string_view text);
inline constexpr std::string_view kBytesForm =
    R"(a number of bytes, or a number with kB, MB, GB, TB, KiB, MiB, GiB or TiB, like "500 MiB")";

}  // namespace penstock
