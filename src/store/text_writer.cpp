#include "store/text_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

constexpr std::uint64_t kRowsPerWrite = 4096;  // also of a chunk
constexpr std::size_t kBytesPerWrite = 8u << 20;

}  // namespace

// ---------------------------------------------------------------------------------------------- variable length

VariableWriter VariableWriter::texts(hid_t parent, const std::string& name, std::uint64_t rows) {
    return {parent, name, rows, h5::variable_string(), 1};
}

VariableWriter VariableWriter::arrays(hid_t parent, const std::string& name, std::uint64_t rows, hid_t element,
                                      std::size_t element_bytes) {
    return {parent, name, rows, h5::variable_array(element), element_bytes};
}

VariableWriter::VariableWriter(hid_t parent, std::string name, std::uint64_t rows, h5::Handle type,
                               std::size_t element_bytes)
    : name_(std::move(name)),
      type_(std::move(type)),
      element_bytes_(element_bytes),
      text_(H5Tis_variable_str(type_.id()) > 0) {
    const std::string what = fmt::format("cannot make dataset {}", name_);
    const hsize_t extent = rows;
    const hsize_t chunk = std::clamp<hsize_t>(rows, 1, kRowsPerWrite);
    const h5::Handle space(h5::checked(H5Screate_simple(1, &extent, nullptr), what), H5Sclose);
    const h5::Handle creation(h5::checked(H5Pcreate(H5P_DATASET_CREATE), what), H5Pclose);
    // HDF5 has no checksums for variable-length cells.
    if (rows > 0 && H5Pset_chunk(creation.id(), 1, &chunk) < 0) h5::fail(what);
    dataset_ = h5::Handle(
        h5::checked(H5Dcreate2(parent, name_.c_str(), type_.id(), space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT),
                    what),
        H5Dclose);
}

void VariableWriter::add(std::span<const std::byte> cell) {
    if (!text_ && cell.size() >= kBytesPerWrite) {  // without a copy
        flush();
        const hvl_t one{cell.size() / element_bytes_, const_cast<std::byte*>(cell.data())};
        return write(1, &one);
    }
    starts_.push_back(content_.size());
    content_.append(cell);
    all_empty_ = all_empty_ && cell.empty();
    if (text_) content_.put('\0');
    if (starts_.size() == kRowsPerWrite || content_.size() >= kBytesPerWrite) flush();
}

void VariableWriter::flush() {
    const std::uint64_t count = starts_.size();
    if (all_empty_) {
        written_ += count;
    } else if (text_) {
        std::vector<const char*> cells;
        for (const std::size_t start : starts_) cells.push_back(reinterpret_cast<const char*>(content_.data()) + start);
        write(count, cells.data());
    } else {
        std::vector<hvl_t> cells;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t end = i + 1 < count ? starts_[i + 1] : content_.size();
            cells.push_back({(end - starts_[i]) / element_bytes_, content_.data() + starts_[i]});
        }
        write(count, cells.data());
    }
    starts_.clear();
    content_.clear();
    all_empty_ = true;
}

void VariableWriter::write(std::uint64_t count, const void* cells) {
    const std::string what = fmt::format("cannot write dataset {}", name_);
    const hsize_t start = written_;
    const hsize_t extent = count;
    const h5::Handle memory(h5::checked(H5Screate_simple(1, &extent, nullptr), what), H5Sclose);
    const h5::Handle file(h5::checked(H5Dget_space(dataset_.id()), what), H5Sclose);
    if (H5Sselect_hyperslab(file.id(), H5S_SELECT_SET, &start, nullptr, &extent, nullptr) < 0 ||
        H5Dwrite(dataset_.id(), type_.id(), memory.id(), file.id(), H5P_DEFAULT, cells) < 0)
        h5::fail(what);
    written_ += count;
}

h5::Handle VariableWriter::finish() {
    flush();
    return std::move(dataset_);
}

// ---------------------------------------------------------------------------------------------- texts

TextWriter::TextWriter(hid_t parent, const std::string& name, std::uint64_t rows, std::size_t longest)
    : width_(std::max<std::size_t>(1, longest)) {
    if (longest > kLongestFixedText) {
        variable_ = VariableWriter::texts(parent, name, rows);
        return;
    }
    type_ = h5::fixed_string(width_);
    fixed_.emplace(parent, name, h5::CellType{type_.id(), width_, {}}, rows, h5::kResultsChunkBytes);
    flush_bytes_ = fixed_->chunk_rows() * width_;
}

void TextWriter::add(std::string_view text) {
    if (variable_) return variable_->add(text);
    std::byte* cell = cells_.extend(width_);
    const std::size_t size = std::min(text.size(), width_);
    std::copy_n(text.data(), size, reinterpret_cast<char*>(cell));
    std::memset(cell + size, 0, width_ - size);
    if (cells_.size() == flush_bytes_) {
        fixed_->write(cells_);
        cells_.clear();
    }
}

void TextWriter::finish() {
    if (variable_) {
        variable_->finish();
        return;
    }
    fixed_->write(cells_);
    fixed_->finish();
}

}  // namespace penstock
