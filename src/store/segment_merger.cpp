#include "store/segment_merger.hpp"

#include "store/segment_merge.hpp"

#include <algorithm>
#include <numeric>

namespace penstock {

namespace {

constexpr std::size_t kMostAtEnd = 32;

}  // namespace

void SegmentMerger::add(const SegmentId& id, std::uint64_t bytes) {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    added_.push_back({id, bytes, bytes > kMergedBytes / 2 ? kDone : 0});
    if (added_.size() >= kMergeFanIn) changed_.notify_one();
}

void SegmentMerger::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void SegmentMerger::run() {
    bool stopping = false;
    while (!stopping) {
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stopping_ || added_.size() >= kMergeFanIn; });
            stopping = stopping_;
            segments_.insert(segments_.end(), added_.begin(), added_.end());
            added_.clear();
        }
        try {
            // At the end collection is next, which reads what there is.
            while ((!stopping || segments_.size() > kMostAtEnd) && merge_last()) {
            }
        } catch (const std::exception&) {
            // Merging is a courtesy to readers. What is there stays readable as it is.
            for (Segment& segment : segments_) segment.level = kDone;
        }
    }
}

// Merges one run of kMergeFanIn segments of a level, the newest there is.
bool SegmentMerger::merge_last() {
    std::size_t count = 0;
    for (std::size_t end = segments_.size(); end > 0; --end) {
        const int level = segments_[end - 1].level;
        count = end < segments_.size() && segments_[end].level == level ? count + 1 : 1;
        if (level != kDone && count == kMergeFanIn) {
            merge(end - 1);
            return true;
        }
    }
    return false;
}

void SegmentMerger::merge(std::size_t first) {
    const auto begin = segments_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto end = begin + kMergeFanIn;
    const auto add_bytes = [](std::uint64_t sum, const Segment& s) { return sum + s.bytes; };
    if (std::accumulate(begin, end, std::uint64_t{0}, add_bytes) > kMergedBytes) {
        for (auto segment = begin; segment != end; ++segment) segment->level = kDone;
        return;
    }
    Segment merged{{begin->id.writer, begin->id.first, (end - 1)->id.last}, 0, begin->level + 1};
    {
        SegmentTables tables({});
        std::uint64_t value_files = 0;
        for (auto segment = begin; segment != end; ++segment) {
            Source source(directory_ / segment_name(segment->id));
            append_segment(tables, source);
            value_files = std::max(value_files, source.value_files());
        }
        merged.bytes = tables.write(directory_, merged.id, value_files);
    }
    for (auto segment = begin; segment != end; ++segment) {
        std::error_code ignored;  // what stays is merged again in vain, but never counted twice
        std::filesystem::remove(directory_ / segment_name(segment->id), ignored);
    }
    *begin = merged;
    segments_.erase(begin + 1, end);
}

}  // namespace penstock
