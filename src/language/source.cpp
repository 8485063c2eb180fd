#include "language/source.hpp"

#include <algorithm>

namespace penstock {

std::size_t character_count(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

SourceText::SourceText(std::string name, std::string text, std::size_t order)
    : name_(std::move(name)), text_(std::move(text)), order_(order) {
    if (text_.starts_with("\xef\xbb\xbf")) text_.erase(0, 3);
}

void SourceText::index_lines() const {
    line_starts_.push_back(0);
    for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1))
        line_starts_.push_back(static_cast<std::uint32_t>(at + 1));
}

std::size_t SourceText::line_index(std::size_t offset) const {
    if (line_starts_.empty()) index_lines();
    const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    return static_cast<std::size_t>(after - line_starts_.begin()) - 1;
}

std::size_t SourceText::line_start(Place place) const {
    const std::size_t offset = std::min<std::size_t>(place.offset, text_.size());
    const std::size_t line = line_index(offset);
    return line_starts_[line];
}

LineAndColumn SourceText::position(Place place) const {
    if (!place.known()) return {};
    const std::size_t offset = std::min<std::size_t>(place.offset, text_.size());
    const std::size_t line = line_index(offset);
    const std::size_t start = line_starts_[line];
    return {line + 1, character_count(text().substr(start, offset - start)) + 1};
}

std::string_view SourceText::line_at(Place place) const {
    if (!place.known()) return {};
    const std::size_t start = line_start(place);
    std::size_t end = text_.find('\n', start);
    if (end == std::string::npos) end = text_.size();
    if (end > start && text_[end - 1] == '\r') --end;
    return text().substr(start, end - start);
}

std::string SourceText::describe(Place place) const {
    const LineAndColumn at = position(place);
    if (at.line == 0) return "";
    return "line " + std::to_string(at.line) + ", column " + std::to_string(at.column);
}

}  // namespace penstock
