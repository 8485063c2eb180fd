// The items of streams in a results file.
#include "store/results_file.hpp"
#include "store/segment_file.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace penstock {

namespace {

// Numbers that no run has, up to the last one that some run has; a sentence for people, or nothing.
std::string missing_items(std::span<const PlacedRun> runs) {
    std::uint64_t next = 0, missing = 0, first_missing = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const StreamRun& run = runs[i].run;
        if (i == 0 || runs[i - 1].run.pipeline != run.pipeline) next = 0;
        if (run.first > next) {
            if (missing == 0) first_missing = next;
            missing += run.first - next;
        }
        next = run.end();
    }
    if (missing == 0) return {};
    return fmt::format("{} items are missing, the first one is number {}; @runs says which items there are", missing,
                       first_missing);
}

}  // namespace

void ResultsFileWriter::write_streams() {
    const h5::Handle streams = h5::create_group(file_.id(), "streams");
    const auto& runs = catalog_.streams;
    const auto pipeline_of = [&](std::size_t i) { return catalog_.templates[runs[i].job_template].pipeline; };
    for (std::size_t i = 0; i < runs.size();) {  // templates of one definition stand together
        TableGroup table = TableGroup::create(streams.id(), link_name(catalog_.pipelines[pipeline_of(i)].name));
        const std::uint32_t pipeline = pipeline_of(i);
        while (i < runs.size() && pipeline_of(i) == pipeline) {
            std::size_t end = i + 1;
            while (end < runs.size() && runs[end].job_template == runs[i].job_template) ++end;
            write_stream(std::span(runs).subspan(i, end - i), table);
            i = end;
        }
        file_.check();
    }
}

void ResultsFileWriter::write_stream(std::span<const PlacedRun> runs, TableGroup& table) {
    const Catalog::Template& t = catalog_.templates[runs.front().job_template];
    const std::string& pipeline = catalog_.pipeline_name(t);
    std::vector<std::uint32_t> parts;  // the sources that have some of the items
    for (const PlacedRun& placed : runs) parts.push_back(placed.source);
    std::sort(parts.begin(), parts.end());
    parts.erase(std::unique(parts.begin(), parts.end()), parts.end());

    std::vector<TableRows::Run> wanted;
    StreamRuns written;
    for (const PlacedRun& placed : runs) {
        const auto part = std::lower_bound(parts.begin(), parts.end(), placed.source) - parts.begin();
        wanted.push_back({static_cast<std::uint32_t>(part), placed.row, placed.run.count});
        written.add(placed.run);
    }
    TableRows rows(std::move(wanted));
    ColumnParts columns(
        [&](std::uint32_t part) { return sources_.open(parts[part])->stream_items(pipeline, t.name); },
        [&](std::uint32_t part, const std::function<void()>& read) { sources_.reading(parts[part], read); });
    const ColumnContents contents = contents_of(columns, static_cast<std::uint32_t>(parts.size()), rows);
    const std::string stage = link_name(t.name);
    if (auto warning = write_value_column(table, stage, contents, columns, rows))
        warnings_.push_back(fmt::format("{}/{}: {}", pipeline, t.name, *warning));
    write_stream_runs(table, stage, written, h5::kResultsChunkBytes);
    if (const std::string missing = missing_items(runs); !missing.empty())
        warnings_.push_back(fmt::format("{}/{}: {}", pipeline, t.name, missing));
}

}  // namespace penstock
