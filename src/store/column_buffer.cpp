#include "store/column_buffer.hpp"

#include "store/store_error.hpp"

#include <bit>
#include <cstring>

namespace penstock {

namespace {

using Type = Value::Type;

std::uint64_t number_bits(const Value& value) {
    switch (value.type()) {
        case Type::boolean:
            return value.boolean() ? 1 : 0;
        case Type::int64:
            return static_cast<std::uint64_t>(value.int64());
        case Type::float64:
            return std::bit_cast<std::uint64_t>(value.float64());
        default:
            return 0;
    }
}

Value number_of(Type type, std::uint64_t bits) {
    switch (type) {
        case Type::boolean:
            return bits != 0;
        case Type::int64:
            return static_cast<std::int64_t>(bits);
        case Type::float64:
            return std::bit_cast<double>(bits);
        default:
            return Value();
    }
}

LoadArray slices_of(const Buffer& arrays) {
    return [&arrays](std::uint64_t at, std::uint64_t size) {
        auto slice = std::make_shared<Buffer>();
        slice->append(arrays.data() + at, size);
        return slice;
    };
}

}  // namespace

// ---------------------------------------------------------------------------------------------- adding

// The types that a column already has cost a few nanoseconds; anything new goes the slow way once.
void ColumnBuffer::add(const Value& value, const StoreLarge& store_large) {
    const Type type = value.type();
    switch (type) {
        case Type::boolean:
        case Type::int64:
        case Type::float64:
            if (!is_number_layout() || !contents_.has(type)) break;
            cells_.put(number_bits(value));
            put_type(type);
            return;
        case Type::array: {
            const Array& array = value.array();
            if (layout_ != Layout::stacked || array.type() != element_ || array.shape() != shape_) break;
            cells_.append(array.bytes());
            put_type(type);
            return;
        }
        case Type::string:
            if (layout_ != Layout::string || value.string().size() > kLargeValueBytes) break;
            cells_.append(std::string_view(value.string()));
            ends_.put<std::uint64_t>(cells_.size());
            put_type(type);
            return;
        default:
            break;
    }
    add_slowly(value, store_large);
}

void ColumnBuffer::add_int64(std::int64_t value) {
    if (layout_ != Layout::int64) return add_slowly(value, {});
    cells_.put(value);
    put_type(Type::int64);
}

void ColumnBuffer::add_absent(std::uint64_t rows) {
    std::memset(types_.extend(rows), kAbsent, rows);
    fill(rows);
}

void ColumnBuffer::add_cells(std::uint64_t rows, const std::byte* cells) {
    cells_.append(cells, rows * cell_bytes());
    std::memset(types_.extend(rows), static_cast<int>(contents_.natural_type()), rows);
}

void ColumnBuffer::add_cell(std::string_view cell, std::uint8_t type, std::uint64_t arrays_at) {
    cells_.append(arrays_at == 0 ? std::string(cell) : moved_cell(cell, arrays_at));
    ends_.put<std::uint64_t>(cells_.size());
    types_.put(type);
}

std::uint64_t ColumnBuffer::add_arrays(std::span<const std::byte> bytes) {
    align_arrays(arrays_);
    const std::uint64_t at = arrays_.size();
    arrays_.append(bytes);
    return at;
}

void ColumnBuffer::join(const ColumnContents& contents) {
    contents_.add(contents);
    if (wanted_layout() != layout_) change_layout(wanted_layout());
}

void ColumnBuffer::refer(const ColumnContents& contents, bool whole) {
    references_ = true;
    large_ = large_ || whole;
    join(contents);
}

void ColumnBuffer::add_slowly(const Value& value, const StoreLarge& store_large) {
    contents_.add(value);
    large_ = large_ || (store_large && is_large(value));
    if (wanted_layout() != layout_) change_layout(wanted_layout());
    put(value, store_large);
}

void ColumnBuffer::put(const Value& value, const StoreLarge& store_large) {
    if (value.is_null() && layout_ != Layout::json) {
        put_type(Type::null);
        return fill(1);
    }
    switch (layout_) {
        case Layout::none:
            break;
        case Layout::boolean:
        case Layout::int64:
        case Layout::float64:
            cells_.put(number_bits(value));
            break;
        case Layout::stacked:
        case Layout::ragged:
            cells_.append(value.array().bytes());
            break;
        case Layout::string:
            cells_.append(std::string_view(value.string()));
            break;
        case Layout::bytes:
            cells_.append(std::span(value.bytes()));
            break;
        case Layout::json:
            put_json(value, store_large);
            break;
    }
    if (has_ends()) ends_.put<std::uint64_t>(cells_.size() / element_bytes_);
    put_type(value.type());
}

void ColumnBuffer::put_json(const Value& value, const StoreLarge& store_large) {
    if (!store_large) return cells_.append(to_cell(value, arrays_, store_large));
    const StoreLarge noticed = [&](ElementType element, std::span<const std::byte> bytes) {
        references_ = true;
        return store_large(element, bytes);
    };
    cells_.append(to_cell(value, arrays_, noticed));
}

// Cells of rows without a value.
void ColumnBuffer::fill(std::uint64_t rows) {
    if (is_number_layout() || layout_ == Layout::stacked) {
        cells_.append_zeros(rows * cell_bytes());
    } else if (has_ends()) {
        for (std::uint64_t i = 0; i < rows; ++i) ends_.put<std::uint64_t>(cells_.size() / element_bytes_);
    }
}

std::size_t ColumnBuffer::cell_bytes() const {
    return layout_ == Layout::stacked ? stacked_bytes_ : sizeof(std::uint64_t);
}

void ColumnBuffer::set_layout(Layout layout) {
    layout_ = layout;
    if (layout == Layout::stacked || layout == Layout::ragged) {
        element_ = contents_.element();
        element_bytes_ = element_size(element_);
    }
    if (layout == Layout::stacked) {
        shape_ = contents_.shape();
        stacked_bytes_ = element_bytes_;
        for (const std::uint64_t extent : shape_) stacked_bytes_ *= extent;
    }
}

// What is there is read in the old layout and written in the new one: once for each new kind of content.
void ColumnBuffer::change_layout(Layout layout) {
    ColumnBuffer changed;
    changed.contents_ = contents_;
    changed.large_ = large_;
    changed.references_ = references_;
    changed.set_layout(layout);
    if (is_number_layout() && is_number(layout)) {  // the cells hold every number as it is
        changed.cells_ = std::move(cells_);
        changed.types_ = std::move(types_);
    } else {
        const LoadLarge none_is_large;
        for (std::uint64_t row = 0; row < rows(); ++row) {
            if (type(row) == kAbsent)
                changed.add_absent();
            else
                changed.put(at(row, none_is_large), {});
        }
    }
    *this = std::move(changed);
}

// ---------------------------------------------------------------------------------------------- reading

Value ColumnBuffer::at(std::uint64_t row, const LoadLarge& load_large) const {
    const auto held = static_cast<Type>(type(row));
    if (held == Type::null) return Value();
    const std::uint64_t begin = !has_ends() || row == 0 ? 0 : end_of(row - 1);
    const std::uint64_t length = has_ends() ? end_of(row) - begin : 0;
    switch (layout_) {
        case Layout::none:
            break;
        case Layout::boolean:
        case Layout::int64:
        case Layout::float64:
            return number_of(held, cells_.as<std::uint64_t>()[row]);
        case Layout::stacked:
            return Array(element_, shape_, cells_.bytes().subspan(row * stacked_bytes_, stacked_bytes_));
        case Layout::ragged:
            return Array(element_, {length}, cells_.bytes().subspan(begin * element_bytes_, length * element_bytes_));
        case Layout::string:
            return std::string(cells_.text().substr(begin, length));
        case Layout::bytes: {
            const auto bytes = cells_.bytes().subspan(begin, length);
            return Bytes(bytes.begin(), bytes.end());
        }
        case Layout::json:
            return from_cell(cells_.text().substr(begin, length), slices_of(arrays_), load_large);
    }
    return Value();
}

}  // namespace penstock
