// Reading cells of different lengths: texts, bytes, arrays.
//
// Segments keep them one after another with their ends beside them, results files as HDF5's variable-length or
// fixed-length types; here they look the same.
#pragma once

#include <penstock/value.hpp>

#include "store/hdf5.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace penstock {

class VariableCells {
public:
    virtual ~VariableCells() = default;
    virtual std::uint64_t rows() const = 0;
    // Valid until the next call. Reading from front to back is fast.
    virtual std::span<const std::byte> bytes(std::uint64_t row) = 0;

    std::string_view text(std::uint64_t row) {
        const auto content = bytes(row);
        return {reinterpret_cast<const char*>(content.data()), content.size()};
    }
};

// The cells of dataset `name`; `element` is the type of what a cell is made of: uint8 for texts and bytes.
std::unique_ptr<VariableCells> open_cells(hid_t table, const std::string& name,
                                          ElementType element = ElementType::uint8);

}  // namespace penstock
