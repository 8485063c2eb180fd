#include "value/huge_pages.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace penstock {

namespace {

constexpr std::size_t kPage = 4096;

std::size_t rounded_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

// As many huge pages as leave little of the last one unused.
std::size_t slab_bytes(std::size_t block_bytes) { return block_bytes < kHugePage / 4 ? kHugePage : 2 * kHugePage; }

}  // namespace

std::byte* map_huge(std::size_t bytes) {
    const std::size_t length = rounded_up(bytes, kPage);
    void* const all = ::mmap(nullptr, length + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) throw std::bad_alloc();
    auto* const begin = static_cast<std::byte*>(all);
    const std::size_t before =
        rounded_up(reinterpret_cast<std::uintptr_t>(begin), kHugePage) - reinterpret_cast<std::uintptr_t>(begin);
    if (before != 0) ::munmap(begin, before);
    ::munmap(begin + before + length, kHugePage - before);
    ::madvise(begin + before, length, MADV_HUGEPAGE);
    return begin + before;
}

void unmap_huge(std::byte* memory, std::size_t bytes) noexcept { ::munmap(memory, rounded_up(bytes, kPage)); }

BlockSlab::BlockSlab(std::size_t block_bytes)
    : block_bytes_(block_bytes),
      blocks_(slab_bytes(block_bytes) / block_bytes),
      bytes_(slab_bytes(block_bytes)),
      memory_(map_huge(bytes_)) {}

bool BlockSlab::give_back(std::byte* block) noexcept {
    ::madvise(block, block_bytes_, MADV_DONTNEED);
    return ++given_back_ == cut_ && all_cut();
}

}  // namespace penstock
