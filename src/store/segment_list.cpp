#include "store/segment_list.hpp"

#include "store/store_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

namespace penstock {

namespace {

bool contains(const SegmentId& wide, const SegmentId& narrow) {
    return wide.writer == narrow.writer && wide.first <= narrow.first && narrow.last <= wide.last;
}

// Up to which number segments of this writer count; nothing = all.
std::optional<std::uint64_t> fence_of(const WriterId& writer, const Fences& fences) {
    std::optional<std::uint64_t> last;
    for (const Fence& fence : fences.of)
        if (fence.writer == writer) last = std::min(last.value_or(fence.last), fence.last);
    if (!last && writer.incarnation < fences.before) return 0;
    return last;
}

// Without those beyond a fence. One that reaches over it was merged by a writer that did not know of the fence; it
// counts where what is before the fence is nowhere else.
void leave_out_beyond(const Fences& fences, std::vector<SegmentId>& ids) {
    std::vector<SegmentId> within, across;
    for (const SegmentId& id : ids) {
        const auto fence = fence_of(id.writer, fences);
        if (!fence || id.last <= *fence)
            within.push_back(id);
        else if (id.first <= *fence)
            across.push_back(id);
    }
    const std::vector<SegmentId> covered = joined_ranges(within);
    for (const SegmentId& id : across) {
        const SegmentId needed{id.writer, id.first, *fence_of(id.writer, fences)};
        if (std::none_of(covered.begin(), covered.end(), [&](const SegmentId& c) { return contains(c, needed); }))
            within.push_back(id);
    }
    ids = std::move(within);
}

std::vector<SegmentId> named_in(const std::filesystem::path& directory) {
    std::vector<SegmentId> found;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error))
        if (const auto id = parse_segment_name(entry->path().filename().string())) found.push_back(*id);
    if (error && error != std::errc::no_such_file_or_directory)
        throw StoreError(
            fmt::format("cannot read {}: {}. Look at its permissions.", directory.string(), error.message()));
    return found;
}

std::string gap_text(const WriterId& writer, std::uint64_t first, std::uint64_t last) {
    return fmt::format(
        "segments {} to {} of rank {} (incarnation {}, epoch {}) are missing: what they held is lost; jobs without "
        "a result run again with --resume",
        first, last, writer.rank, writer.incarnation, writer.epoch);
}

}  // namespace

SegmentList list_segments(const std::filesystem::path& directory, const Fences& fences,
                          const std::vector<SegmentId>& collected) {
    std::vector<SegmentId> ids = named_in(directory);
    leave_out_beyond(fences, ids);
    // Of those that begin together the widest first; what ends within one before it is part of that one.
    std::sort(ids.begin(), ids.end(), [](const SegmentId& a, const SegmentId& b) {
        return std::tie(a.writer, a.first, b.last) < std::tie(b.writer, b.first, a.last);
    });
    SegmentList list;
    for (const SegmentId& id : ids) {
        const bool part = !list.files.empty() && contains(list.files.back().id, id);
        const bool done =
            std::any_of(collected.begin(), collected.end(), [&](const SegmentId& c) { return contains(c, id); });
        if (!part && !done) list.files.push_back({directory / segment_name(id), id});
    }

    std::vector<SegmentId> ranges = collected;
    for (const auto& file : list.files) ranges.push_back(file.id);
    WriterId writer;
    std::uint64_t next = 1;
    for (const SegmentId& range : joined_ranges(ranges)) {
        if (range.writer != writer) next = 1;
        writer = range.writer;
        if (range.first > next) {
            list.gaps.push_back(gap_text(writer, next, range.first - 1));
            list.missing.push_back({writer, next, range.first - 1});
        }
        next = range.last + 1;
    }
    return list;
}

std::vector<SegmentId> joined_ranges(std::vector<SegmentId> ranges) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<SegmentId> joined;
    for (const SegmentId& range : ranges) {
        if (!joined.empty() && joined.back().writer == range.writer && range.first <= joined.back().last + 1)
            joined.back().last = std::max(joined.back().last, range.last);
        else
            joined.push_back(range);
    }
    return joined;
}

}  // namespace penstock
