// Sorting many small records by a number.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace penstock {

// Stable, by `key_of(record)` (uint64). Sorted input costs one look; else a pass for each 11 bits in which keys differ.
template <class T, class KeyOf>
void sort_by_key(std::vector<T>& records, KeyOf key_of) {
    const auto before = [&](const T& a, const T& b) { return key_of(a) < key_of(b); };
    if (std::is_sorted(records.begin(), records.end(), before)) return;
    constexpr unsigned kBits = 11;
    constexpr std::uint64_t kMask = (1u << kBits) - 1;
    std::uint64_t differing = 0;
    const std::uint64_t first = key_of(records.front());
    for (const T& record : records) differing |= key_of(record) ^ first;

    std::vector<T> sorted(records.size());
    for (unsigned shift = 0; shift < 64; shift += kBits) {
        if ((differing >> shift & kMask) == 0) continue;
        std::array<std::size_t, kMask + 1> place{};
        for (const T& record : records) ++place[key_of(record) >> shift & kMask];
        std::size_t total = 0;
        for (std::size_t& p : place) {
            const std::size_t count = p;
            p = total;
            total += count;
        }
        for (T& record : records) sorted[place[key_of(record) >> shift & kMask]++] = std::move(record);
        records.swap(sorted);
    }
}

}  // namespace penstock
