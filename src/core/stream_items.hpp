// Items of a stream, some of them one after another: encoded values (value/value_codec.hpp) and where each ends. The
// core never looks into them. They are not copied on their way: parts of a batch share its bytes.
#pragma once

#include "value/shared_bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

namespace penstock {

struct StreamItems {
    std::vector<std::uint32_t> sizes;  // bytes of each
    SharedBytes bytes;

    std::size_t count() const { return sizes.size(); }
    bool empty() const { return sizes.empty(); }
    bool whole() const { return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}) == bytes.size(); }
    // Items [first, first + n), whose bytes begin at `offset`.
    StreamItems part(std::size_t first, std::size_t n, std::size_t offset) const {
        StreamItems some;
        const auto begin = sizes.begin() + static_cast<std::ptrdiff_t>(first);
        some.sizes.assign(begin, begin + static_cast<std::ptrdiff_t>(n));
        const auto length = std::accumulate(some.sizes.begin(), some.sizes.end(), std::size_t{0});
        some.bytes = bytes.part(offset, length);
        return some;
    }
    friend bool operator==(const StreamItems&, const StreamItems&) = default;
};

// Never null where they are carried.
using StreamItemsPtr = std::shared_ptr<const StreamItems>;

// Items being put together, one after another.
struct ItemsWriter {
    std::vector<std::uint32_t> sizes;
    BytesWriter bytes;

    std::size_t count() const { return sizes.size(); }
    bool empty() const { return sizes.empty(); }
    void append(const StreamItems& from) {
        sizes.insert(sizes.end(), from.sizes.begin(), from.sizes.end());
        bytes.append(from.bytes.span());
    }
    StreamItems take() { return {std::exchange(sizes, {}), bytes.take()}; }
};

}  // namespace penstock
