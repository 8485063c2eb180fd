#include "language/scalar.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace penstock {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t digits_at(std::string_view text, std::size_t at) {
    std::size_t end = at;
    while (end < text.size() && is_digit(text[end])) ++end;
    return end - at;
}

template <class Number>
std::optional<Number> parse_whole(std::string_view text, int base) {
    Number number{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// [-+]? ( \. digits | digits ( \. digits? )? ) ( [eE] [-+]? digits )?
bool is_decimal(std::string_view text) {
    std::size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
    const std::size_t whole = digits_at(text, at);
    at += whole;
    std::size_t fraction = 0;
    if (at < text.size() && text[at] == '.') {
        fraction = digits_at(text, ++at);
        at += fraction;
    }
    if (whole + fraction == 0) return false;
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
        const std::size_t exponent = digits_at(text, at);
        if (exponent == 0) return false;
        at += exponent;
    }
    return at == text.size();
}

double parse_decimal(std::string_view text) {
    if (text[0] == '+') text.remove_prefix(1);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc::result_out_of_range) return number;
    const bool tiny = text.find("e-") != std::string_view::npos || text.find("E-") != std::string_view::npos;
    const double magnitude = tiny ? 0.0 : std::numeric_limits<double>::infinity();
    return text[0] == '-' ? -magnitude : magnitude;
}

PlainScalar parse_number(std::string_view text) {
    const std::string_view unsigned_text = text[0] == '-' || text[0] == '+' ? text.substr(1) : text;
    if (digits_at(unsigned_text, 0) == unsigned_text.size() && !unsigned_text.empty()) {
        if (const auto whole = parse_whole<std::int64_t>(text[0] == '+' ? unsigned_text : text, 10)) return *whole;
        return parse_decimal(text);
    }
    const int base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 0;
    if (base != 0) {
        const std::string_view digits = text.substr(2);
        if (!digits.empty() && digits[0] != '-')
            if (const auto whole = parse_whole<std::int64_t>(digits, base)) return *whole;
        return PlainText{};
    }
    if (is_decimal(text)) return parse_decimal(text);
    if (unsigned_text == ".inf" || unsigned_text == ".Inf" || unsigned_text == ".INF") {
        const double infinity = std::numeric_limits<double>::infinity();
        return text[0] == '-' ? -infinity : infinity;
    }
    if (text == ".nan" || text == ".NaN" || text == ".NAN") return std::numeric_limits<double>::quiet_NaN();
    return PlainText{};
}

}  // namespace

PlainScalar plain_scalar(std::string_view text) {
    if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return PlainNull{};
    if (text == "true" || text == "True" || text == "TRUE") return true;
    if (text == "false" || text == "False" || text == "FALSE") return false;
    const char first = text[0];
    if (is_digit(first) || first == '-' || first == '+' || first == '.') return parse_number(text);
    return PlainText{};
}

}  // namespace penstock
