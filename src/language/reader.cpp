#include "language/reader.hpp"
#include "value/utf8.hpp"

#include <algorithm>
#include <cstdio>

namespace penstock {

namespace {

bool is_forbidden(char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\t' && c != '\n' && c != '\r') || u == 0x7f;
}

// The first byte of the first line that is not UTF-8, exactly where it stops to be.
std::size_t first_bad_byte(std::string_view text) {
    std::size_t good = 0, bad = text.size();  // text.substr(0, good) is fine up to a cut character
    std::size_t line = 0;
    while (line < text.size()) {
        const std::size_t end = std::min(text.find('\n', line), text.size());
        if (!is_utf8(text.substr(line, end - line))) {
            good = line;
            bad = end;
            break;
        }
        line = end + 1;
    }
    while (good < bad) {  // character by character
        std::size_t length = 1;
        while (good + length < bad && (static_cast<unsigned char>(text[good + length]) & 0xc0) == 0x80) ++length;
        if (!is_utf8(text.substr(good, length))) break;
        good += length;
    }
    return good;
}

}  // namespace

bool check_text(const SourceText& source, Diagnostics& diagnostics) {
    const std::string_view text = source.text();
    if (!is_utf8(text)) {
        diagnostics.error(source, {static_cast<std::uint32_t>(first_bad_byte(text)), 1}, "the text is not UTF-8",
                          "definitions are UTF-8 text", "save the file as UTF-8");
        return false;
    }
    const auto bad = std::find_if(text.begin(), text.end(), is_forbidden);
    if (bad == text.end()) return true;
    char code[8];
    std::snprintf(code, sizeof code, "0x%02x", static_cast<unsigned>(static_cast<unsigned char>(*bad)));
    diagnostics.error(source, {static_cast<std::uint32_t>(bad - text.begin()), 1},
                      "a control character (" + std::string(code) + ") is in the text",
                      "of these, text may have tabs and line breaks only", "write it as an escape in a quoted string");
    return false;
}

std::vector<SourceDocument> read_documents(const SourceText& source, Arena& arena, const LanguageLimits& limits,
                                           Diagnostics& diagnostics) {
    if (!check_text(source, diagnostics)) return {};
    if (source.name().ends_with(".json")) return read_json(source, arena, limits, diagnostics);
    const std::size_t first = source.text().find_first_not_of(" \t\r\n");
    const bool may_be_json =
        first != std::string_view::npos && (source.text()[first] == '{' || source.text()[first] == '[');
    if (may_be_json && is_json(source.text())) return read_json(source, arena, limits, diagnostics);
    return read_yaml(source, arena, limits, diagnostics);
}

}  // namespace penstock
