// Items that wait until somebody wants them, first in, first out: in memory up to a bound, beyond it in a file. Whoever
// put them in must not wait for that: the driver function, and branches of one source in front of a merge.
//
// The file has no name: it goes with the spool, whatever happens. Space of what has been read is given back. It may
// grow until the disk has only kLeftFree left: those who put items in cannot be stopped, so a smaller bound would only
// fail streams that still have room. Not thread-safe; load() may run while others use the spool.
#pragma once

#include "core/stream_items.hpp"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>

namespace penstock {

class ItemSpool {
public:
    static constexpr std::size_t kPortionItems = 2048;  // what is given together, but for the last item
    static constexpr std::size_t kPortionBytes = 256 * 1024;
    static constexpr std::uint64_t kLeftFree = 256 << 20;  // on the disk, for the results; a tenth of a small one

    ItemSpool(std::filesystem::path folder, std::uint64_t memory_bytes, std::uint64_t left_free = kLeftFree)
        : folder_(std::move(folder)), memory_bytes_(memory_bytes), left_free_(left_free) {}

    // Throws std::runtime_error when the file cannot be written, or would fill the disk; what is here is not complete
    // then.
    void push(StreamItemsPtr items);

    bool empty() const { return items_ == 0; }
    std::uint64_t items() const { return items_; }
    std::uint64_t bytes() const { return bytes_; }
    std::uint64_t bytes_in_memory() const { return in_memory_; }
    std::uint64_t bytes_on_disk() const { return bytes_ - in_memory_; }

    // Some items: in memory, or where they are.
    class Portion {
    public:
        // Reads them if need be; throws std::runtime_error when they cannot be read.
        StreamItemsPtr load() const;
        StreamItems take() &&;  // the same, copied only when others have them too

    private:
        friend class ItemSpool;
        StreamItemsPtr items_;
        std::shared_ptr<class SpoolFile> file_;
        std::uint64_t offset_ = 0, length_ = 0, count_ = 0;
    };
    Portion pop();  // not empty
    void clear();

private:
    bool spills() const { return !portions_.empty() && in_memory_ >= memory_bytes_; }
    void gather(const StreamItems& items);
    void close_tail();
    void add(StreamItemsPtr items);

    std::filesystem::path folder_;
    std::uint64_t memory_bytes_;
    std::uint64_t left_free_;
    std::deque<Portion> portions_;
    ItemsWriter tail_;  // few items at a time, gathered
    std::shared_ptr<SpoolFile> file_;
    std::uint64_t in_files_ = 0;  // of portions_
    std::uint64_t items_ = 0, bytes_ = 0, in_memory_ = 0;
};

}  // namespace penstock
