// The part files of the JSON store: what each rank appends while the run goes on. Two lines a job: who, then what.
#pragma once

#include "store/files.hpp"

#include <penstock/store.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

std::filesystem::path part_folder(const std::filesystem::path& directory);
std::filesystem::path part_file(const std::filesystem::path& directory, std::uint32_t rank);
// Every part there is, in the order of ranks.
std::vector<std::filesystem::path> part_files(const std::filesystem::path& directory);

struct PartEntry {
    Scope scope;
    std::string worker;
    std::uint64_t values_offset = 0;  // of the text of the values, a JSON object in tagged form
    std::uint64_t values_length = 0;
};

// The two lines of one entry.
std::string encode_part_entry(const Scope& scope, std::string_view worker, const Document& document);

// Calls `each` for every complete entry from `offset` on, and returns where the last one ends. What follows it is being
// written, or was torn by a crash. `check_values` also finds text that a power failure spoiled within its length.
std::uint64_t scan_part(const File& part, std::uint64_t offset, bool check_values,
                        const std::function<void(const PartEntry&, std::string_view values)>& each);

}  // namespace penstock
