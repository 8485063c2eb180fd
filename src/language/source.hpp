// The text of one definition file, and places in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// A stretch of a SourceText, in bytes. Pipelines made in C++ have no text: their places are all `nowhere`.
struct Place {
    static constexpr std::uint32_t kNowhere = 0xffffffff;
    std::uint32_t offset = kNowhere;
    std::uint32_t length = 0;

    bool known() const { return offset != kNowhere; }
    friend bool operator==(Place, Place) = default;
};

struct LineAndColumn {
    std::size_t line = 0;    // from 1; 0 = nowhere
    std::size_t column = 0;  // from 1, in characters
};

// Not copied: nodes and places refer to it.
class SourceText {
public:
    // `order` ranks diagnostics of several files. A byte order mark is dropped.
    SourceText(std::string name, std::string text, std::size_t order = 0);
    SourceText(const SourceText&) = delete;
    SourceText& operator=(const SourceText&) = delete;

    const std::string& name() const { return name_; }
    std::string_view text() const { return text_; }
    std::size_t order() const { return order_; }

    LineAndColumn position(Place place) const;
    // The line a place is in, without its line break.
    std::string_view line_at(Place place) const;
    // Where that line begins.
    std::size_t line_start(Place place) const;
    // "line 7, column 5"; "" for a place that is nowhere.
    std::string describe(Place place) const;

private:
    void index_lines() const;
    std::size_t line_index(std::size_t offset) const;

    std::string name_;
    std::string text_;
    std::size_t order_;
    mutable std::vector<std::uint32_t> line_starts_;  // made when first asked for
};

// The number of characters (code points) in UTF-8 text.
std::size_t character_count(std::string_view text);

}  // namespace penstock
