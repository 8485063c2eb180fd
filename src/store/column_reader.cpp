#include "store/column_reader.hpp"

#include "store/dataset.hpp"
#include "store/table_group.hpp"
#include "store/variable_cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <unordered_map>

namespace penstock {

namespace {

using Type = Value::Type;

template <class T>
T cell_as(const std::byte* cell) {
    T value;
    std::memcpy(&value, cell, sizeof value);
    return value;
}

// The dataset `key` in the group `part` beside the columns, if there is one.
std::optional<h5::DatasetReader> beside(hid_t table, const char* part, const std::string& key, hid_t type,
                                        std::size_t bytes) {
    if (!h5::exists(table, part)) return std::nullopt;
    const h5::Handle group = h5::open_group(table, part);
    if (!h5::exists(group.id(), key)) return std::nullopt;
    return h5::DatasetReader(group.id(), key, type, bytes);
}

std::byte byte_at(h5::DatasetReader& reader, std::uint64_t row) {
    const auto part = reader.part_with(row);
    return part.data[row - part.first];
}

Value number_at(Layout layout, const std::byte* cell) {
    if (layout == Layout::boolean) return *cell != std::byte{};
    if (layout == Layout::int64) return cell_as<std::int64_t>(cell);
    return cell_as<double>(cell);
}

// A number of a widened column from its bits (segments) or its double (results files).
Value unwidened(Type type, std::uint64_t bits, bool is_bits) {
    const double number = std::bit_cast<double>(bits);
    if (type == Type::boolean) return is_bits ? bits != 0 : number != 0;
    if (type == Type::int64) return is_bits ? static_cast<std::int64_t>(bits) : static_cast<std::int64_t>(number);
    return number;
}

class FileColumn final : public ColumnReader {
public:
    FileColumn(hid_t table, const std::string& key, LoadLarge load_large)
        : key_(key), load_large_(std::move(load_large)) {
        h5::quiet();
        const std::string what = fmt::format("cannot read column {}", key);
        const h5::Handle dataset(h5::checked(H5Dopen2(table, key.c_str(), H5P_DEFAULT), what), H5Dclose);
        contents_ = ColumnContents::of(h5::numbers_attribute(dataset.id(), "types"));
        layout_ = static_cast<Layout>(h5::number_attribute(dataset.id(), "layout"));
        has_references_ = h5::number_attribute(dataset.id(), "references") != 0;
        if (layout_ == Layout::none || layout_ > Layout::json ||
            (layout_ != contents_.layout() && layout_ != Layout::json))
            throw StoreError(fmt::format("{}: its attributes make no sense, the file is damaged", what));
        open_content(table, dataset.id());
        types_ = beside(table, kTypes, key, H5T_NATIVE_UINT8, 1);
        if (!types_) valid_ = beside(table, kValid, key, h5::boolean(), 1);
        all_present_ = !types_ && !valid_;
        arrays_reader_ = beside(table, kArrays, key, H5T_NATIVE_UINT8, 1);
        if (h5::exists(table, kExact)) load_exact(table);
    }

    std::uint8_t type(std::uint64_t row) override {
        if (types_) return std::to_integer<std::uint8_t>(byte_at(*types_, row));
        if (valid_ && byte_at(*valid_, row) == std::byte{}) return kAbsent;
        // What a JSON cell holds is known when it is read; until then it is anything but null.
        const Type natural = layout_ == Layout::json ? Type::map : contents_.natural_type();
        return static_cast<std::uint8_t>(natural);
    }

    Value at(std::uint64_t row) override {
        if (const auto exact = exact_.find(row); exact != exact_.end()) return exact->second;
        const auto held = static_cast<Type>(type(row));
        if (types_ && held == Type::null) return Value();
        switch (layout_) {
            case Layout::none:
                break;
            case Layout::boolean:
            case Layout::int64:
                return number_at(layout_, cell(row));
            case Layout::float64:
                if (contents_.widened()) return unwidened(held, cell_as<std::uint64_t>(cell(row)), bits_);
                return number_at(layout_, cell(row));
            case Layout::stacked:
                return Array(contents_.element(), contents_.shape(), {cell(row), content_->row_bytes()});
            case Layout::ragged: {
                const auto content = bytes(row);
                return Array(contents_.element(), {content.size() / element_size(contents_.element())}, content);
            }
            case Layout::string:
                return std::string(cells_->text(row));
            case Layout::bytes: {
                const auto content = bytes(row);
                return Bytes(content.begin(), content.end());
            }
            case Layout::json:
                return from_cell(
                    cells_->text(row), [this](std::uint64_t at, std::uint64_t size) { return slice(at, size); },
                    load_large_);
        }
        return Value();
    }

    std::pair<const std::byte*, std::uint64_t> cells(std::uint64_t row) override {
        const auto part = content_->part_with(row);
        return {part.data + (row - part.first) * content_->row_bytes(), part.first + part.count - row};
    }

    std::span<const std::byte> bytes(std::uint64_t row) override { return cells_->bytes(row); }

    std::shared_ptr<const Buffer> arrays() override { return slice(0, arrays_reader_ ? arrays_reader_->rows() : 0); }

private:
    void open_content(hid_t table, hid_t dataset) {
        const ElementType element = contents_.element();
        switch (layout_) {
            case Layout::boolean:
                content_.emplace(table, key_, h5::boolean(), 1);
                break;
            case Layout::int64:
                content_.emplace(table, key_, H5T_NATIVE_INT64, 8);
                break;
            case Layout::float64: {
                const h5::Handle stored(h5::checked(H5Dget_type(dataset), key_), H5Tclose);
                bits_ = H5Tget_class(stored.id()) == H5T_INTEGER;
                content_.emplace(table, key_, bits_ ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, 8);
                break;
            }
            case Layout::stacked:
                content_.emplace(table, key_, h5::native(element), element_size(element));
                break;
            case Layout::ragged:
                cells_ = open_cells(table, key_, element);
                break;
            default:
                cells_ = open_cells(table, key_);
                break;
        }
        rows_ = content_ ? content_->rows() : cells_->rows();
        if (layout_ == Layout::stacked && content_->shape() != contents_.shape())
            throw StoreError(fmt::format("column {} has another shape than it says: the file is damaged", key_));
    }

    // Values that the plain layout of a results file cannot hold: their rows, and the values as JSON.
    void load_exact(hid_t table) {
        const h5::Handle group = h5::open_group(table, kExact);
        if (!h5::exists(group.id(), key_)) return;
        const h5::Handle exact = h5::open_group(group.id(), key_);
        h5::DatasetReader rows(exact.id(), "row", H5T_NATIVE_UINT64, 8);
        const auto values = open_cells(exact.id(), "value");
        for (std::uint64_t i = 0; i < rows.rows(); ++i) {
            std::uint64_t row = 0;
            rows.read(i, 1, reinterpret_cast<std::byte*>(&row));
            exact_.emplace(row, from_cell(values->text(i), {}, {}));
        }
    }

    std::shared_ptr<const Buffer> slice(std::uint64_t at, std::uint64_t size) {
        auto bytes = std::make_shared<Buffer>(size);
        if (size == 0) return bytes;
        if (!arrays_reader_ || at > arrays_reader_->rows() || size > arrays_reader_->rows() - at)
            throw StoreError(fmt::format("column {} refers to an array that is not there: the file is damaged", key_));
        arrays_reader_->read(at, size, bytes->data());
        return bytes;
    }

    std::string key_;
    LoadLarge load_large_;
    bool bits_ = false;  // of a widened column: the numbers' bits
    std::optional<h5::DatasetReader> content_;
    std::unique_ptr<VariableCells> cells_;
    std::optional<h5::DatasetReader> types_;
    std::optional<h5::DatasetReader> valid_;
    std::optional<h5::DatasetReader> arrays_reader_;
    std::unordered_map<std::uint64_t, Value> exact_;
};

class MemoryColumn final : public ColumnReader {
public:
    explicit MemoryColumn(ColumnBuffer& column) : column_(column) {
        contents_ = column.contents();
        layout_ = column.layout();
        rows_ = column.rows();
        has_references_ = column.has_references();
        const auto natural = static_cast<std::uint8_t>(contents_.natural_type());
        const auto types = column.types().as<std::uint8_t>();
        all_present_ = std::all_of(types.begin(), types.end(), [&](std::uint8_t type) {
            return layout_ == Layout::json ? type != kAbsent : type == natural;
        });
    }

    std::uint8_t type(std::uint64_t row) override { return column_.type(row); }
    Value at(std::uint64_t row) override { return column_.at(row, {}); }
    std::pair<const std::byte*, std::uint64_t> cells(std::uint64_t row) override {
        const std::uint64_t left = rows_ - row;
        if (layout_ == Layout::boolean)
            return {column_.cells().data() + row * 8, 1};  // the first of eight bytes is the one
        if (layout_ != Layout::stacked) return {column_.cells().data() + row * 8, left};
        std::size_t bytes = element_size(contents_.element());
        for (const std::uint64_t extent : contents_.shape()) bytes *= extent;
        return {column_.cells().data() + row * bytes, left};
    }
    std::span<const std::byte> bytes(std::uint64_t row) override {
        const std::size_t element = layout_ == Layout::ragged ? element_size(contents_.element()) : 1;
        const auto ends = column_.ends().as<std::uint64_t>();
        const std::uint64_t begin = row == 0 ? 0 : ends[row - 1];
        return column_.cells().bytes().subspan(begin * element, (ends[row] - begin) * element);
    }
    std::shared_ptr<const Buffer> arrays() override {
        auto copy = std::make_shared<Buffer>();
        copy->append(column_.arrays().bytes());
        return copy;
    }

private:
    ColumnBuffer& column_;
};

}  // namespace

std::unique_ptr<ColumnReader> open_column(hid_t table, const std::string& key, LoadLarge load_large) {
    return std::make_unique<FileColumn>(table, key, std::move(load_large));
}

std::unique_ptr<ColumnReader> read_buffer(ColumnBuffer& column) { return std::make_unique<MemoryColumn>(column); }

}  // namespace penstock
