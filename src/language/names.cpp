#include "language/names.hpp"

#include <algorithm>

namespace penstock {

namespace {

bool is_key_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

std::string length_problem(std::string_view text, std::string_view what) {
    if (text.empty()) return std::string(what) + " needs at least one character";
    if (text.size() > kMaxName) return std::string(what) + " has at most " + std::to_string(kMaxName) + " characters";
    return "";
}

}  // namespace

std::string name_problem(std::string_view text) {
    if (std::string problem = length_problem(text, "a name"); !problem.empty()) return problem;
    if (text == "." || text == "..") return "`.` and `..` are no names";
    const bool good = std::all_of(text.begin(), text.end(), [](char c) { return is_key_character(c) || c == '.'; });
    return good ? "" : "a name is made of letters (a-z, A-Z), digits, `_`, `.` and `-`";
}

std::string key_problem(std::string_view text) {
    if (std::string problem = length_problem(text, "a key"); !problem.empty()) return problem;
    const bool good = std::all_of(text.begin(), text.end(), is_key_character);
    return good ? "" : "a key is made of letters (a-z, A-Z), digits, `_` and `-`";
}

bool is_built_in_name(std::string_view key) {
    return key == "scratch" || key == "definition-dir" || key == "launch-dir";
}

std::optional<OutputName> split_reference(std::string_view text) {
    const std::size_t dot = text.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == text.size()) return std::nullopt;
    return OutputName{text.substr(0, dot), text.substr(dot + 1)};
}

bool is_wildcard(std::string_view pattern) { return pattern.find_first_of("*?") != std::string_view::npos; }

// Greedy, with one place to go back to: the last star. Linear in practice, at worst pattern times name (128 each).
bool matches_wildcard(std::string_view pattern, std::string_view name) {
    std::size_t p = 0, n = 0;
    std::size_t star = std::string_view::npos, star_name = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_name = n;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++star_name;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace penstock
