// The fletcher32 checksum of HDF5's filter of that name, several times as fast as the library's own loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock {

std::uint32_t fletcher32(std::span<const std::byte> bytes);

}  // namespace penstock
