// A column of Values while it grows in memory, close to what becomes of it in a segment.
#pragma once

#include "store/buffer.hpp"
#include "store/column_layout.hpp"
#include "store/json_cell.hpp"

#include <penstock/value.hpp>

#include <cstdint>

namespace penstock {

// In a column's types (`@types/<key>`): the row has no value. Other rows have the number of their Value::Type.
inline constexpr std::uint8_t kAbsent = 255;

class ColumnBuffer {
public:
    ColumnBuffer() = default;
    // A column that appears after `rows` rows had no value for it.
    explicit ColumnBuffer(std::uint64_t rows) { add_absent(rows); }

    void add(const Value& value, const StoreLarge& store_large);
    void add_int64(std::int64_t value);
    void add_absent(std::uint64_t rows = 1);
    // Rows of a column of the same layout (int64, float64, stacked), all of them of its natural type.
    void add_cells(std::uint64_t rows, const std::byte* cells);
    // A cell of another JSON column, whose `@arrays` were added before and start at `arrays_at` here. Layout json only.
    void add_cell(std::string_view cell, std::uint8_t type, std::uint64_t arrays_at);
    std::uint64_t add_arrays(std::span<const std::byte> bytes);  // returns where they start

    std::uint64_t rows() const { return types_.size(); }

    const ColumnContents& contents() const { return contents_; }
    // How the cells are kept: that of the contents, or json when one of the values has a file of its own.
    Layout layout() const { return layout_; }
    std::uint8_t type(std::uint64_t row) const { return types_.as<std::uint8_t>()[row]; }
    // Some value, or an array within one, is in a file of its own.
    bool has_references() const { return references_; }
    // Cells to be added refer to such files; `whole`: with a value as a whole. `contents` are those of the cells.
    void refer(const ColumnContents& contents, bool whole);
    // `contents` are about to be added.
    void join(const ColumnContents& contents);
    // Value::Type or kAbsent, a byte a row.
    const Buffer& types() const { return types_; }

    // Number layouts: 8 bytes a row, the int64, the float64, or 0 and 1. Stacked: the rows. Others: one after another.
    Buffer& cells() { return cells_; }
    // Layouts of different lengths: where each row ends in cells(), in elements (uint64).
    Buffer& ends() { return ends_; }
    // The arrays of JSON cells.
    Buffer& arrays() { return arrays_; }

    // The value of a row, which must have one. A value in a file of its own is loaded.
    Value at(std::uint64_t row, const LoadLarge& load_large) const;

private:
    static bool is_number(Layout layout) { return layout >= Layout::boolean && layout <= Layout::float64; }
    bool is_number_layout() const { return is_number(layout_); }
    bool has_ends() const { return layout_ >= Layout::ragged; }
    void add_slowly(const Value& value, const StoreLarge& store_large);
    void put(const Value& value, const StoreLarge& store_large);
    void put_json(const Value& value, const StoreLarge& store_large);
    void put_type(Value::Type type) { types_.put(static_cast<std::uint8_t>(type)); }
    Layout wanted_layout() const { return large_ ? Layout::json : contents_.layout(); }
    void set_layout(Layout layout);
    void change_layout(Layout layout);
    void fill(std::uint64_t rows);
    std::uint64_t end_of(std::uint64_t row) const { return ends_.as<std::uint64_t>()[row]; }
    std::size_t cell_bytes() const;

    ColumnContents contents_;
    Layout layout_ = Layout::none;
    bool large_ = false;  // some value as a whole has a file of its own
    bool references_ = false;
    // Of the cells as they are kept; contents_ may be ahead of them while the layout changes.
    ElementType element_{};
    std::size_t element_bytes_ = 1;
    std::vector<std::uint64_t> shape_;
    std::size_t stacked_bytes_ = 0;
    Buffer cells_;
    Buffer ends_;
    Buffer types_;
    Buffer arrays_;
};

}  // namespace penstock
