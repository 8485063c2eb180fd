// Items of a stage between their bytes and the values that user code sees.
#pragma once

#include "core/stream_items.hpp"

#include <penstock/value.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace penstock {

// What one answer holds at most, but for its last item.
inline constexpr std::size_t kPortionItems = 2048;
inline constexpr std::size_t kPortionBytes = 1 << 20;

inline bool is_portion(const ItemsWriter& items) {
    return items.count() >= kPortionItems || items.bytes.size() >= kPortionBytes;
}

// Throws ValueError for what cannot be sent (it nests too deep, or has 4 GiB); `items` is as before then.
void append_item(const Value& item, ItemsWriter& items);

// Moves the first `count` items, `bytes` long, out of `items`.
StreamItems take_first(ItemsWriter& items, std::size_t count, std::size_t bytes);

// Reads one item after another.
class ItemReader {
public:
    // Arrays of large items share the bytes of all of them where that costs no memory: with `keeps`, until an item is
    // found to be held still when the next one is asked for, or the reader ends (*keeps becomes true, and outlives the
    // reader); from then on, and without it, where the item is a good part of all. What has its own bytes may be kept.
    explicit ItemReader(StreamItems items, bool* keeps = nullptr);
    ~ItemReader() { look_for_kept(); }
    ItemReader(const ItemReader&) = delete;
    ItemReader& operator=(const ItemReader&) = delete;

    bool ended() const { return next_ == items_.count(); }
    // Throws ValueError for damaged bytes; the item is behind it then too.
    Value next();

private:
    void look_for_kept();

    StreamItems items_;
    std::size_t next_ = 0;
    std::span<const std::byte> rest_;
    bool* keeps_;
    std::shared_ptr<const void> lent_;  // what the arrays hold that share the bytes
};

}  // namespace penstock
