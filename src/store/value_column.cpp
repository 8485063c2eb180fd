#include "store/value_column.hpp"

#include "store/text_writer.hpp"
#include "value/utf8.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace penstock {

namespace {

using Type = Value::Type;

constexpr std::size_t kWindowBytes = 16u << 20;
constexpr std::uint64_t kMostWindowRows = 1u << 16;  // of cells of different lengths
constexpr std::uint64_t kFirstWindowRows = 64;
constexpr std::size_t kArraysChunkBytes = 64u << 10;
constexpr std::string_view kVisibleNul = "\u2400";

// The column holds texts that HDF5 cannot: those with NULs (texts end there), and what is not UTF-8.
bool needs_exact(std::string_view text) { return text.find('\0') != std::string_view::npos || !is_utf8(text); }

std::string shown(std::string_view text) {
    std::string out = to_utf8(text);
    for (std::size_t at = out.find('\0'); at != std::string::npos; at = out.find('\0', at))
        out.replace(at, 1, kVisibleNul);
    return out;
}

bool same_as_double(std::int64_t number) {
    const auto wide = static_cast<double>(number);
    return wide < 9223372036854775808.0 && static_cast<std::int64_t>(wide) == number;
}

// In any part of such a column that is not empty the contents are the same.
bool uniform(const ColumnContents& contents) {
    const Layout layout = contents.layout();
    return !contents.has(Type::null) && !contents.widened() && layout != Layout::json && layout != Layout::ragged;
}

class ValueColumnWriter {
public:
    ValueColumnWriter(TableGroup& table, const std::string& key, const ColumnContents& contents, ColumnParts& parts,
                      TableRows& rows)
        : table_(table),
          key_(key),
          contents_(contents),
          layout_(contents.empty() ? Layout::json : contents.layout()),
          parts_(parts),
          rows_(rows),
          keeps_types_(!rows.in_runs() || has_types()) {
        if (!keeps_types_) return;
        types_.resize(rows.size());
        std::memset(types_.data(), kAbsent, rows.size());
    }

    void write() {
        h5::Handle dataset = is_fixed() ? write_fixed() : write_variable();
        h5::write_attribute(dataset.id(), "layout", static_cast<std::uint64_t>(layout_));
        h5::write_attribute(dataset.id(), "types", contents_.numbers());
        if (layout_ == Layout::json) h5::write_attribute(dataset.id(), "encoding", "json");
        if (keeps_types_) write_types();
        write_exact();
    }

    std::uint64_t lost_digits() const { return lost_digits_; }

private:
    bool is_fixed() const { return layout_ <= Layout::stacked; }
    // The types of the rows do not follow from the column.
    bool has_types() const { return layout_ != Layout::json && (contents_.widened() || contents_.has(Type::null)); }

    // Calls visit(reader, position in the window, row of the part) for the rows of the window that have a reader, those
    // of one part together: each part is opened once a window.
    template <class Visit>
    void by_part(std::uint64_t first, std::uint64_t count, Visit visit) {
        order_.clear();
        window_ = rows_.window(first, count);
        for (std::uint64_t i = 0; i < count; ++i)
            if (window_[i].part != TableRow::kNowhere) order_.push_back(static_cast<std::uint32_t>(i));
        const auto part_of = [&](std::uint32_t i) { return window_[i].part; };
        // JSON cells go row by row, because their arrays are kept in the order in which they are written.
        if (layout_ != Layout::json &&
            !std::is_sorted(order_.begin(), order_.end(), [&](auto a, auto b) { return part_of(a) < part_of(b); }))
            std::stable_sort(order_.begin(), order_.end(), [&](auto a, auto b) { return part_of(a) < part_of(b); });
        for (std::size_t i = 0; i < order_.size();) {
            std::size_t end = i + 1;
            while (end < order_.size() && part_of(order_[end]) == part_of(order_[i])) ++end;
            parts_.visit(part_of(order_[i]),
                         [&](ColumnReader& reader) { visit(reader, std::span(order_).subspan(i, end - i), first); });
            i = end;
        }
    }

    void set_type(std::uint64_t row, Type type) {
        if (keeps_types_) types_.as<std::uint8_t>()[row] = static_cast<std::uint8_t>(type);
    }

    // ------------------------------------------------------------------------------------------ cells of one size

    h5::CellType cell_type() const {
        switch (layout_) {
            case Layout::boolean:
                return {h5::boolean(), 1, {}};
            case Layout::int64:
                return {H5T_NATIVE_INT64, 8, {}};
            case Layout::float64:
                return {H5T_NATIVE_DOUBLE, 8, {}};
            default:
                return {h5::native(contents_.element()), element_size(contents_.element()), contents_.shape()};
        }
    }

    h5::Handle write_fixed() {
        const h5::CellType cell = cell_type();
        cell_bytes_ = cell.bytes();
        h5::DatasetWriter writer(table_.id(), key_, cell, rows_.size(), h5::kResultsChunkBytes);
        const std::uint64_t chunks =
            std::max<std::uint64_t>(1, kWindowBytes / std::max<std::size_t>(1, cell_bytes_ * writer.chunk_rows()));
        const std::uint64_t window_rows = chunks * writer.chunk_rows();
        Buffer window;
        for (std::uint64_t first = 0; first < rows_.size(); first += window_rows) {
            const std::uint64_t count = std::min<std::uint64_t>(window_rows, rows_.size() - first);
            window.resize(count * cell_bytes_);
            fill_absent(window);
            by_part(first, count,
                    [&](ColumnReader& reader, std::span<const std::uint32_t> positions, std::uint64_t at) {
                        gather(reader, positions, at, window);
                    });
            writer.write(window);
        }
        return writer.finish();
    }

    // What a row without a value shows: NaN, or 0.
    void fill_absent(Buffer& window) const {
        const bool doubles =
            layout_ == Layout::float64 || (layout_ == Layout::stacked && contents_.element() == ElementType::float64);
        const bool floats = layout_ == Layout::stacked && contents_.element() == ElementType::float32;
        if (doubles)
            std::ranges::fill(window.as<double>(), std::numeric_limits<double>::quiet_NaN());
        else if (floats)
            std::ranges::fill(window.as<float>(), std::numeric_limits<float>::quiet_NaN());
        else
            std::memset(window.data(), 0, window.size());
    }

    void gather(ColumnReader& reader, std::span<const std::uint32_t> positions, std::uint64_t first, Buffer& window) {
        const bool plain = reader.all_present() && reader.layout() == layout_ && !reader.contents().widened();
        if (!plain) {
            for (const std::uint32_t position : positions)
                put(reader, window_[position].row, first + position, window.data() + position * cell_bytes_);
            return;
        }
        const auto natural = static_cast<int>(reader.contents().natural_type());
        for (std::size_t i = 0; i < positions.size();) {  // runs of rows that follow one another here and there
            const std::uint32_t position = positions[i];
            const std::uint64_t row = window_[position].row;
            const auto [cells, available] = reader.cells(row);
            std::size_t run = 1;
            while (run < available && i + run < positions.size() && positions[i + run] == position + run &&
                   window_[position + run].row == row + run)
                ++run;
            if (cell_bytes_ > 0) std::memcpy(window.data() + position * cell_bytes_, cells, run * cell_bytes_);
            if (keeps_types_) std::memset(types_.data() + first + position, natural, run);
            i += run;
        }
    }

    void put(ColumnReader& reader, std::uint64_t part_row, std::uint64_t row, std::byte* cell) {
        if (reader.type(part_row) == kAbsent) return;
        const Value value = reader.at(part_row);
        set_type(row, value.type());
        if (value.is_null()) return;
        if (layout_ == Layout::stacked) {
            if (cell_bytes_ > 0) std::memcpy(cell, value.array().bytes().data(), cell_bytes_);
        } else if (layout_ == Layout::int64) {
            const std::int64_t number = value.int64();
            std::memcpy(cell, &number, sizeof number);
        } else if (layout_ == Layout::boolean) {
            *cell = static_cast<std::byte>(value.boolean());
        } else {
            const double number = value.is(Type::boolean) ? (value.boolean() ? 1.0 : 0.0) : value.number();
            std::memcpy(cell, &number, sizeof number);
            if (value.is(Type::int64) && !same_as_double(value.int64())) {
                ++lost_digits_;
                keep_exact(row, value);
            }
        }
    }

    // ------------------------------------------------------------------------------------------ cells of different
    // sizes

    struct Cell {
        std::size_t start = 0;
        std::size_t size = 0;
    };

    h5::Handle write_variable() {
        const ElementType element = layout_ == Layout::ragged ? contents_.element() : ElementType::uint8;
        const bool text = layout_ == Layout::string || layout_ == Layout::json;
        VariableWriter writer =
            text ? VariableWriter::texts(table_.id(), key_, rows_.size())
                 : VariableWriter::arrays(table_.id(), key_, rows_.size(), h5::native(element), element_size(element));
        std::uint64_t window_rows = kFirstWindowRows;
        for (std::uint64_t first = 0; first < rows_.size();) {
            const std::uint64_t count = std::min<std::uint64_t>(window_rows, rows_.size() - first);
            content_.clear();
            cells_.assign(count, {});
            by_part(first, count,
                    [&](ColumnReader& reader, std::span<const std::uint32_t> positions, std::uint64_t at) {
                        for (const std::uint32_t position : positions)
                            add_cell(reader, window_[position].row, at + position, cells_[position]);
                    });
            for (const Cell& cell : cells_) writer.add(content_.bytes().subspan(cell.start, cell.size));
            window_rows = content_.size() < kWindowBytes ? std::min(kMostWindowRows, window_rows * 2)
                                                         : std::max<std::uint64_t>(1, window_rows / 4);
            first += count;
        }
        finish_arrays();
        return writer.finish();
    }

    void add_cell(ColumnReader& reader, std::uint64_t part_row, std::uint64_t row, Cell& cell) {
        if (reader.type(part_row) == kAbsent) return;
        cell.start = content_.size();
        if (layout_ == Layout::json) {
            const Value value = reader.at(part_row);
            set_type(row, value.type());
            content_.append(to_cell(value, arrays_, {}, arrays_written_));
            write_full_arrays();
        } else if (layout_ == reader.layout() && layout_ != Layout::string && reader.all_present()) {
            content_.append(reader.bytes(part_row));
            set_type(row, contents_.natural_type());
        } else {
            add_value(reader.at(part_row), row);
        }
        cell.size = content_.size() - cell.start;
    }

    void add_value(const Value& value, std::uint64_t row) {
        set_type(row, value.type());
        if (value.is_null()) return;
        if (layout_ == Layout::bytes) {
            content_.append(std::span(value.bytes()));
        } else if (layout_ == Layout::ragged) {
            content_.append(value.array().bytes());
        } else if (needs_exact(value.string())) {
            content_.append(shown(value.string()));
            keep_exact(row, value);
        } else {
            content_.append(std::string_view(value.string()));
        }
    }

    // The arrays of JSON cells go out as they come: their sum may be larger than memory.
    void write_full_arrays() {
        if (arrays_.size() >= kWindowBytes) write_arrays(arrays_.size() / kArraysChunkBytes * kArraysChunkBytes);
    }

    void write_arrays(std::size_t bytes) {
        if (!arrays_writer_)
            arrays_writer_.emplace(table_.part(kArrays), key_, h5::CellType{H5T_NATIVE_UINT8, 1, {}},
                                   h5::DatasetWriter::kUnknownRows, kArraysChunkBytes);
        Buffer rest;
        rest.append(arrays_.bytes().subspan(bytes));
        arrays_.resize(bytes);
        arrays_writer_->write(arrays_);
        arrays_written_ += bytes;
        arrays_ = std::move(rest);
    }

    void finish_arrays() {
        if (!arrays_.empty()) write_arrays(arrays_.size());
        if (arrays_writer_) arrays_writer_->finish();
    }

    // ------------------------------------------------------------------------------------------ beside the column

    void keep_exact(std::uint64_t row, const Value& value) { exact_.emplace_back(row, to_json(value)); }

    void write_types() {
        const auto types = types_.as<std::uint8_t>();
        const bool absent = std::memchr(types.data(), kAbsent, types.size()) != nullptr;
        if (absent) {
            Buffer valid;
            for (const std::uint8_t type : types) valid.put<std::uint8_t>(type != kAbsent);
            h5::write_dataset(table_.part(kValid), key_, {h5::boolean(), 1, {}}, rows_.size(), valid,
                              h5::kResultsChunkBytes);
        }
        if (has_types())
            h5::write_dataset(table_.part(kTypes), key_, {H5T_NATIVE_UINT8, 1, {}}, rows_.size(), types_,
                              h5::kResultsChunkBytes);
    }

    void write_exact() {
        if (exact_.empty()) return;
        std::ranges::sort(exact_);
        const h5::Handle group = h5::create_group(table_.part(kExact), key_);
        Buffer rows;
        VariableWriter values = VariableWriter::texts(group.id(), "value", exact_.size());
        for (const auto& [row, value] : exact_) {
            rows.put(row);
            values.add(std::string_view(value));
        }
        values.finish();
        h5::write_dataset(group.id(), "row", {H5T_NATIVE_UINT64, 8, {}}, exact_.size(), rows, h5::kResultsChunkBytes);
    }

    TableGroup& table_;
    const std::string& key_;
    const ColumnContents& contents_;
    const Layout layout_;
    ColumnParts& parts_;
    TableRows& rows_;
    const bool keeps_types_;  // else every row has a value of the column's natural type
    std::span<const TableRow> window_;
    std::vector<std::uint32_t> order_;
    std::size_t cell_bytes_ = 0;
    Buffer types_;  // of every row: Value::Type or kAbsent
    Buffer content_;
    std::vector<Cell> cells_;
    Buffer arrays_;
    std::optional<h5::DatasetWriter> arrays_writer_;
    std::uint64_t arrays_written_ = 0;                          // bytes of `@arrays` before those in arrays_
    std::vector<std::pair<std::uint64_t, std::string>> exact_;  // rows, and their values as JSON
    std::uint64_t lost_digits_ = 0;
};

}  // namespace

// ---------------------------------------------------------------------------------------------- rows

TableRows::TableRows(std::vector<Run> runs) : runs_(std::move(runs)) {
    for (const Run& run : runs_) size_ += run.count;
}

std::span<const TableRow> TableRows::window(std::uint64_t first, std::uint64_t count) {
    if (!in_runs()) return listed_.subspan(first, count);
    if (first < at_first_) at_ = at_first_ = 0;
    while (at_ < runs_.size() && at_first_ + runs_[at_].count <= first) at_first_ += runs_[at_++].count;
    window_.clear();
    std::uint64_t skip = first - at_first_;
    for (std::size_t i = at_; i < runs_.size() && window_.size() < count; ++i) {
        const Run& run = runs_[i];
        for (std::uint64_t k = skip; k < run.count && window_.size() < count; ++k)
            window_.push_back({run.part, run.row + k});
        skip = 0;
    }
    return window_;
}

void TableRows::visit_runs(const std::function<void(const Run&)>& visit) const {
    for (const Run& run : runs_) visit(run);
    for (const TableRow& row : listed_)
        if (row.part != TableRow::kNowhere) visit({row.part, row.row, 1});
}

// ---------------------------------------------------------------------------------------------- parts

void ColumnParts::visit(std::uint32_t part, const std::function<void(ColumnReader&)>& visit) {
    reading_(part, [&] {
        if (ColumnReader* reader = reader_of(part)) visit(*reader);
    });
}

ColumnReader* ColumnParts::reader_of(std::uint32_t part) {
    const auto [at, added] = slots_.try_emplace(part);
    Slot& slot = at->second;
    if (!added) {
        recent_.splice(recent_.begin(), recent_, slot.place);
        return slot.reader.get();
    }
    slot.reader = open_(part);
    recent_.push_front(part);
    slot.place = recent_.begin();
    if (recent_.size() > kMostOpen) {
        slots_.erase(recent_.back());
        recent_.pop_back();
    }
    return slot.reader.get();
}

namespace {

// Of those rows of the column.
void add_contents(ColumnContents& contents, ColumnReader& reader, std::span<const TableRows::Run> runs) {
    const auto has_value = [&](std::uint64_t row) { return reader.type(row) != kAbsent; };
    std::uint64_t present = 0;
    std::uint64_t all_present = reader.rows();
    if (reader.all_present()) {
        for (const auto& run : runs) present += run.count;
    } else {
        for (const auto& run : runs)
            for (std::uint64_t row = run.row; row < run.row + run.count; ++row) present += has_value(row);
        all_present = 0;
        for (std::uint64_t row = 0; row < reader.rows(); ++row) all_present += has_value(row);
    }
    if (present == 0) return;
    if (present == all_present || uniform(reader.contents())) return contents.add(reader.contents());
    for (const auto& run : runs)
        for (std::uint64_t row = run.row; row < run.row + run.count; ++row)
            if (has_value(row)) contents.add(reader.at(row));
}

}  // namespace

ColumnContents contents_of(ColumnParts& parts, std::uint32_t part_count, const TableRows& rows) {
    // Rows of each part that are used, in order.
    std::vector<std::vector<TableRows::Run>> used(part_count);
    rows.visit_runs([&](const TableRows::Run& run) {
        auto& of_part = used[run.part];
        if (!of_part.empty() && of_part.back().row + of_part.back().count == run.row)
            of_part.back().count += run.count;
        else
            of_part.push_back(run);
    });
    ColumnContents contents;
    for (std::uint32_t part = 0; part < part_count; ++part)
        if (!used[part].empty())
            parts.visit(part, [&](ColumnReader& reader) { add_contents(contents, reader, used[part]); });
    return contents;
}

std::optional<std::string> write_value_column(TableGroup& table, const std::string& key, const ColumnContents& contents,
                                              ColumnParts& parts, TableRows& rows) {
    ValueColumnWriter writer(table, key, contents, parts, rows);
    writer.write();
    if (writer.lost_digits() == 0) return std::nullopt;
    return fmt::format(
        "{} int64 values of {} are shown as float64 and lose digits there, because the column has float64 values "
        "too; the exact numbers are in @exact/{}",
        writer.lost_digits(), key, key);
}

}  // namespace penstock
