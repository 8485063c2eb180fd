// Values too large for a segment: each in a file of its own beside the segments, until collection.
#pragma once

#include "store/json_cell.hpp"
#include "store/segment_name.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace penstock {

class LargeValueFiles {
public:
    LargeValueFiles(std::filesystem::path directory, const WriterId& writer)
        : directory_(std::move(directory)), writer_(writer) {}

    // Durable when it returns. The name of the file.
    std::string store(ElementType element, std::span<const std::byte> bytes);
    std::uint64_t stored() const { return stored_; }

private:
    std::filesystem::path directory_;
    WriterId writer_;
    std::uint64_t stored_ = 0;
};

}  // namespace penstock
