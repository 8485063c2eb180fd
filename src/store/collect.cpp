#include "store/collect.hpp"

#include "store/files.hpp"
#include "store/hdf5_write_file.hpp"
#include "store/results_file.hpp"
#include "store/run_directory.hpp"
#include "store/run_sources.hpp"

#include <algorithm>
#include <chrono>
#include <map>

namespace penstock {

namespace {

// The segments whose rows are in the new file, and the large values only they refer to.
void remove_collected(const RunSources& run) {
    std::map<WriterId, std::uint64_t> value_files;
    for (const SegmentList::File& file : run.segments()) {
        auto& last = value_files[file.id.writer];
        last = std::max(last, Source(file.path).value_files());
    }
    std::error_code ignored;  // what cannot be removed is left out of the next collection all the same
    for (const SegmentList::File& file : run.segments()) std::filesystem::remove(file.path, ignored);
    for (std::filesystem::directory_iterator entry(run.segments_folder(), ignored), end; entry != end;
         entry.increment(ignored)) {
        if (ignored) break;
        const auto id = parse_value_file_name(entry->path().filename().string());
        if (!id) continue;
        const auto last = value_files.find(id->writer);
        if (last != value_files.end() && id->number <= last->second) std::filesystem::remove(entry->path(), ignored);
    }
}

}  // namespace

CollectReport collect(const std::filesystem::path& run, const std::filesystem::path& output,
                      const CollectOptions& options) {
    const auto start = std::chrono::steady_clock::now();
    CollectReport report;
    h5::remove_abandoned(output);
    RunSources files(run, options.renumbering);
    const RunDescription description = files.description();
    files.read(true, [&](SourcePool sources, Catalog catalog) {
        h5::WriteFile file(output, h5::Readers::any);
        ResultsFileWriter writer(file, sources, catalog);
        writer.write(description);
        file.finish();
        report.segments = files.segments().size();
        report.jobs = catalog.jobs.size();
        report.attempts = catalog.attempts.size();
        report.warnings = catalog.warnings;
        report.warnings.insert(report.warnings.end(), writer.warnings().begin(), writer.warnings().end());
    });
    const auto left_out = files.warnings();
    report.warnings.insert(report.warnings.begin(), left_out.begin(), left_out.end());
    report.damaged = files.damaged();
    if (!options.keep_segments) remove_collected(files);
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return report;
}

}  // namespace penstock
