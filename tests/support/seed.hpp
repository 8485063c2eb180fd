// Randomness of tests: one seed a test, printed when the test fails, set by PENSTOCK_SEED to play it again.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace penstock::test {

inline std::uint64_t seed() {
    static const std::uint64_t value = [] {
        const char* given = std::getenv("PENSTOCK_SEED");
        return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    }();
    return value;
}

}  // namespace penstock::test

// Puts the seed beside every failure that follows in this scope.
#define PENSTOCK_TRACE_SEED() SCOPED_TRACE("play again with PENSTOCK_SEED=" + std::to_string(::penstock::test::seed()))
