// Arrays as NumPy's .npy files (NEP 1): versions 1.0 to 3.0, the element types of Value, either byte order, C or
// Fortran order. No library in the distribution reads one into memory of our own.
#pragma once

#include <penstock/value.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace penstock {

// What stands before the elements, which follow as they are in memory.
std::string npy_header(const Array& array);

// The array in a whole .npy file. Shares `owner` when the elements can stay where they are, else copies.
// Throws ValueError that says what is wrong: no .npy, a type that Value does not have, more or fewer bytes than the
// shape asks for.
Array read_npy(std::span<const std::byte> file, const std::shared_ptr<const void>& owner);

}  // namespace penstock
