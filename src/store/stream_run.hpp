// Which items of a stream stand where, and which of them count.
//
// A stage's stored items are numbered from 0 in each pipeline. They are kept as runs: items that follow one another, in
// a column, made by one attempt. An attempt (of a later launch, or with a higher number) begins at some item and makes
// all earlier attempts void from that item on, whether or not it has stored as many: what counts never mixes what two
// attempts made of the same items.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace penstock {

struct StreamRun {
    std::uint32_t pipeline = 0;     // a row of /pipelines
    std::uint32_t incarnation = 1;  // of the launch, and ...
    std::uint32_t attempt = 1;      // ... within it
    std::uint64_t first = 0;
    std::uint64_t count = 0;  // 0: the attempt begins here, or its last item is the one before

    std::uint64_t end() const { return first + count; }
    std::tuple<std::uint32_t, std::uint32_t> generation() const { return {incarnation, attempt}; }
    friend bool operator==(const StreamRun&, const StreamRun&) = default;
};

// Runs of one table, in the order of its rows.
class StreamRuns {
public:
    // Joined with the last one where it goes on with it.
    void add(const StreamRun& run);
    const std::vector<StreamRun>& all() const { return runs_; }

    // As in a file: pipeline, first, count, incarnation, attempt.
    static constexpr std::size_t kNumbers = 5;
    std::vector<std::uint64_t> numbers() const;
    // Throws StoreError when these runs have other than `rows` items together.
    static std::vector<StreamRun> of(std::span<const std::uint64_t> numbers, std::uint64_t rows);

private:
    std::vector<StreamRun> runs_;
};

// A run, and where it is.
struct PlacedRun {
    StreamRun run;                   // its pipeline is one of the catalog
    std::uint32_t job_template = 0;  // of the catalog
    std::uint32_t source = 0;
    std::uint64_t row = 0;  // of the first item, in the source's table
};

// Those that count, without overlap: by template, pipeline, first item. What is void is cut off. Runs without items
// stay where they alone say where an attempt begins, or that it had more items than are there.
std::vector<PlacedRun> runs_that_count(std::vector<PlacedRun> runs);

}  // namespace penstock
