// 64-bit hashes that mean the same on every machine and in every version: they are stored in results files.
//
// FNV-1a over a canonical encoding, finished with the 64-bit mixer of MurmurHash3 (public domain, A. Appleby).
#pragma once

#include <penstock/value.hpp>

#include <cstdint>
#include <string_view>

namespace penstock {

class Hasher {
public:
    Hasher& add(std::string_view text);   // length, then bytes
    Hasher& add(std::uint64_t number);
    Hasher& add(const Value& value);      // type, then content
    std::uint64_t value() const;

private:
    std::uint64_t state_ = 14695981039346656037ull;
};

}  // namespace penstock
