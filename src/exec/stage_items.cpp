#include "exec/stage_items.hpp"

#include "value/value_codec.hpp"

#include <limits>
#include <utility>

namespace penstock {

namespace {

constexpr std::size_t kLeastShared = 32 * 1024;
constexpr std::size_t kMostKept = 8;  // times what the item needs

}  // namespace

void append_item(const Value& item, ItemsWriter& items) {
    const std::size_t before = items.bytes.size();
    encode(item, items.bytes);
    const std::size_t size = items.bytes.size() - before;
    if (size > std::numeric_limits<std::uint32_t>::max()) {
        items.bytes.shorten(before);
        throw ValueError("an item of 4 GiB or more cannot be sent to another stage; send it in parts");
    }
    items.sizes.push_back(static_cast<std::uint32_t>(size));
}

StreamItems take_first(ItemsWriter& items, std::size_t count, std::size_t bytes) {
    StreamItems all = items.take();
    if (count == all.count()) return all;
    items.append(all.part(count, all.count() - count, bytes));
    return all.part(0, count, 0);
}

ItemReader::ItemReader(StreamItems items, bool* keeps)
    : items_(std::move(items)), rest_(items_.bytes.span()), keeps_(keeps) {}

void ItemReader::look_for_kept() {
    if (keeps_ != nullptr && lent_.use_count() > 1) *keeps_ = true;
}

Value ItemReader::next() {
    look_for_kept();
    const std::size_t size = items_.sizes[next_++];
    std::span<const std::byte> bytes = rest_.first(size);
    rest_ = rest_.subspan(size);
    const bool is_lent = keeps_ != nullptr && !*keeps_;
    const bool shares = size >= kLeastShared && (is_lent || size >= items_.bytes.size() / kMostKept);
    if (shares && lent_ == nullptr) lent_ = std::make_shared<const SharedBytes>(items_.bytes);
    Value item = decode_value(bytes, shares ? lent_ : nullptr);
    if (!bytes.empty()) throw ValueError("the bytes of an item are damaged: there are more than the item has");
    return item;
}

}  // namespace penstock
