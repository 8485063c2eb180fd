#include "language/diagnostic.hpp"

#include "value/utf8.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace penstock {

namespace {

bool is_control(char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 || u == 0x7f;
}

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Terminals obey control characters: a definition must not be able to speak to them. The result is UTF-8.
std::string without_controls(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (char c : is_utf8(text) ? std::string(text) : to_utf8(text)) {
        if (!is_control(c) || c == '\t') {
            safe += c;
        } else {
            char code[8];
            std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            safe += code;
        }
    }
    return safe;
}

std::string_view severity_name(Diagnostic::Severity severity) {
    switch (severity) {
        case Diagnostic::Severity::error:
            return "error";
        case Diagnostic::Severity::warning:
            return "warning";
        case Diagnostic::Severity::note:
            break;
    }
    return "note";
}

// The source line and, below it, the caret. Tabs are kept in both lines, so that they stay aligned.
std::string render_line(const Diagnostic& d) {
    const std::string number = std::to_string(d.line);
    const std::size_t width = std::max<std::size_t>(number.size() + 2, 5);
    const std::string mark = d.clipped > 0 ? "..." : "";
    std::string text = std::string(width - number.size(), ' ') + number + " | " + mark + d.source_line + "\n";
    text += std::string(width, ' ') + " | " + std::string(mark.size(), ' ');
    std::size_t before = d.column - 1 - std::min(d.column - 1, d.clipped);
    std::size_t left = 0;  // characters of the line from the caret on
    for (char c : d.source_line) {
        if (continues_character(c)) continue;
        if (before == 0) {
            ++left;
        } else {
            text += c == '\t' ? '\t' : ' ';
            --before;
        }
    }
    text += "^";
    const std::size_t underlined = std::min(d.length, left);
    if (underlined > 1) text += std::string(underlined - 1, '~');
    return text + "\n";
}

// Edits (insert, remove, replace, swap neighbours) from `a` to `b`; anything above `most` is reported as most + 1.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
    const std::size_t difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
    if (difference > most) return most + 1;
    std::vector<std::size_t> two_up(b.size() + 1), up(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) up[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        std::size_t best = row[0];
        for (std::size_t j = 1; j <= b.size(); ++j) {
            row[j] = std::min({up[j] + 1, row[j - 1] + 1, up[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = std::min(row[j], two_up[j - 2] + 1);
            best = std::min(best, row[j]);
        }
        if (best > most) return most + 1;
        std::swap(two_up, up);
        std::swap(up, row);
    }
    return std::min(up[b.size()], most + 1);
}

bool same_but_for_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string render(const Diagnostic& d) {
    std::string text;
    if (!d.file.empty()) text += without_controls(d.file) + ":";
    if (d.line > 0) text += std::to_string(d.line) + ":" + std::to_string(d.column) + ":";
    if (!text.empty()) text += " ";
    text += std::string(severity_name(d.severity)) + ": " + without_controls(d.problem) + "\n";
    if (d.line > 0) {
        Diagnostic safe = d;
        safe.source_line = without_controls(d.source_line);
        text += render_line(safe);
    }
    if (!d.reason.empty()) text += "  why: " + without_controls(d.reason) + "\n";
    if (!d.suggestion.empty()) text += "  try: " + without_controls(d.suggestion) + "\n";
    return text;
}

std::string render(const std::vector<Diagnostic>& diagnostics) {
    std::string text;
    for (const Diagnostic& d : diagnostics) text += render(d);
    return text;
}

std::string quote(std::string_view text) {
    constexpr std::size_t kShown = 80;
    if (text.size() <= kShown) return "`" + without_controls(text) + "`";
    std::size_t end = kShown;
    while (end > 0 && continues_character(text[end])) --end;
    return "`" + without_controls(text.substr(0, end)) + "...`";
}

std::vector<std::string> did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
    constexpr std::size_t kLongest = 128;  // of a name; anything longer is no misspelling
    constexpr std::size_t kShown = 3;
    if (word.size() > kLongest) return {};
    const std::size_t most = std::max<std::size_t>(1, word.size() / 3);
    std::vector<std::pair<std::size_t, std::string_view>> near;
    for (std::string_view candidate : candidates) {
        const bool other_case = same_but_for_case(word, candidate);
        const std::size_t distance = other_case ? 0 : edit_distance(word, candidate, most);
        if (other_case || (distance <= most && distance < std::max(word.size(), candidate.size())))
            near.emplace_back(distance, candidate);
    }
    std::stable_sort(near.begin(), near.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::string> best;
    for (const auto& [distance, candidate] : near) {
        if (best.size() == kShown || distance > near.front().first) break;
        best.emplace_back(candidate);
    }
    return best;
}

std::vector<std::string> did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
    return did_you_mean(std::string_view(word), std::vector<std::string_view>(candidates.begin(), candidates.end()));
}

std::string did_you_mean_text(std::string_view word, const std::vector<std::string_view>& candidates) {
    const std::vector<std::string> near = did_you_mean(word, candidates);
    if (near.empty()) return "";
    std::string text = "did you mean ";
    for (std::size_t i = 0; i < near.size(); ++i) text += (i == 0 ? "" : " or ") + quote(near[i]);
    return text + "?";
}

std::string enumerate(const std::vector<std::string_view>& words, std::size_t most) {
    const std::size_t shown = std::min(words.size(), most);
    std::string text;
    for (std::size_t i = 0; i < shown; ++i) {
        if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
        text += quote(words[i]);
    }
    if (shown < words.size()) text += " and " + std::to_string(words.size() - shown) + " more";
    return text;
}

}  // namespace penstock
