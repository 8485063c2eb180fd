#include "store/checksum.hpp"

#include <bit>
#include <cstring>

namespace penstock {

namespace {

// Fletcher's sums are taken modulo 65535: s1 = sum of the words w[i], s2 = sum of (n - i) * w[i]. HDF5 reads its words
// big-endian. Read in this machine's order instead, each word is off by a factor of 256 (2^16 = 1 modulo 65535), and so
// are both sums: one multiplication at the end puts that right, and the loop needs no swapping.
constexpr std::uint64_t kModulus = 65535;
constexpr std::size_t kLanes = 16;
// After m steps a lane's second sum is at most m * (m + 1) / 2 * 65535, which has to fit 32 bits.
constexpr std::size_t kMaxSteps = 360;

struct Sums {
    std::uint64_t first = 0;   // modulo 65535
    std::uint64_t second = 0;  // modulo 65535

    // Continues with `n` words whose own sums, started from zero, are a and b.
    void extend(std::uint64_t n, std::uint64_t a, std::uint64_t b) {
        second = (second + n % kModulus * first + b) % kModulus;
        first = (first + a) % kModulus;
    }
};

// `steps` times kLanes words: lane j sums the words j, j + kLanes, ...; the compiler makes vectors of the lanes.
void add_block(const std::byte* data, std::size_t steps, Sums& sums) {
    std::uint32_t a[kLanes] = {};
    std::uint32_t b[kLanes] = {};
    for (std::size_t step = 0; step < steps; ++step) {
        std::uint16_t words[kLanes];
        std::memcpy(words, data + step * sizeof words, sizeof words);
        for (std::size_t j = 0; j < kLanes; ++j) {
            a[j] += words[j];
            b[j] += a[j];
        }
    }
    std::uint64_t total_a = 0;
    std::uint64_t total_b = 0;
    for (std::size_t j = 0; j < kLanes; ++j) {
        total_a += a[j];
        // The word of step k in lane j stands at k * kLanes + j: its weight is kLanes * (steps - k) - j.
        total_b += kLanes * std::uint64_t{b[j]} + (kModulus * kLanes - j) * (a[j] % kModulus);
    }
    sums.extend(steps * kLanes, total_a, total_b);
}

// The library's way of folding never turns a sum that is not zero into zero.
std::uint32_t folded(std::uint64_t sum, bool all_zero) {
    if (all_zero) return 0;
    return static_cast<std::uint32_t>(sum == 0 ? kModulus : sum);
}

bool all_zero(std::span<const std::byte> bytes) {
    if (bytes.empty()) return true;
    return bytes[0] == std::byte{} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

std::uint32_t fletcher32(std::span<const std::byte> bytes) {
    const bool zero = all_zero(bytes);  // ends at the first byte that is not
    if (zero) return 0;

    Sums sums;
    const std::byte* data = bytes.data();
    std::size_t left = bytes.size();
    while (left >= 2 * kLanes) {
        std::size_t steps = left / (2 * kLanes);
        if (steps > kMaxSteps) steps = kMaxSteps;
        add_block(data, steps, sums);
        data += steps * 2 * kLanes;
        left -= steps * 2 * kLanes;
    }
    for (; left >= 2; left -= 2, data += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, data, 2);
        sums.extend(1, word, word);
    }
    if (left == 1) {  // the last word has its second byte missing, which counts as zero
        const std::byte padded[2] = {*data, std::byte{}};
        std::uint16_t word = 0;
        std::memcpy(&word, padded, 2);
        sums.extend(1, word, word);
    }
    if constexpr (std::endian::native == std::endian::little) {
        sums.first = sums.first * 256 % kModulus;
        sums.second = sums.second * 256 % kModulus;
    }
    return folded(sums.second, zero) << 16 | folded(sums.first, zero);
}

}  // namespace penstock
