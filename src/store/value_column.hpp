// A column of Values of a results file, put together from the columns of many files.
#pragma once

#include "store/column_reader.hpp"
#include "store/table_group.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock {

// Where a row of the new table comes from.
struct TableRow {
    static constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();
    std::uint32_t part = kNowhere;  // which of the tables it is put together from; kNowhere: it has no values
    std::uint32_t row = 0;
};

// The column of one key in each of those tables, opened when needed; at most kMostOpen at a time.
class ColumnParts {
public:
    static constexpr std::size_t kMostOpen = 64;
    // Null when the part has no such column.
    using Open = std::function<std::unique_ptr<ColumnReader>(std::uint32_t part)>;

    // Calls its argument; what that throws is made to name the file of the part.
    using Reading = std::function<void(std::uint32_t part, const std::function<void()>& read)>;

    ColumnParts(Open open, Reading reading) : open_(std::move(open)), reading_(std::move(reading)) {}
    // Calls `visit` with the part's column, unless it has none.
    void visit(std::uint32_t part, const std::function<void(ColumnReader&)>& visit);

private:
    ColumnReader* reader_of(std::uint32_t part);

    struct Slot {
        std::unique_ptr<ColumnReader> reader;
        std::list<std::uint32_t>::iterator place;
    };
    Open open_;
    Reading reading_;
    std::unordered_map<std::uint32_t, Slot> slots_;
    std::list<std::uint32_t> recent_;
};

// What the rows have. Looks at single values only where a part's own word would count rows that are left out.
ColumnContents contents_of(ColumnParts& parts, std::uint32_t part_count, std::span<const TableRow> rows);

// Adds `<key>`, and what belongs beside it, to the table. A sentence for people when int64 values lost digits.
std::optional<std::string> write_value_column(TableGroup& table, const std::string& key, const ColumnContents& contents,
                                              ColumnParts& parts, std::span<const TableRow> rows);

}  // namespace penstock
