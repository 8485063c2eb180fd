// The items of one stage while a segment grows in memory.
#pragma once

#include "store/column_buffer.hpp"
#include "store/stream_run.hpp"

#include <cstdint>

namespace penstock {

class StreamGroup {
public:
    // The next item of `run`, whose count is 1.
    void add(const StreamRun& run, const Value& item, const StoreLarge& store_large) {
        items_.add(item, store_large);
        runs_.add(run);
    }
    // Says where an attempt begins, or that items were added to items() from outside.
    void add(const StreamRun& run) { runs_.add(run); }

    ColumnBuffer& items() { return items_; }
    const StreamRuns& runs() const { return runs_; }
    std::uint64_t memory_bytes() {
        return items_.cells().size() + items_.ends().size() + items_.arrays().size() + items_.types().size();
    }

private:
    ColumnBuffer items_;
    StreamRuns runs_;
};

}  // namespace penstock
