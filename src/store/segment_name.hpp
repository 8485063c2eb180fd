// Names of segments: whose they are, and which part of what that writer wrote.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

// A writer: one rank in one incarnation of the run and one epoch of that rank within it.
struct WriterId {
    std::uint32_t incarnation = 1;
    std::uint32_t rank = 0;
    std::uint32_t epoch = 1;
    friend auto operator<=>(const WriterId&, const WriterId&) = default;
};

// A writer numbers its segments 1, 2, ... without a gap; one that was merged from several stands for their whole range.
struct SegmentId {
    WriterId writer;
    std::uint64_t first = 1;
    std::uint64_t last = 1;
    friend auto operator<=>(const SegmentId&, const SegmentId&) = default;
};

// "i00001-r00003-e00001-000000001-000000007.h5"
std::string segment_name(const SegmentId& id);
std::optional<SegmentId> parse_segment_name(std::string_view name);

// "i00001-r00003-e00001-v000000001.h5": a value too large for a segment.
std::string value_file_name(const WriterId& writer, std::uint64_t number);
struct ValueFileId {
    WriterId writer;
    std::uint64_t number = 1;
};
std::optional<ValueFileId> parse_value_file_name(std::string_view name);

}  // namespace penstock
