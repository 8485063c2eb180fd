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
    std::uint64_t row = 0;
};

// All rows of the new table, in order: listed one by one, or as runs of rows that follow one another in their part.
class TableRows {
public:
    struct Run {
        std::uint32_t part = 0;
        std::uint64_t row = 0;
        std::uint64_t count = 0;
    };
    explicit TableRows(std::span<const TableRow> rows) : listed_(rows), size_(rows.size()) {}
    explicit TableRows(std::vector<Run> runs);

    std::uint64_t size() const { return size_; }
    // Valid until the next call. Windows one after another are fast.
    std::span<const TableRow> window(std::uint64_t first, std::uint64_t count);
    // Calls visit(part, row, count) for all rows that have a part.
    void visit_runs(const std::function<void(const Run&)>& visit) const;
    // No row is without values.
    bool in_runs() const { return !runs_.empty(); }

private:
    std::span<const TableRow> listed_;
    std::vector<Run> runs_;
    std::uint64_t size_ = 0;
    std::vector<TableRow> window_;
    std::size_t at_ = 0;          // the run the last window began with, and ...
    std::uint64_t at_first_ = 0;  // ... which row it is the first of
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
ColumnContents contents_of(ColumnParts& parts, std::uint32_t part_count, const TableRows& rows);

// Adds `<key>`, and what belongs beside it, to the table. A sentence for people when int64 values lost digits.
std::optional<std::string> write_value_column(TableGroup& table, const std::string& key, const ColumnContents& contents,
                                              ColumnParts& parts, TableRows& rows);

}  // namespace penstock
