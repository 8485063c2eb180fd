// Keeps the number of one writer's segments small while it writes on.
//
// Eight segments of one level become one of the next level, so n segments cost O(n log n) and leave O(log n) files;
// what would grow beyond kMergedBytes stays as it is. The merged segment is durable before what it was made of is
// deleted. It works on a thread of its own. A merge that fails (the disk is full, say) changes nothing: the segments
// stay.
#pragma once

#include "store/segment_name.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

namespace penstock {

inline constexpr std::size_t kMergeFanIn = 8;
inline constexpr std::uint64_t kMergedBytes = 128ull << 20;

class SegmentMerger {
public:
    explicit SegmentMerger(std::filesystem::path directory) : directory_(std::move(directory)) {}
    ~SegmentMerger() { stop(); }

    // A new segment: the writer's next. Any thread, never blocks for long.
    void add(const SegmentId& id, std::uint64_t bytes);
    // Ends after the merge in hand, and after those that are due.
    void stop();

private:
    struct Segment {
        SegmentId id;
        std::uint64_t bytes = 0;
        int level = 0;
    };
    static constexpr int kDone = 1000;  // the level of what is merged no further

    void run();
    bool merge_last();
    void merge(std::size_t first);

    std::filesystem::path directory_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Segment> added_;
    bool stopping_ = false;
    std::vector<Segment> segments_;  // the thread's own, in order
    std::thread thread_;             // started by the first add()
};

}  // namespace penstock
