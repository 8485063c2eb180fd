// Datasets of equal cells, written and read by whole chunks.
//
// Whole chunks go past the library's chunk cache and filters (H5Dwrite_chunk, H5Dread_chunk): several times as fast,
// and the same file. Each chunk carries HDF5's fletcher32 checksum. A chunk whose cells all equal the dataset's first
// cell is not written: that cell is the fill value, which readers of the file see in its place. A column that never
// changes costs nothing so.
#pragma once

#include "store/buffer.hpp"
#include "store/hdf5.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace penstock::h5 {

// Chunks of results files fit the chunk cache readers have by default (1 MiB); segments are read from front to back.
constexpr std::size_t kResultsChunkBytes = 512u << 10;
constexpr std::size_t kSegmentChunkBytes = 2u << 20;

struct CellType {
    hid_t type = -1;  // of one element; must outlive writer and reader
    std::size_t element_bytes = 1;
    std::vector<std::uint64_t> shape;  // of a row: {} = one element

    std::size_t bytes() const;  // of one row
};

class DatasetWriter {
public:
    // Nothing is made before the first write() or finish(). `rows` may be kUnknownRows: finish() then says how many.
    DatasetWriter(hid_t parent, std::string name, CellType cell, std::uint64_t rows, std::size_t chunk_bytes);

    static constexpr std::uint64_t kUnknownRows = std::numeric_limits<std::uint64_t>::max();

    // Every write() but the last must bring a multiple of so many rows.
    std::uint64_t chunk_rows() const { return chunk_rows_; }
    // The next rows. `rows` comes back unchanged, though a checksum is for a moment put behind each of its chunks.
    void write(Buffer& rows);
    // Makes the dataset if nothing was written. The handle is for attributes.
    Handle finish();

private:
    void create(const std::byte* first_cell);
    void write_piece(std::byte* piece, std::size_t bytes, bool followed, const std::vector<hsize_t>& offset);
    bool is_fill(const std::byte* piece, std::size_t bytes) const;

    hid_t parent_;
    std::string name_;
    CellType cell_;
    std::uint64_t rows_;
    std::uint64_t written_ = 0;
    std::uint64_t chunk_rows_ = 1;
    std::vector<hsize_t> chunk_;  // of all dimensions, rows first
    std::size_t split_ = 0;       // the dimension chunks divide: 1 in those before it, all of those behind it
    std::size_t chunk_bytes_ = 0;
    std::vector<std::byte> fill_;  // empty = no chunk is left out
    Buffer padded_;
    Handle dataset_;
};

// A column that is in memory as a whole.
Handle write_dataset(hid_t parent, const std::string& name, const CellType& cell, std::uint64_t rows, Buffer& content,
                     std::size_t chunk_bytes);

class DatasetReader {
public:
    // `type`: what the elements are to be in memory.
    DatasetReader(hid_t parent, const std::string& name, hid_t type, std::size_t element_bytes);

    std::uint64_t rows() const { return dimensions_.empty() ? 0 : dimensions_[0]; }
    std::vector<std::uint64_t> shape() const;  // of a row
    std::size_t row_bytes() const { return row_bytes_; }
    hid_t id() const { return dataset_.id(); }

    // Copies rows first .. first + count - 1.
    void read(std::uint64_t first, std::uint64_t count, std::byte* to);
    // The chunk that holds `row`: valid until the next call. Falls back to reading some MiB where chunks cannot be
    // used.
    struct Part {
        std::uint64_t first = 0;
        std::uint64_t count = 0;
        const std::byte* data = nullptr;
    };
    Part part_with(std::uint64_t row);

private:
    void load_part(std::uint64_t row);
    void load_chunk(std::uint64_t index);
    void read_plainly(std::uint64_t first, std::uint64_t count, std::byte* to);

    std::string name_;
    Handle dataset_;
    hid_t type_;
    std::vector<hsize_t> dimensions_;
    std::size_t row_bytes_ = 0;
    std::uint64_t part_rows_ = 1;
    bool whole_chunks_ = false;
    bool checksummed_ = false;
    Buffer buffer_;
    Part part_;
};

}  // namespace penstock::h5
