// Items of a stream, some of them one after another: encoded values (value/value_codec.hpp) and where each ends. The
// core never looks into them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

namespace penstock {

struct StreamItems {
    std::vector<std::uint32_t> sizes;  // bytes of each
    std::vector<std::byte> bytes;

    std::size_t count() const { return sizes.size(); }
    bool empty() const { return sizes.empty(); }
    bool whole() const { return std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}) == bytes.size(); }
    // Appends items [first, first + count) of `from`, whose bytes begin at `offset`; returns where the next one begins.
    std::size_t append(const StreamItems& from, std::size_t first, std::size_t n, std::size_t offset) {
        std::size_t length = 0;
        for (std::size_t i = first; i < first + n; ++i) length += from.sizes[i];
        sizes.insert(sizes.end(), from.sizes.begin() + static_cast<std::ptrdiff_t>(first),
                     from.sizes.begin() + static_cast<std::ptrdiff_t>(first + n));
        const auto begin = from.bytes.begin() + static_cast<std::ptrdiff_t>(offset);
        bytes.insert(bytes.end(), begin, begin + static_cast<std::ptrdiff_t>(length));
        return offset + length;
    }
    friend bool operator==(const StreamItems&, const StreamItems&) = default;
};

// Items are not copied on their way: never null where they are carried.
using StreamItemsPtr = std::shared_ptr<const StreamItems>;

}  // namespace penstock
