// Columns of cells of different lengths, as results files have them.
#pragma once

#include "store/buffer.hpp"
#include "store/dataset.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// Cells of HDF5's variable-length types: texts (without NULs), or arrays of elements.
class VariableWriter {
public:
    static VariableWriter texts(hid_t parent, const std::string& name, std::uint64_t rows);
    static VariableWriter arrays(hid_t parent, const std::string& name, std::uint64_t rows, hid_t element,
                                 std::size_t element_bytes);

    void add(std::span<const std::byte> cell);
    void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
    h5::Handle finish();

private:
    VariableWriter(hid_t parent, std::string name, std::uint64_t rows, h5::Handle type, std::size_t element_bytes);
    void flush();
    void write(std::uint64_t count, const void* cells);

    std::string name_;
    h5::Handle type_;
    std::size_t element_bytes_;
    bool text_;
    h5::Handle dataset_;
    std::uint64_t written_ = 0;
    Buffer content_;                   // of the cells that wait, one after another
    std::vector<std::size_t> starts_;  // of each of them
    bool all_empty_ = true;            // they are what HDF5 shows where nothing was written
};

// Texts up to this are kept as HDF5's fixed-length strings in the tables of jobs, attempts and pipelines.
inline constexpr std::size_t kLongestFixedText = 64;

// UTF-8 texts of at most `longest` bytes: fixed-length while that is short, else variable-length.
class TextWriter {
public:
    TextWriter(hid_t parent, const std::string& name, std::uint64_t rows, std::size_t longest);
    void add(std::string_view text);
    void finish();

private:
    std::size_t width_;
    h5::Handle type_;
    std::optional<h5::DatasetWriter> fixed_;
    std::size_t flush_bytes_ = 0;
    Buffer cells_;
    std::optional<VariableWriter> variable_;
};

}  // namespace penstock
