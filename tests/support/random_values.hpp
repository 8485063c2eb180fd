// Any Value at all, from a seed, with a liking for the awkward ones: what round trips are tried with.
#pragma once

#include <penstock/value.hpp>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace penstock::test {

class RandomValues {
public:
    explicit RandomValues(std::uint64_t seed) : random_(seed) {}

    std::uint64_t below(std::uint64_t limit) {
        return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
    }
    bool one_in(std::uint64_t n) { return below(n) == 0; }

    std::string text() {
        static const std::vector<std::string> kSome{"",
                                                    "plain",
                                                    "with space",
                                                    "\"quoted\"\n",
                                                    "grüße",
                                                    "日本語",
                                                    std::string("a\0b\0", 4),
                                                    "\xff\xfe not UTF-8",
                                                    "\u2400",
                                                    "@exact",
                                                    std::string(70, 'x')};
        switch (below(3)) {
            case 0:
                return std::string(below(100), static_cast<char>('a' + below(26)));
            case 1:
                return kSome[below(kSome.size())];
            default:
                return pieces();
        }
    }
    std::int64_t integer() {
        static const std::vector<std::int64_t> kSome{0, 1, -1, INT64_MAX, INT64_MIN, (std::int64_t{1} << 53) + 1, 42};
        if (one_in(3)) return kSome[below(kSome.size())];
        return static_cast<std::int64_t>(random_()) >> below(63);  // of every length
    }
    double real() {
        static const std::vector<double> kSome{
            0.0, -0.0, 1.0, -1.0, 0.1, 1e300, HUGE_VAL, -HUGE_VAL, std::nan(""), 5e-324, 1.7976931348623157e308};
        if (one_in(2)) return kSome[below(kSome.size())];
        return std::ldexp(static_cast<double>(static_cast<std::int64_t>(random_())),
                          static_cast<int>(below(100)) - 120);
    }
    Bytes bytes() {
        Bytes made(one_in(4) ? below(400) : below(20));
        for (std::byte& b : made) b = static_cast<std::byte>(below(256));
        return made;
    }
    Array array(ElementType type, std::vector<std::uint64_t> shape) {
        std::uint64_t count = 1;
        for (const std::uint64_t extent : shape) count *= extent;
        std::vector<std::byte> content(count * element_size(type));
        for (std::byte& b : content) b = static_cast<std::byte>(below(256));
        return Array(type, std::move(shape), content);
    }
    Array array() {
        std::vector<std::uint64_t> shape(below(4));
        for (std::uint64_t& extent : shape) extent = below(6);
        return array(static_cast<ElementType>(below(10)), std::move(shape));
    }
    // At most `depth` lists and maps within one another.
    Value value(int depth = 3) {
        switch (below(depth > 0 ? 9 : 7)) {
            case 0:
                return Value();
            case 1:
                return one_in(2);
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
            case 7: {
                List list;
                for (std::uint64_t i = below(5); i > 0; --i) list.push_back(value(depth - 1));
                return list;
            }
            default:
                return map(depth - 1);
        }
    }
    Document map(int depth) {
        Document map;
        for (std::uint64_t i = below(5); i > 0; --i) map.insert_or_assign(key(), value(depth));
        return map;
    }
    // A value for a column of a kind: what real jobs make has one type, mostly.
    Value value_of_kind(std::uint64_t kind) {
        switch (kind) {
            case 0:
                return integer();
            case 1:
                return real();
            case 2:
                return one_in(2);
            case 3:
                return text();
            case 4:
                return bytes();
            case 5:
                return array(ElementType::float64, {2, 3});
            case 6:
                return array(ElementType::int16, {below(5)});
            case 7:
                return one_in(2) ? Value(integer()) : Value(real());
            case 8:
                return one_in(3) ? Value() : Value(real());
            case 9:
                return one_in(2) ? Value(one_in(2)) : Value(integer());
            case 10:
                return Value();
            case 11:
                return array(ElementType::float32, {});
            case 12:
                return array(ElementType::uint64, {0, 3});
            case 13:
                return one_in(5) ? Value() : Value(text());
            case 14:
                return List{};
            default:
                return value();
        }
    }
    static constexpr std::uint64_t kKinds = 16;

    std::mt19937_64& engine() { return random_; }

private:
    // Letters, characters that JSON escapes, UTF-8 of two to four bytes, and bytes that are no UTF-8.
    std::string pieces() {
        static const std::vector<std::string> kPieces{"a",    "Z", "0",  " ", "\"", "\\",   "\n",  "\x01",
                                                      "\x7f", "é", "水", "🌊", "@",  "\xff", "\xc3"};
        std::string text;
        for (std::uint64_t n = one_in(4) ? below(300) : below(8); n > 0; --n) text += kPieces[below(kPieces.size())];
        if (one_in(10)) text += '\0';
        return text;
    }
    // Also such as tagged JSON uses.
    std::string key() {
        static const std::vector<std::string> kTagLike{"@bytes",  "@array",  "@float", "@map",
                                                       "@string", "@@bytes", "@",      ""};
        return one_in(5) ? kTagLike[below(kTagLike.size())] : text();
    }

    std::mt19937_64 random_;
};

}  // namespace penstock::test
