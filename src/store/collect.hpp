// Segments (any results files) -> one results file.
#pragma once

#include "store/renumbering.hpp"
#include "store/segment_list.hpp"
#include "store/store_error.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace penstock {

struct CollectReport {
    std::uint64_t segments = 0;
    std::uint64_t jobs = 0;
    std::uint64_t attempts = 0;
    double seconds = 0;
    struct Damaged {
        std::string file, reason;
    };
    std::vector<Damaged> damaged;  // segments that were left out: what only they had is not in the new file
    std::vector<std::string>
        warnings;  // a gap in a broker's sequence, an unreadable segment, int64 beyond 2^53 widened
};

struct CollectOptions {
    bool keep_segments =
        true;  // false: after the new file is synced and renamed into place, merged segments are deleted
    const Renumbering* renumbering = nullptr;  // jobs get new numbers
};

// Merges every segment of the run (and an existing results file of it) into `output`: written under a temporary name
// beside it, synced, renamed. Works while the run goes on. Memory: an index of 150 bytes a job while it is made, and
// some chunks of values; a value is held whole. Throws StoreError; nothing has changed then.
CollectReport collect(const std::filesystem::path& run, const std::filesystem::path& output,
                      const CollectOptions& options);

}  // namespace penstock
