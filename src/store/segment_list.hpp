// Which files of a run to read: the widest segments, each record once.
#pragma once

#include "store/segment_name.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace penstock {

// Segments of a writer beyond `last` never count: it was declared dead, or its incarnation is over.
struct Fence {
    WriterId writer;
    std::uint64_t last = 0;
    friend bool operator==(const Fence&, const Fence&) = default;
};

struct Fences {
    std::vector<Fence> of;
    // Of incarnations before this one only writers with a fence count. A launch that takes over writes down all it
    // sees, so a writer without one is of a run that was thought dead and was not.
    std::uint32_t before = 0;
    friend bool operator==(const Fences&, const Fences&) = default;
};

struct SegmentList {
    struct File {
        std::filesystem::path path;
        SegmentId id;
    };
    std::vector<File> files;         // by writer, then in order
    std::vector<std::string> gaps;   // a sentence each, for people
    std::vector<SegmentId> missing;  // the same, by writer
};

// The segments in `directory` (which may be missing) without those that a wider one contains, that lie beyond a fence,
// or that are part of `collected`.
SegmentList list_segments(const std::filesystem::path& directory, const Fences& fences,
                          const std::vector<SegmentId>& collected);

// The same ranges with touching and overlapping ones of one writer joined.
std::vector<SegmentId> joined_ranges(std::vector<SegmentId> ranges);

}  // namespace penstock
