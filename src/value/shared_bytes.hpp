// Bytes that are written once and shared from then on: a part of them needs no copy, but keeps all of them.
//
// BytesWriter makes them; its room is neither zeroed nor given back to the system each time: blocks of up to 4 MiB are
// used again, the last one first, because that one is still in a cache. Threads: parts may be used and dropped by any.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace penstock {

class SharedBytes {
public:
    SharedBytes() = default;
    SharedBytes(std::shared_ptr<const void> owner, std::span<const std::byte> bytes)
        : owner_(std::move(owner)), bytes_(bytes) {}
    SharedBytes(std::vector<std::byte> bytes);  // takes them

    const std::byte* data() const { return bytes_.data(); }
    std::size_t size() const { return bytes_.size(); }
    bool empty() const { return bytes_.empty(); }
    std::span<const std::byte> span() const { return bytes_; }
    const std::shared_ptr<const void>& owner() const { return owner_; }  // keeps them

    SharedBytes part(std::size_t offset, std::size_t count) const { return {owner_, bytes_.subspan(offset, count)}; }

    friend bool operator==(const SharedBytes& a, const SharedBytes& b);

private:
    std::shared_ptr<const void> owner_;
    std::span<const std::byte> bytes_;
};

class BytesWriter {
public:
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    const std::byte* data() const { return block_.get(); }

    // Room for so many in all, so that what is there need not be moved.
    void reserve(std::size_t bytes);
    // `count` more; whoever calls writes them.
    std::byte* extend(std::size_t count);
    void append(std::span<const std::byte> bytes);
    void shorten(std::size_t size) { size_ = size; }  // to the first so many
    // What was written; the writer is empty again.
    SharedBytes take();

private:
    void move_to(std::size_t capacity);

    std::shared_ptr<std::byte> block_;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    std::size_t expected_ = 0;  // as much as was taken last: growing copies what is there
};

}  // namespace penstock
