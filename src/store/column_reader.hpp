// Reading a column of Values, wherever it is and however it is kept.
#pragma once

#include "store/column_buffer.hpp"
#include "store/column_layout.hpp"
#include "store/hdf5.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace penstock {

class ColumnReader {
public:
    virtual ~ColumnReader() = default;

    const ColumnContents& contents() const { return contents_; }
    // How the cells are kept: the layout of the contents, or json when values have files of their own.
    Layout layout() const { return layout_; }
    std::uint64_t rows() const { return rows_; }
    // Every row has a value of the contents' natural type, or, with JSON cells, any value.
    bool all_present() const { return all_present_; }
    bool has_references() const { return has_references_; }

    // kAbsent when the row has no value, that of null where null can be told from values; else anything.
    virtual std::uint8_t type(std::uint64_t row) = 0;
    // The value; the row must have one.
    virtual Value at(std::uint64_t row) = 0;
    // Layouts boolean, int64, float64 (not widened) and stacked: the cell as it stands in a results file. Until the
    // next call.
    const std::byte* cell(std::uint64_t row) { return cells(row).first; }
    // The same, and for how many rows from this one on the cells follow without a break.
    virtual std::pair<const std::byte*, std::uint64_t> cells(std::uint64_t row) = 0;
    // Layouts ragged, string, bytes, json: what the cell holds. Until the next call.
    virtual std::span<const std::byte> bytes(std::uint64_t row) = 0;
    // `@arrays` of a JSON column, whole.
    virtual std::shared_ptr<const Buffer> arrays() = 0;

protected:
    ColumnContents contents_;
    Layout layout_ = Layout::none;
    std::uint64_t rows_ = 0;
    bool all_present_ = true;
    bool has_references_ = false;
};

// The column `key` of the table; `load_large` finds values in files of their own.
std::unique_ptr<ColumnReader> open_column(hid_t table, const std::string& key, LoadLarge load_large);
// A column in memory, which must live as long.
std::unique_ptr<ColumnReader> read_buffer(ColumnBuffer& column);

}  // namespace penstock
