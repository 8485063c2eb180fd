// Single values out of the files of earlier launches, found by file, row and key.
//
// Threads: one at a time. Bounded: kMostFiles files are open, the latest used; of a file the columns that were asked
// for.
#pragma once

#include "store/store_error.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace penstock {

class StoredValues {
public:
    static constexpr std::size_t kMostFiles = 32;

    static std::unique_ptr<StoredValues> make();
    virtual ~StoredValues() = default;

    // What the job of this row of /jobs made under `key`, else its for-each value of that name; nothing when it has
    // neither. Throws StoreError when the file is gone or damaged.
    virtual std::optional<Value> read(const std::filesystem::path& file, std::uint32_t row, const std::string& key) = 0;
};

}  // namespace penstock
