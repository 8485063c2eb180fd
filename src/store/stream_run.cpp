#include "store/stream_run.hpp"

#include "store/store_error.hpp"

#include <algorithm>
#include <functional>
#include <limits>

namespace penstock {

void StreamRuns::add(const StreamRun& run) {
    if (!runs_.empty()) {
        StreamRun& last = runs_.back();
        if (last.pipeline == run.pipeline && last.generation() == run.generation() && last.end() == run.first) {
            last.count += run.count;
            return;
        }
    }
    runs_.push_back(run);
}

std::vector<std::uint64_t> StreamRuns::numbers() const {
    std::vector<std::uint64_t> numbers;
    numbers.reserve(runs_.size() * kNumbers);
    for (const StreamRun& run : runs_)
        numbers.insert(numbers.end(), {run.pipeline, run.first, run.count, run.incarnation, run.attempt});
    return numbers;
}

std::vector<StreamRun> StreamRuns::of(std::span<const std::uint64_t> numbers, std::uint64_t rows) {
    std::vector<StreamRun> runs;
    for (std::size_t i = 0; i + kNumbers <= numbers.size(); i += kNumbers) {
        const auto small = [&](std::size_t k) { return static_cast<std::uint32_t>(numbers[i + k]); };
        const StreamRun run{small(0), small(3), small(4), numbers[i + 1], numbers[i + 2]};
        if (run.count > rows || run.first > std::numeric_limits<std::uint64_t>::max() - run.count)
            throw StoreError("a table of a stream has items it does not say where they belong: the file is damaged");
        rows -= run.count;
        runs.push_back(run);
    }
    if (rows != 0) throw StoreError("a table of a stream has more items than its runs: the file is damaged");
    return runs;
}

namespace {

auto stream_of(const PlacedRun& placed) { return std::tuple(placed.job_template, placed.run.pipeline); }

// The runs of one generation of one stream, by first item, up to `limit`: each item once.
void take_generation(std::span<const PlacedRun> runs, std::uint64_t limit, std::vector<PlacedRun>& taken) {
    const std::size_t begin = taken.size();
    std::uint64_t next = runs.front().run.first;
    for (PlacedRun placed : runs) {
        StreamRun& run = placed.run;
        const std::uint64_t end = std::min(run.end(), limit);
        const bool tells = run.count == 0 && run.first < limit && (taken.size() == begin || run.first > next);
        if (run.first < next && end > next) {  // items that are there already
            placed.row += next - run.first;
            run.first = next;
        }
        if (run.first < next || (end <= run.first && !tells)) continue;
        run.count = end - run.first;
        next = end;
        taken.push_back(placed);
    }
}

}  // namespace

std::vector<PlacedRun> runs_that_count(std::vector<PlacedRun> runs) {
    // Newest attempts first; of runs that begin at one item the longest first.
    std::sort(runs.begin(), runs.end(), [](const PlacedRun& a, const PlacedRun& b) {
        const auto key = [](const PlacedRun& p) {
            return std::tuple(stream_of(p), ~std::uint64_t{p.run.incarnation}, ~std::uint64_t{p.run.attempt},
                              p.run.first, ~p.run.count, p.source, p.row);
        };
        return key(a) < key(b);
    });
    std::vector<PlacedRun> taken;
    for (std::size_t i = 0; i < runs.size();) {
        std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
        const std::size_t stream = i;
        while (i < runs.size() && stream_of(runs[i]) == stream_of(runs[stream])) {
            std::size_t end = i + 1;
            while (end < runs.size() && stream_of(runs[end]) == stream_of(runs[i]) &&
                   runs[end].run.generation() == runs[i].run.generation())
                ++end;
            take_generation(std::span(runs).subspan(i, end - i), limit, taken);
            limit = std::min(limit, runs[i].run.first);
            i = end;
        }
    }
    std::sort(taken.begin(), taken.end(), [](const PlacedRun& a, const PlacedRun& b) {
        return std::tuple(stream_of(a), a.run.first) < std::tuple(stream_of(b), b.run.first);
    });
    return taken;
}

}  // namespace penstock
