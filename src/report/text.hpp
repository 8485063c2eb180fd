// Numbers, times and tables as people read them. Pure.
#pragma once

#include "value/shell_quote.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

std::string count_text(std::uint64_t count);  // "1,234,567"
// "1 job", "2 jobs", "0 jobs".
std::string counted(std::uint64_t count, std::string_view singular);
std::string duration_text(double seconds);    // "850 ns", "3.2 ms", "12.3 s", "2 min 5 s", "3 h 7 min", "2 d 3 h"
std::string rate_text(double per_second);     // "0.25", "12.3", "1,234": of any unit, without it
std::string bytes_text(std::uint64_t bytes);  // "512 bytes", "1.5 KiB", "500 MiB"
std::string date_text(double unix_seconds);   // "2024-05-01 12:30:05" in local time

// Text that came from a job or a file, safe to show on a terminal: control characters are shown as \n, \t, \x1b, bytes
// that are no UTF-8 as \xff.
std::string printable(std::string_view text);
// The same over several lines: line ends stay, and tabs.
std::string printable_lines(std::string_view text);

// Columns `text` takes on a terminal; `text` is valid UTF-8 without control characters.
std::size_t display_width(std::string_view text);
// At most `width` columns, "..." at the end when something was cut.
std::string shortened(std::string_view text, std::size_t width);

// Columns of equal width. The heading and each row have as many cells as there are columns.
class TextTable {
public:
    enum class Align { left, right };
    struct Column {
        std::string heading;
        Align align = Align::left;
        std::size_t max_width = 60;  // longer cells are shortened
    };

    explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}
    void add(std::vector<std::string> cells);
    bool empty() const { return rows_.empty(); }
    // Each line starts with `indent` and ends with a line end; no spaces at the ends of lines.
    std::string render(std::string_view indent = "", bool with_heading = true) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace penstock
