#include "value/shared_bytes.hpp"

#include "value/huge_pages.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <new>

namespace penstock {

namespace {

constexpr std::size_t kLeastBlock = 16 * 1024;
constexpr std::size_t kBesides = 4 * 1024;  // so that 256 KiB of something and what names it fit one block
constexpr std::size_t kClasses = 9;         // each twice the one before: up to 4 MiB
constexpr std::size_t kMostSpare = 16 << 20;
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kMostExpected = (1 << 20) + kBesides;
constexpr std::size_t kMostGrowth = 512 * 1024;  // up to here a block grows fourfold, then twofold

constexpr std::size_t class_bytes(std::size_t c) { return (kLeastBlock << c) + kBesides; }

std::byte* allocate(std::size_t bytes) {
    if (bytes >= kHugePage) return map_huge(bytes);
    return static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kAlignment}));
}
void release(std::byte* block, std::size_t bytes) {
    if (bytes >= kHugePage) return unmap_huge(block, bytes);
    ::operator delete (block, std::align_val_t{kAlignment});
}

// So that a block of one class grows into one of another, and not a little beyond it.
std::size_t growth(std::size_t capacity) {
    if (capacity <= kBesides) return 0;
    return (capacity - kBesides) * (capacity < kMostGrowth ? 4 : 2) + kBesides;
}

// Blocks to be used again.
class Spare {
public:
    std::shared_ptr<std::byte> block(std::size_t& bytes) {
        const std::size_t c = class_for(bytes);
        if (c == kClasses) return {allocate(bytes), [bytes](std::byte* block) { release(block, bytes); }};
        bytes = class_bytes(c);
        const Block block = get(c);
        return {block.bytes, [c, slab = block.slab](std::byte* begin) { instance().put(c, {begin, slab}); }};
    }

    // Never destroyed: threads may drop their last bytes when the program ends.
    static Spare& instance() {
        static Spare* const spare = new Spare;
        return *spare;
    }

private:
    struct Block {
        std::byte* bytes = nullptr;
        BlockSlab* slab = nullptr;  // it was cut from; null = a block by itself
    };

    static std::size_t class_for(std::size_t bytes) {
        std::size_t c = 0;
        while (c < kClasses && class_bytes(c) < bytes) ++c;
        return c;
    }

    Block get(std::size_t c) {
        const std::lock_guard lock(mutex_);
        if (!blocks_[c].empty()) {
            const Block block = blocks_[c].back();
            blocks_[c].pop_back();
            bytes_ -= class_bytes(c);
            return block;
        }
        if (!BlockSlab::worth_it(class_bytes(c))) return {allocate(class_bytes(c)), nullptr};
        if (slabs_[c] == nullptr || slabs_[c]->all_cut()) slabs_[c] = new BlockSlab(class_bytes(c));
        return {slabs_[c]->cut(), slabs_[c]};
    }

    void put(std::size_t c, Block block) {
        const std::lock_guard lock(mutex_);
        if (bytes_ + class_bytes(c) <= kMostSpare) {
            blocks_[c].push_back(block);
            bytes_ += class_bytes(c);
        } else if (block.slab == nullptr) {
            release(block.bytes, class_bytes(c));
        } else if (block.slab->give_back(block.bytes)) {
            if (slabs_[c] == block.slab) slabs_[c] = nullptr;
            delete block.slab;
        }
    }

    std::mutex mutex_;
    std::array<std::vector<Block>, kClasses> blocks_;
    std::array<BlockSlab*, kClasses> slabs_{};  // what blocks are being cut from
    std::size_t bytes_ = 0;
};

}  // namespace

SharedBytes::SharedBytes(std::vector<std::byte> bytes) {
    auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    bytes_ = *owner;
    owner_ = std::move(owner);
}

bool operator==(const SharedBytes& a, const SharedBytes& b) {
    return std::equal(a.bytes_.begin(), a.bytes_.end(), b.bytes_.begin(), b.bytes_.end());
}

void BytesWriter::reserve(std::size_t bytes) {
    if (bytes > capacity_) move_to(bytes);
}

void BytesWriter::move_to(std::size_t capacity) {
    std::shared_ptr<std::byte> block = Spare::instance().block(capacity);
    if (size_ != 0) std::memcpy(block.get(), block_.get(), size_);
    block_ = std::move(block);
    capacity_ = capacity;
}

std::byte* BytesWriter::extend(std::size_t count) {
    const std::size_t needed = size_ + count;
    if (needed > capacity_) move_to(std::max(needed, capacity_ == 0 ? expected_ : growth(capacity_)));
    std::byte* const at = block_.get() + size_;
    size_ = needed;
    return at;
}

void BytesWriter::append(std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
}

SharedBytes BytesWriter::take() {
    const std::span<const std::byte> bytes(block_.get(), size_);
    expected_ = std::min(size_, kMostExpected);
    size_ = capacity_ = 0;
    return {std::move(block_), bytes};
}

}  // namespace penstock
