// 64-bit hashes that mean the same on every machine and in every version: they are stored in results files.
//
// FNV-1a over a canonical encoding, finished with the 64-bit mixer of MurmurHash3 (public domain, A. Appleby). The
// encoding: numbers as 8 bytes little-endian; text as its length, then its bytes; a value as one byte for its type (the
// position in Value::Variant), then its content; lists and maps as their length, then their members; an array as the
// name of its element type, the number of its dimensions, its extents, then its elements. Every NaN counts as the same
// NaN and -0.0 as 0.0: equal values have equal hashes.
#pragma once

#include <penstock/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

class Hasher {
public:
    Hasher& add(std::string_view text);
    Hasher& add(const std::string& text) { return add(std::string_view(text)); }
    Hasher& add(const char* text) { return add(std::string_view(text)); }
    Hasher& add(std::uint64_t number);
    Hasher& add(const Value& value);
    Hasher& add(const Document& document);
    std::uint64_t value() const;

private:
    Hasher& add(const Array& array);

    std::uint64_t state_ = 14695981039346656037ull;
};

}  // namespace penstock
