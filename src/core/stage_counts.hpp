// What one worker of a stage has done so far, or several together: kept where it arises (run/stage_job.hpp), told to
// the router at intervals and at the worker's end.
#pragma once

#include "core/ids.hpp"

#include <cstdint>
#include <string_view>

namespace penstock {

// Stages that complete_stream() adds are called NAME@WHAT; names of definitions have no such sign. People hear of NAME
// only.
inline bool is_added_stage(std::string_view name) { return name.find('@') != std::string_view::npos; }
// The workers of NAME@part run user code, and are jobs to those who look for errors. What else is added has no rows.
inline bool has_rows(std::string_view name) { return !is_added_stage(name) || name.ends_with("@part"); }
inline std::string_view stage_shown_for(std::string_view name) { return name.substr(0, name.find('@')); }

struct StageCounts {
    std::uint64_t items_in = 0;                 // that it took
    std::uint64_t items_out = 0;                // that it made
    std::uint64_t dropped = 0;                  // of a map: items of which nothing came
    std::uint64_t skipped = 0;                  // left out because they failed
    std::uint64_t failed = 0;                   // with which the stream failed
    std::uint64_t retried = 0;                  // further attempts
    std::uint64_t bytes_in = 0, bytes_out = 0;  // of encoded items
    Nanoseconds busy = 0;                       // with items, as the worker measured it
    Nanoseconds blocked = 0;                    // had something to send, and the stages behind it no room
    Nanoseconds starved = 0;                    // had nothing to do
    Nanoseconds alive = 0;                      // since the stream was opened

    StageCounts& operator+=(const StageCounts& o) {
        items_in += o.items_in;
        items_out += o.items_out;
        dropped += o.dropped;
        skipped += o.skipped;
        failed += o.failed;
        retried += o.retried;
        bytes_in += o.bytes_in;
        bytes_out += o.bytes_out;
        busy += o.busy;
        blocked += o.blocked;
        starved += o.starved;
        alive += o.alive;
        return *this;
    }
    friend bool operator==(const StageCounts&, const StageCounts&) = default;
};

}  // namespace penstock
