// Memory in huge pages, where the system gives them: what one process reads from another, page by page, is read an
// eighth faster, and a large block is not faulted in 4 KiB at a time.
//
// Without them all is as with any other pages.
#pragma once

#include <cstddef>

namespace penstock {

inline constexpr std::size_t kHugePage = 2 << 20;

// Begins at a multiple of kHugePage. Throws std::bad_alloc.
std::byte* map_huge(std::size_t bytes);
void unmap_huge(std::byte* memory, std::size_t bytes) noexcept;

// A few blocks of one size, cut from common huge pages.
class BlockSlab {
public:
    // Of blocks smaller than a good part of a huge page there are too few for one.
    static bool worth_it(std::size_t block_bytes) { return block_bytes >= kHugePage / 8 && block_bytes < kHugePage; }

    explicit BlockSlab(std::size_t block_bytes);
    ~BlockSlab() { unmap_huge(memory_, bytes_); }
    BlockSlab(const BlockSlab&) = delete;

    bool all_cut() const { return cut_ == blocks_; }
    std::byte* cut() { return memory_ + block_bytes_ * cut_++; }  // not when all_cut()
    // Its memory goes back to the system. True for the last block that was cut: nobody needs the slab any more.
    bool give_back(std::byte* block) noexcept;

private:
    const std::size_t block_bytes_;
    const std::size_t blocks_;
    const std::size_t bytes_;
    std::byte* const memory_;
    std::size_t cut_ = 0, given_back_ = 0;
};

}  // namespace penstock
