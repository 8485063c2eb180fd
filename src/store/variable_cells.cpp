#include "store/variable_cells.hpp"

#include "store/dataset.hpp"
#include "store/table_group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

// ---------------------------------------------------------------------------------------------- segments

class SpanCells final : public VariableCells {
public:
    SpanCells(hid_t table, const std::string& name, ElementType element)
        : name_(name),
          element_bytes_(element_size(element)),
          content_(table, name, h5::native(element), element_bytes_),
          ends_group_(h5::open_group(table, kEnds)),
          ends_(ends_group_.id(), name, H5T_NATIVE_UINT64, sizeof(std::uint64_t)) {}

    std::uint64_t rows() const override { return ends_.rows(); }

    std::span<const std::byte> bytes(std::uint64_t row) override {
        const std::uint64_t begin = row == next_ ? next_begin_ : row == 0 ? 0 : end_of(row - 1);
        const std::uint64_t end = end_of(row);
        if (end < begin || end > content_.rows())
            throw StoreError(fmt::format("column {}: row {} ends where it cannot, the file is damaged", name_, row));
        next_ = row + 1;
        next_begin_ = end;
        if (begin == end) return {};
        const auto part = content_.part_with(begin);
        if (end <= part.first + part.count)
            return {part.data + (begin - part.first) * element_bytes_, (end - begin) * element_bytes_};
        across_.resize((end - begin) * element_bytes_);
        content_.read(begin, end - begin, across_.data());
        return across_.bytes();
    }

private:
    std::uint64_t end_of(std::uint64_t row) {
        const auto part = ends_.part_with(row);
        std::uint64_t end = 0;
        std::memcpy(&end, part.data + (row - part.first) * sizeof end, sizeof end);
        return end;
    }

    std::string name_;
    std::size_t element_bytes_;
    h5::DatasetReader content_;
    h5::Handle ends_group_;
    h5::DatasetReader ends_;
    std::uint64_t next_ = 0;  // the row after the one read last, and where it begins
    std::uint64_t next_begin_ = 0;
    Buffer across_;  // a cell that lies in several chunks
};

// ---------------------------------------------------------------------------------------------- results files

class FixedTextCells final : public VariableCells {
public:
    FixedTextCells(hid_t table, const std::string& name, h5::Handle type, std::size_t width)
        : type_(std::move(type)), width_(width), content_(table, name, type_.id(), width) {}

    std::uint64_t rows() const override { return content_.rows(); }

    std::span<const std::byte> bytes(std::uint64_t row) override {
        const auto part = content_.part_with(row);
        const std::byte* cell = part.data + (row - part.first) * width_;
        const auto* end = static_cast<const std::byte*>(std::memchr(cell, 0, width_));
        return {cell, end == nullptr ? width_ : static_cast<std::size_t>(end - cell)};
    }

private:
    h5::Handle type_;
    std::size_t width_;
    h5::DatasetReader content_;
};

class VariableLengthCells final : public VariableCells {
public:
    VariableLengthCells(h5::Handle dataset, h5::Handle type, std::string name, std::size_t element_bytes)
        : name_(std::move(name)),
          dataset_(std::move(dataset)),
          type_(std::move(type)),
          is_text_(H5Tis_variable_str(type_.id()) > 0),
          element_bytes_(element_bytes) {
        const h5::Handle space(h5::checked(H5Dget_space(dataset_.id()), name_), H5Sclose);
        rows_ = static_cast<std::uint64_t>(H5Sget_simple_extent_npoints(space.id()));
    }
    ~VariableLengthCells() override { release(); }

    std::uint64_t rows() const override { return rows_; }

    std::span<const std::byte> bytes(std::uint64_t row) override {
        if (row < first_ || row >= first_ + count_) load(row);
        const std::size_t at = row - first_;
        if (is_text_) {
            const char* text = texts_[at];
            return text == nullptr ? std::span<const std::byte>() : std::as_bytes(std::span(text, std::strlen(text)));
        }
        return {static_cast<const std::byte*>(arrays_[at].p), arrays_[at].len * element_bytes_};
    }

private:
    static constexpr std::uint64_t kMostRows = 4096;
    static constexpr std::size_t kWindowBytes = 4u << 20;

    // The window grows while cells are small: one cell may be a GiB.
    void load(std::uint64_t row) {
        if (row >= rows_) throw StoreError(fmt::format("column {} has no row {}", name_, row));
        const std::size_t bytes = release();
        wanted_ = std::clamp<std::uint64_t>(bytes < kWindowBytes ? wanted_ * 2 : wanted_ / 2, 1, kMostRows);
        const hsize_t start = row;
        const hsize_t count = std::min(wanted_, rows_ - row);
        texts_.resize(is_text_ ? count : 0);
        arrays_.resize(is_text_ ? 0 : count);
        void* to = is_text_ ? static_cast<void*>(texts_.data()) : arrays_.data();
        const std::string what = fmt::format("cannot read column {}", name_);
        const h5::Handle file_space(h5::checked(H5Dget_space(dataset_.id()), what), H5Sclose);
        space_ = h5::Handle(h5::checked(H5Screate_simple(1, &count, nullptr), what), H5Sclose);
        if (H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, &start, nullptr, &count, nullptr) < 0 ||
            H5Dread(dataset_.id(), type_.id(), space_.id(), file_space.id(), H5P_DEFAULT, to) < 0)
            h5::fail(what);
        first_ = row;
        count_ = count;
    }

    // Gives the window back to HDF5; returns how many bytes it had.
    std::size_t release() {
        if (count_ == 0) return 0;
        std::size_t bytes = 0;
        for (const char* text : texts_) bytes += text == nullptr ? 0 : std::strlen(text);
        for (const hvl_t& array : arrays_) bytes += array.len * element_bytes_;
        H5Dvlen_reclaim(type_.id(), space_.id(), H5P_DEFAULT,
                        is_text_ ? static_cast<void*>(texts_.data()) : static_cast<void*>(arrays_.data()));
        count_ = 0;
        return bytes;
    }

    std::string name_;
    h5::Handle dataset_;
    h5::Handle type_;
    bool is_text_;
    std::size_t element_bytes_;
    std::uint64_t rows_ = 0;
    std::uint64_t wanted_ = 1;
    std::uint64_t first_ = 0;
    std::uint64_t count_ = 0;
    h5::Handle space_;
    std::vector<char*> texts_;
    std::vector<hvl_t> arrays_;
};

}  // namespace

std::unique_ptr<VariableCells> open_cells(hid_t table, const std::string& name, ElementType element) {
    h5::quiet();
    if (h5::exists(table, kEnds)) {
        const h5::Handle ends = h5::open_group(table, kEnds);
        if (h5::exists(ends.id(), name)) return std::make_unique<SpanCells>(table, name, element);
    }
    const std::string what = fmt::format("cannot read column {}", name);
    h5::Handle dataset(h5::checked(H5Dopen2(table, name.c_str(), H5P_DEFAULT), what), H5Dclose);
    const h5::Handle stored(h5::checked(H5Dget_type(dataset.id()), what), H5Tclose);
    if (H5Tis_variable_str(stored.id()) > 0)
        return std::make_unique<VariableLengthCells>(std::move(dataset), h5::variable_string(), name, 1);
    if (H5Tget_class(stored.id()) == H5T_STRING) {
        const std::size_t width = H5Tget_size(stored.id());
        return std::make_unique<FixedTextCells>(table, name, h5::fixed_string(width), width);
    }
    return std::make_unique<VariableLengthCells>(std::move(dataset), h5::variable_array(h5::native(element)), name,
                                                 element_size(element));
}

}  // namespace penstock
