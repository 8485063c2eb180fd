#include "value/quantity.hpp"

#include <charconv>
#include <cmath>
#include <span>

namespace penstock {

namespace {

struct Unit {
    std::string_view name;
    double factor;
};

constexpr Unit kTimes[] = {{"", 1},  {"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},
                           {"s", 1}, {"min", 60},  {"h", 3600},  {"d", 86400}};
constexpr double kKi = 1024;
constexpr Unit kSizes[] = {{"", 1},
                           {"B", 1},
                           {"kB", 1e3},
                           {"MB", 1e6},
                           {"GB", 1e9},
                           {"TB", 1e12},
                           {"KiB", kKi},
                           {"MiB", kKi* kKi},
                           {"GiB", kKi* kKi* kKi},
                           {"TiB", kKi* kKi* kKi* kKi}};

constexpr double kLongest = 100 * 365.25 * 86400;

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

std::optional<double> amount(std::string_view text, std::span<const Unit> units) {
    text = trimmed(text);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
    const std::string_view unit = trimmed({end, static_cast<std::size_t>(text.data() + text.size() - end)});
    for (const Unit& known : units)
        if (known.name == unit) return number * known.factor;
    return std::nullopt;
}

}  // namespace

std::optional<double> parse_duration_s(std::string_view text) {
    const auto seconds = amount(text, kTimes);
    return seconds && *seconds <= kLongest ? seconds : std::nullopt;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
    const auto bytes = amount(text, kSizes);
    if (!bytes || *bytes >= 0x1p63) return std::nullopt;
    return static_cast<std::uint64_t>(*bytes);
}

}  // namespace penstock
