// Any Value at all, from a seed: what round trips are tried with.
#pragma once

#include <penstock/value.hpp>

#include <cmath>
#include <limits>
#include <random>

namespace penstock::test {

class RandomValues {
public:
    explicit RandomValues(std::uint64_t seed) : random_(seed) {}

    std::uint64_t below(std::uint64_t n) { return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_); }

    Value value(int depth = 3) {
        switch (below(depth > 0 ? 9 : 7)) {
            case 0:
                return {};
            case 1:
                return below(2) == 1;
            case 2:
                return integer();
            case 3:
                return real();
            case 4:
                return text();
            case 5:
                return bytes();
            case 6:
                return array();
            case 7:
                return list(depth - 1);
            default:
                return map(depth - 1);
        }
    }

    Document map(int depth) {
        Document map;
        for (std::uint64_t n = below(5); n > 0; --n) map[key()] = value(depth);
        return map;
    }

    Array array() {
        const auto type = static_cast<ElementType>(below(10));
        std::vector<std::uint64_t> shape(below(4));
        std::uint64_t size = element_size(type);
        for (std::uint64_t& extent : shape) size *= extent = below(12);
        Bytes bytes(size);
        for (std::byte& b : bytes) b = static_cast<std::byte>(below(256));
        return {type, std::move(shape), bytes};
    }

private:
    List list(int depth) {
        List list;
        for (std::uint64_t n = below(5); n > 0; --n) list.push_back(value(depth));
        return list;
    }

    std::int64_t integer() {
        const auto bits = static_cast<std::int64_t>(random_());
        return below(2) == 0 ? bits : bits >> below(63);
    }

    double real() {
        constexpr double kSpecial[] = {0.0,
                                       -0.0,
                                       1.0,
                                       -1.0,
                                       0.1,
                                       1e300,
                                       5e-324,
                                       HUGE_VAL,
                                       -HUGE_VAL,
                                       std::numeric_limits<double>::quiet_NaN(),
                                       std::numeric_limits<double>::max()};
        if (below(2) == 0) return kSpecial[below(std::size(kSpecial))];
        return std::ldexp(static_cast<double>(static_cast<std::int64_t>(random_())),
                          static_cast<int>(below(100)) - 120);
    }

    // Letters, characters that JSON escapes, UTF-8 of two to four bytes, and bytes that are no UTF-8.
    std::string text() {
        constexpr const char* kPieces[] = {"a",    "Z", "0",  " ", "\"", "\\",   "\n",  "\x01",
                                           "\x7f", "é", "水", "🌊", "@",  "\xff", "\xc3"};
        std::string text;
        for (std::uint64_t n = below(4) == 0 ? below(300) : below(8); n > 0; --n)
            text += kPieces[below(std::size(kPieces))];
        if (below(10) == 0) text += '\0';
        return text;
    }

    std::string key() {
        constexpr const char* kTagLike[] = {"@bytes", "@array", "@float", "@map", "@string", "@@bytes", "@", ""};
        return below(5) == 0 ? kTagLike[below(std::size(kTagLike))] : text();
    }

    Bytes bytes() {
        Bytes bytes(below(400));
        for (std::byte& b : bytes) b = static_cast<std::byte>(below(256));
        return bytes;
    }

    std::mt19937_64 random_;
};

}  // namespace penstock::test
