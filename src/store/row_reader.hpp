// Reads the rows of a dataset of any HDF5 file, block after block: what varies with its first dimension.
//
// Numbers (integers and floats of any width and byte order), booleans as h5py writes them, and strings. A row of a
// one-dimensional dataset is a number, a boolean or a string, of any other an array (a list, where there are no
// numbers). Blocks follow the chunks of the dataset and have a few MiB (kBlockBytes), or one row. Errors are
// StoreErrors. One thread at a time.
#pragma once

#include <penstock/value.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace penstock {

class RowReader {
public:
    static constexpr std::size_t kBlockBytes = 4 << 20;

    RowReader(const std::filesystem::path& file, const std::string& dataset);
    ~RowReader();

    std::uint64_t rows() const;
    // Of `parts` about equal parts: where this one begins. Between two chunks, if there are enough of them.
    std::uint64_t begin_of(std::uint32_t part, std::uint32_t parts) const;
    // Rows `first` and on, at most to `end`: as many as make a block.
    List read(std::uint64_t first, std::uint64_t end);

private:
    struct Open;
    std::unique_ptr<Open> open_;
};

}  // namespace penstock
