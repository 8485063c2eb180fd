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
    explicit ItemReader(StreamItems items);

    bool ended() const { return next_ == items_.count(); }
    // Throws ValueError for damaged bytes; the item is behind it then too. Arrays of a large item that is a good part
    // of the batch share its bytes, all others have their own: what a worker keeps must not keep the batch.
    Value next();

private:
    StreamItems items_;
    std::size_t next_ = 0;
    std::span<const std::byte> rest_;
};

}  // namespace penstock
