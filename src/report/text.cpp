#include "report/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <stdexcept>

namespace penstock {

namespace {

// One code point from the front of `text`; length 0 when the bytes there are no UTF-8.
struct Decoded {
    char32_t code_point = 0;
    std::size_t length = 0;
};

Decoded decode_utf8(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
    char32_t code_point = first & (0xff >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code_point = code_point << 6 | (byte(i) & 0x3f);
    }
    constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
    if (code_point < kSmallest[length] || code_point > 0x10ffff || surrogate) return {};
    return {code_point, length};
}

struct CodePoints {
    char32_t first, last;
};

bool within(char32_t code_point, std::initializer_list<CodePoints> ranges) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [=](CodePoints r) { return code_point >= r.first && code_point <= r.last; });
}

// Columns of one code point. The C library's wcwidth depends on the locale of the process, which is not ours to set.
std::size_t columns_of(char32_t code_point) {
    // Combining marks, joiners, variation selectors, directional marks.
    if (within(code_point, {{0x300, 0x36f}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2069}, {0xfe00, 0xfe0f}})) {
        return 0;
    }
    // Hangul, CJK, full-width forms, emoji.
    if (within(code_point, {{0x1100, 0x115f},
                            {0x2e80, 0xa4cf},
                            {0xac00, 0xd7a3},
                            {0xf900, 0xfaff},
                            {0xfe30, 0xfe6f},
                            {0xff00, 0xff60},
                            {0xffe0, 0xffe6},
                            {0x1f300, 0x1f64f},
                            {0x1f900, 0x1f9ff},
                            {0x20000, 0x3fffd}})) {
        return 2;
    }
    return 1;
}

// Control characters of ASCII and Latin-1, and those that change the direction of what follows.
bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || within(c, {{0x202a, 0x202e}, {0x2066, 0x2069}, {0x2028, 0x2029}});
}

std::string made_printable(std::string_view text, bool keep_lines) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const Decoded next = decode_utf8(text);
        const std::size_t length = std::max<std::size_t>(next.length, 1);
        const bool kept = keep_lines && (next.code_point == '\n' || next.code_point == '\t');
        if (next.length > 0 && (kept || !is_control(next.code_point))) {
            out += text.substr(0, length);
        } else if (next.code_point == '\n') {
            out += "\\n";
        } else if (next.code_point == '\t') {
            out += "\\t";
        } else if (next.code_point == '\r') {
            out += "\\r";
        } else {
            for (const char c : text.substr(0, length)) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
        text.remove_prefix(length);
    }
    return out;
}

// As many digits as matter: 0.32, 3.2, 32.1, 321.
std::string short_number(double value) {
    if (value < 9.995) return fmt::format("{:.2g}", value);
    if (value < 99.95) return fmt::format("{:.1f}", value);
    return fmt::format("{:.0f}", value);
}

}  // namespace

std::string count_text(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
    return digits;
}

std::string counted(std::uint64_t count, std::string_view singular) {
    return count_text(count) + " " + std::string(singular) + (count == 1 ? "" : "s");
}

std::string duration_text(double seconds) {
    if (!std::isfinite(seconds)) return "?";
    if (seconds <= 0) return "0 s";
    if (seconds < 0.9995e-6) return short_number(seconds * 1e9) + " ns";
    if (seconds < 0.9995e-3) return short_number(seconds * 1e6) + " µs";
    if (seconds < 0.9995) return short_number(seconds * 1e3) + " ms";
    if (seconds < 59.95) return short_number(seconds) + " s";
    const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    const std::uint64_t minutes = (whole + 30) / 60;
    if (minutes < 24 * 60) return fmt::format("{} h {} min", minutes / 60, minutes % 60);
    const std::uint64_t hours = (minutes + 30) / 60;
    return fmt::format("{} d {} h", count_text(hours / 24), hours % 24);
}

std::string rate_text(double per_second) {
    if (!std::isfinite(per_second) || per_second <= 0) return "0";
    if (per_second < 0.01) return "<0.01";
    if (per_second < 99.95) return short_number(per_second);
    return count_text(static_cast<std::uint64_t>(std::llround(std::min(per_second, 1e18))));
}

std::string bytes_text(std::uint64_t bytes) {
    if (bytes < 1024) return bytes == 1 ? "1 byte" : fmt::format("{} bytes", bytes);
    constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    double amount = static_cast<double>(bytes) / 1024;
    std::size_t unit = 0;
    while (amount >= 1023.5 && unit + 1 < kUnits.size()) {
        amount /= 1024;
        ++unit;
    }
    return fmt::format("{} {}", amount < 9.95 ? fmt::format("{:.2g}", amount) : fmt::format("{:.0f}", amount),
                       kUnits[unit]);
}

std::string date_text(double unix_seconds) {
    if (!(unix_seconds > 0) || unix_seconds > 2.5e11) return "";
    const auto seconds = static_cast<std::time_t>(unix_seconds);
    std::tm parts{};
    localtime_r(&seconds, &parts);
    std::array<char, 32> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
    return std::string(text.data(), length);
}

std::string printable(std::string_view text) { return made_printable(text, false); }
std::string printable_lines(std::string_view text) { return made_printable(text, true); }

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const Decoded next = decode_utf8(text);
        width += next.length == 0 ? 1 : columns_of(next.code_point);
        text.remove_prefix(std::max<std::size_t>(next.length, 1));
    }
    return width;
}

std::string shortened(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    const std::size_t room = width > 3 ? width - 3 : 0;
    std::size_t used = 0;
    std::size_t end = 0;
    while (end < text.size()) {
        const Decoded next = decode_utf8(text.substr(end));
        const std::size_t columns = next.length == 0 ? 1 : columns_of(next.code_point);
        if (used + columns > room) break;
        used += columns;
        end += std::max<std::size_t>(next.length, 1);
    }
    return std::string(text.substr(0, end)) + std::string(std::min<std::size_t>(width, 3), '.');
}

void TextTable::add(std::vector<std::string> cells) {
    if (cells.size() != columns_.size()) throw std::logic_error("a row with another number of cells than its table");
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = shortened(cells[i], columns_[i].max_width);
    rows_.push_back(std::move(cells));
}

std::string TextTable::render(std::string_view indent, bool with_heading) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        widths.push_back(with_heading ? display_width(columns_[i].heading) : 0);
        for (const auto& row : rows_) widths[i] = std::max(widths[i], display_width(row[i]));
    }
    std::string out;
    const auto add_line = [&](const auto& cell) {
        std::string line(indent);
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            const std::string& text = cell(i);
            const std::string padding(widths[i] - display_width(text), ' ');
            if (i > 0) line += "  ";
            line += columns_[i].align == Align::right ? padding + text : text + padding;
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + "\n";
    };
    if (with_heading) add_line([&](std::size_t i) -> const std::string& { return columns_[i].heading; });
    for (const auto& row : rows_) add_line([&](std::size_t i) -> const std::string& { return row[i]; });
    return out;
}

}  // namespace penstock
