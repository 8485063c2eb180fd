// Checksums of all that is in a file, block by block, so that nothing damaged is ever taken for content: HDF5 has
// checksums for the cells of most datasets, but not for all of them, nor for all it keeps about them, and it does not
// always survive what is no HDF5. They stand behind the content, where HDF5 does not look. docs/store_format.md
// ("Checksums of blocks") is normative.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace penstock {

class BlockSums {
public:
    static constexpr std::size_t kBlockBytes = 64 << 10;

    // ------------------------------------------------------------------------------------------ of a file being
    // written

    // These bytes were written there. The sum of a block that was not written as a whole is made in the end.
    void written(std::uint64_t offset, std::span<const std::byte> bytes);
    // What is to stand behind the content. What is not known yet is read back from `descriptor`. Throws
    // std::system_error when that fails.
    std::string behind(int descriptor, std::uint64_t content_bytes);

    // ------------------------------------------------------------------------------------------ of a file being read

    // None when there are none at the end of the file. Throws StoreError ("its checksums are damaged"),
    // std::system_error.
    static std::optional<BlockSums> of(int descriptor, std::uint64_t file_bytes);

    std::uint64_t content_bytes() const { return content_bytes_; }
    std::uint64_t blocks() const { return sums_.size(); }
    std::size_t bytes_of(std::uint64_t block) const;  // the last one may be shorter
    bool fits(std::uint64_t block, std::span<const std::byte> bytes) const;

private:
    struct Sum {
        std::uint64_t value = 0;
        bool known = false;
    };
    std::uint64_t content_bytes_ = 0;
    std::vector<Sum> sums_;
};

}  // namespace penstock
