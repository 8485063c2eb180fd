#include "store/dataset.hpp"

#include "store/checksum.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace penstock::h5 {

namespace {

constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kLargestFill = 256;     // longer cells are rarely all the same
constexpr std::size_t kPartBytes = 4u << 20;  // read at once where chunks cannot be used

std::uint64_t product(const std::vector<hsize_t>& extents, std::size_t from) {
    std::uint64_t count = 1;
    for (std::size_t i = from; i < extents.size(); ++i) count *= extents[i];
    return count;
}

// HDF5 stores the checksum of its filter little-endian.
void put_checksum(std::byte* at, std::uint32_t sum) {
    for (std::size_t i = 0; i < kChecksumBytes; ++i) at[i] = static_cast<std::byte>(sum >> (8 * i));
}

std::uint32_t get_checksum(const std::byte* at) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < kChecksumBytes; ++i) sum |= std::to_integer<std::uint32_t>(at[i]) << (8 * i);
    return sum;
}

bool repeats(const std::byte* data, std::size_t bytes, std::size_t period) {
    return std::memcmp(data, data + period, bytes - period) == 0;
}

}  // namespace

std::size_t CellType::bytes() const {
    std::size_t total = element_bytes;
    for (const std::uint64_t extent : shape) total *= extent;
    return total;
}

// ---------------------------------------------------------------------------------------------- writing

DatasetWriter::DatasetWriter(hid_t parent, std::string name, CellType cell, std::uint64_t rows, std::size_t chunk_bytes)
    : parent_(parent), name_(std::move(name)), cell_(std::move(cell)), rows_(rows) {
    chunk_.push_back(rows);
    chunk_.insert(chunk_.end(), cell_.shape.begin(), cell_.shape.end());
    // The first dimension whose single step fits a chunk is the one that is divided.
    while (split_ + 1 < chunk_.size() && product(chunk_, split_ + 1) * cell_.element_bytes > chunk_bytes) ++split_;
    for (std::size_t i = 0; i < split_; ++i) chunk_[i] = 1;
    const std::uint64_t step = std::max<std::uint64_t>(1, product(chunk_, split_ + 1) * cell_.element_bytes);
    const std::uint64_t most = std::max<std::uint64_t>(1, chunk_bytes / step);
    // Chunks of equal size, so that the last one is not mostly padding.
    const std::uint64_t chunks =
        rows == kUnknownRows ? 1 : std::max<std::uint64_t>(1, (chunk_[split_] + most - 1) / most);
    chunk_[split_] = rows == kUnknownRows ? most : std::max<std::uint64_t>(1, (chunk_[split_] + chunks - 1) / chunks);
    chunk_bytes_ = chunk_[split_] * step;
    chunk_rows_ = chunk_[0];
}

void DatasetWriter::create(const std::byte* first_cell) {
    quiet();
    std::vector<hsize_t> dimensions{rows_ == kUnknownRows ? 0 : rows_};
    dimensions.insert(dimensions.end(), cell_.shape.begin(), cell_.shape.end());
    std::vector<hsize_t> limits = dimensions;
    if (rows_ == kUnknownRows) limits[0] = H5S_UNLIMITED;
    const int rank = static_cast<int>(dimensions.size());
    const Handle space(checked(H5Screate_simple(rank, dimensions.data(), limits.data()), name_), H5Sclose);
    const Handle creation(checked(H5Pcreate(H5P_DATASET_CREATE), name_), H5Pclose);
    if (first_cell != nullptr) {  // without data it stays contiguous: HDF5 wants no chunks of extent 0
        if (H5Pset_chunk(creation.id(), rank, chunk_.data()) < 0 || H5Pset_fletcher32(creation.id()) < 0 ||
            H5Pset_fill_time(creation.id(), H5D_FILL_TIME_IFSET) < 0)
            fail(fmt::format("cannot make dataset {}", name_));
        if (cell_.shape.empty() && cell_.element_bytes <= kLargestFill) {
            fill_.assign(first_cell, first_cell + cell_.element_bytes);
            if (H5Pset_fill_value(creation.id(), cell_.type, fill_.data()) < 0)
                fail(fmt::format("cannot make dataset {}", name_));
        }
    }
    dataset_ = Handle(
        checked(H5Dcreate2(parent_, name_.c_str(), cell_.type, space.id(), H5P_DEFAULT, creation.id(), H5P_DEFAULT),
                fmt::format("cannot make dataset {}", name_)),
        H5Dclose);
}

bool DatasetWriter::is_fill(const std::byte* piece, std::size_t bytes) const {
    return !fill_.empty() && std::memcmp(piece, fill_.data(), fill_.size()) == 0 && repeats(piece, bytes, fill_.size());
}

void DatasetWriter::write_piece(std::byte* piece, std::size_t bytes, bool followed,
                                const std::vector<hsize_t>& offset) {
    if (is_fill(piece, bytes)) return;
    if (bytes < chunk_bytes_) {  // at an edge; the rest of the chunk is never seen
        padded_.clear();
        padded_.append(piece, bytes);
        padded_.append_zeros(chunk_bytes_ - bytes);
        piece = padded_.data();
        followed = false;
    }
    std::byte saved[kChecksumBytes];
    std::memcpy(saved, piece + chunk_bytes_, kChecksumBytes);
    put_checksum(piece + chunk_bytes_, fletcher32({piece, chunk_bytes_}));
    const herr_t result =
        H5Dwrite_chunk(dataset_.id(), H5P_DEFAULT, 0, offset.data(), chunk_bytes_ + kChecksumBytes, piece);
    if (followed) std::memcpy(piece + chunk_bytes_, saved, kChecksumBytes);
    if (result < 0) fail(fmt::format("cannot write dataset {}", name_));
}

void DatasetWriter::write(Buffer& rows) {
    const std::size_t row_bytes = cell_.bytes();
    if (rows.empty() || row_bytes == 0) return;
    if (!dataset_) create(rows.data());
    const std::uint64_t count = rows.size() / row_bytes;
    if (rows_ == kUnknownRows) {
        std::vector<hsize_t> now{written_ + count};
        now.insert(now.end(), cell_.shape.begin(), cell_.shape.end());
        if (H5Dset_extent(dataset_.id(), now.data()) < 0) fail(fmt::format("cannot extend dataset {}", name_));
    }

    // Steps along the divided dimension, over all values of those before it, are contiguous in memory.
    std::vector<hsize_t> offset(chunk_.size(), 0);
    offset[0] = written_;
    std::vector<hsize_t> extents{count};
    extents.insert(extents.end(), cell_.shape.begin(), cell_.shape.end());
    const std::size_t step = chunk_bytes_ / chunk_[split_];
    const std::uint64_t start = split_ == 0 ? written_ : 0;
    std::byte* at = rows.data();
    const std::byte* end = rows.data() + rows.size();
    while (at < end) {
        for (std::uint64_t i = 0; i < extents[split_]; i += chunk_[split_]) {
            const std::size_t bytes = std::min<std::uint64_t>(chunk_[split_], extents[split_] - i) * step;
            offset[split_] = start + i;
            write_piece(at, bytes, at + bytes < end, offset);
            at += bytes;
        }
        for (std::size_t d = split_; d-- > 0;) {  // the next value of the dimensions before
            if (++offset[d] - (d == 0 ? written_ : 0) < extents[d]) break;
            if (d > 0) offset[d] = 0;
        }
    }
    written_ += count;
}

Handle DatasetWriter::finish() {
    if (!dataset_) {
        if (rows_ == kUnknownRows) rows_ = 0;
        create(nullptr);
    }
    return std::move(dataset_);
}

Handle write_dataset(hid_t parent, const std::string& name, const CellType& cell, std::uint64_t rows, Buffer& content,
                     std::size_t chunk_bytes) {
    DatasetWriter writer(parent, name, cell, rows, chunk_bytes);
    writer.write(content);
    return writer.finish();
}

// ---------------------------------------------------------------------------------------------- reading

DatasetReader::DatasetReader(hid_t parent, const std::string& name, hid_t type, std::size_t element_bytes)
    : name_(name), type_(type) {
    quiet();
    const std::string what = fmt::format("cannot read dataset {}", name);
    dataset_ = Handle(checked(H5Dopen2(parent, name.c_str(), H5P_DEFAULT), what), H5Dclose);
    const Handle space(checked(H5Dget_space(dataset_.id()), what), H5Sclose);
    dimensions_.resize(static_cast<std::size_t>(std::max(0, H5Sget_simple_extent_ndims(space.id()))));
    if (dimensions_.empty() || H5Sget_simple_extent_dims(space.id(), dimensions_.data(), nullptr) < 0) fail(what);
    row_bytes_ = product(dimensions_, 1) * element_bytes;
    part_rows_ = std::max<std::uint64_t>(1, kPartBytes / std::max<std::size_t>(1, row_bytes_));

    const Handle creation(checked(H5Dget_create_plist(dataset_.id()), what), H5Pclose);
    const Handle stored(checked(H5Dget_type(dataset_.id()), what), H5Tclose);
    std::vector<hsize_t> chunk(dimensions_.size());
    if (H5Pget_layout(creation.id()) != H5D_CHUNKED || H5Tequal(stored.id(), type_) <= 0 ||
        H5Tdetect_class(stored.id(), H5T_VLEN) > 0 || H5Tis_variable_str(stored.id()) > 0)
        return;
    if (H5Pget_chunk(creation.id(), static_cast<int>(chunk.size()), chunk.data()) < 0) fail(what);
    unsigned flags = 0;
    std::size_t parameters = 0;
    const int filters = H5Pget_nfilters(creation.id());
    checksummed_ = filters == 1 && H5Pget_filter2(creation.id(), 0, &flags, &parameters, nullptr, 0, nullptr,
                                                  nullptr) == H5Z_FILTER_FLETCHER32;
    whole_chunks_ =
        std::equal(chunk.begin() + 1, chunk.end(), dimensions_.begin() + 1) && (filters == 0 || checksummed_);
    if (whole_chunks_) part_rows_ = chunk[0];
}

std::vector<std::uint64_t> DatasetReader::shape() const { return {dimensions_.begin() + 1, dimensions_.end()}; }

void DatasetReader::read_plainly(std::uint64_t first, std::uint64_t count, std::byte* to) {
    quiet();
    const std::string what = fmt::format("cannot read dataset {}", name_);
    std::vector<hsize_t> start(dimensions_.size(), 0), extent = dimensions_;
    start[0] = first;
    extent[0] = count;
    const Handle file_space(checked(H5Dget_space(dataset_.id()), what), H5Sclose);
    const Handle memory_space(checked(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), what),
                              H5Sclose);
    if (H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr) < 0 ||
        H5Dread(dataset_.id(), type_, memory_space.id(), file_space.id(), H5P_DEFAULT, to) < 0)
        fail(what);
}

void DatasetReader::load_chunk(std::uint64_t index) {
    quiet();
    const std::string what = fmt::format("cannot read dataset {}", name_);
    std::vector<hsize_t> offset(dimensions_.size(), 0);
    offset[0] = index * part_rows_;
    const std::size_t bytes = part_rows_ * row_bytes_;
    const std::size_t stored = bytes + (checksummed_ ? kChecksumBytes : 0);
    unsigned mask = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0;
    if (H5Dget_chunk_info_by_coord(dataset_.id(), offset.data(), &mask, &address, &size) < 0) fail(what);
    buffer_.resize(bytes);
    if (address == HADDR_UNDEF || size == 0) {  // left out: all fill value, which HDF5 knows
        read_plainly(offset[0], std::min<std::uint64_t>(part_rows_, rows() - offset[0]), buffer_.data());
        return;
    }
    if (size != stored || mask != 0) fail(fmt::format("{}: a chunk has an unexpected size", what));
    std::uint32_t filters = 0;
    if (H5Dread_chunk(dataset_.id(), H5P_DEFAULT, offset.data(), &filters, buffer_.data()) < 0) fail(what);
    if (checksummed_ && get_checksum(buffer_.data() + bytes) != fletcher32({buffer_.data(), bytes}))
        throw StoreError(fmt::format("{}: its checksum does not match, the file is damaged", what));
}

void DatasetReader::load_part(std::uint64_t row) {
    const std::uint64_t index = row / part_rows_;
    const std::uint64_t first = index * part_rows_;
    const std::uint64_t count = std::min<std::uint64_t>(part_rows_, rows() - first);
    part_ = {};
    if (whole_chunks_) {
        load_chunk(index);
    } else {
        buffer_.resize(count * row_bytes_);
        read_plainly(first, count, buffer_.data());
    }
    part_ = {first, count, buffer_.data()};
}

DatasetReader::Part DatasetReader::part_with(std::uint64_t row) {
    if (row >= rows()) throw StoreError(fmt::format("dataset {} has {} rows, none numbered {}", name_, rows(), row));
    if (part_.count == 0 || row < part_.first || row >= part_.first + part_.count) load_part(row);
    return part_;
}

void DatasetReader::read(std::uint64_t first, std::uint64_t count, std::byte* to) {
    if (row_bytes_ == 0) return;
    while (count > 0) {
        const Part part = part_with(first);
        const std::uint64_t take = std::min(count, part.first + part.count - first);
        std::memcpy(to, part.data + (first - part.first) * row_bytes_, take * row_bytes_);
        to += take * row_bytes_;
        first += take;
        count -= take;
    }
}

}  // namespace penstock::h5
