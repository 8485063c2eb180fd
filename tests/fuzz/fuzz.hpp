// A fuzz target: one input, which must neither crash nor hang nor be undefined behaviour. Whatever it throws beyond
// what it handles is a finding too. Each target is linked twice: with libFuzzer (-DPENSTOCK_FUZZ=ON), and in every
// build with replay.cpp, which tries the inputs that are kept.
#pragma once

#include <cstdint>
#include <span>

namespace penstock {

void fuzz(std::span<const std::uint8_t> input);

}  // namespace penstock
