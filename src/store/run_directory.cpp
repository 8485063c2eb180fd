#include "store/run_directory.hpp"

#include "store/files.hpp"
#include "store/hdf5.hpp"
#include "store/journal.hpp"
#include "store/ownership.hpp"
#include "store/source.hpp"

#include <penstock/version.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>

namespace penstock {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kSuffix = ".run";
constexpr auto kMarker = "penstock-run";  // the file that says that a directory is ours
constexpr std::string_view kMarkerText =
    "This directory holds a run of Penstock that goes on, or what is needed to continue it.\n"
    "penstock run directory, format 1\n";
constexpr auto kJournal = "journal";
constexpr std::string_view kSegments = "segments";
constexpr const char* kOtherFolders[] = {"logs", "scratch", "spill", "positions"};
constexpr const char* kTemporaryFolders[] = {"scratch", "spill"};

fs::path without_trailing_slash(const fs::path& path) {
    return path.has_filename() || !path.has_parent_path() ? path : path.parent_path();
}

bool is_marked(const fs::path& directory) {
    std::error_code missing;
    return fs::is_regular_file(directory / kMarker, missing) && read_file(directory / kMarker) == kMarkerText;
}

// By its content: an HDF5 file with the tables and the format every results file has.
bool is_results_file(const fs::path& path) {
    try {
        const h5::ReadFile file(path);
        return h5::exists(file.id(), "jobs") && h5::exists(file.id(), "pipelines") &&
               h5::has_attribute(file.id(), "format_version");
    } catch (const StoreError&) {
        return false;
    }
}

// Refuses what --force must not remove, and without force whatever is there.
void check_results_file(const fs::path& results, const ClaimOptions& options) {
    std::error_code missing;
    const auto status = fs::symlink_status(results, missing);
    if (!fs::exists(status)) return;
    if (fs::is_directory(fs::status(results, missing)))
        throw StoreError(
            fmt::format("cannot write the results to {}: it is a folder. Name a file in it, for example "
                        "-o {}/results.h5.",
                        results.string(), results.string()));
    if (!is_results_file(results))
        throw StoreError(
            fmt::format("{} exists and is no results file of Penstock, so it is not replaced, not even "
                        "with --force. Move it away or choose another file with -o.",
                        results.string()));
    if (!options.force && !options.resume)
        throw StoreError(
            fmt::format("{} exists, and results are not overwritten. Go on with that run with --resume, choose another "
                        "file with -o, or replace it with --force.",
                        results.string()));
}

// Or what a launch that was killed had begun to make of it.
bool holds_nothing(const fs::path& directory) {
    const fs::directory_iterator all(directory);
    return std::all_of(begin(all), end(all), [](const auto& entry) {
        return entry.path().filename().string() == std::string(kMarker) + kNewSuffix;
    });
}

// True when the directory holds a run; false when it is ours but nothing was claimed in it yet.
bool holds_run(const fs::path& directory, const fs::path& results) {
    std::error_code missing;
    if (!fs::is_directory(directory, missing))
        throw StoreError(
            fmt::format("{} exists and is no folder; the run of {} needs a folder of that name. Move it "
                        "away or choose another file with -o.",
                        directory.string(), results.string()));
    if (is_marked(directory)) return newest_owner(directory).has_value();
    if (holds_nothing(directory)) return false;
    if (fs::exists(directory / kMarker, missing) && fs::is_regular_file(directory / "journal", missing))
        throw StoreError(fmt::format(
            "{} looks like a run directory of Penstock, but its file `{}` is not as it was written, so nothing "
            "in it is touched, not even with --force. If that is a run, copy that file to it from the "
            "directory of any other run: it says the same everywhere. Or choose another file with -o.",
            directory.string(), kMarker));
    throw StoreError(
        fmt::format("{} exists and is no run directory of Penstock (it has no file `{}`), so nothing in "
                    "it is touched, not even with --force. Move it away or choose another file with -o.",
                    directory.string(), kMarker));
}

StoreError run_exists_error(const fs::path& directory) {
    const auto owner = newest_owner(directory);
    if (lock_is_held(directory))
        return StoreError(
            fmt::format("{} belongs to a run that is going on ({}). Wait for its end or stop it, or "
                        "choose another results file with -o.",
                        directory.string(), owner ? owner->text() : "just started"));
    return StoreError(fmt::format(
        "{} holds an earlier run{}. Go on with it with --resume; `penstock collect {}` brings what it has into a "
        "results file; or choose another file with -o, or remove the old run with --force.",
        directory.string(), owner && owner->ended ? "" : " that did not come to its end", directory.string()));
}

void make_folder(const fs::path& path) {
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) throw file_error("make", path, errno);
}

void remove_folder(const fs::path& folder) {
    std::error_code error;
    fs::remove_all(folder, error);
    if (error) throw file_error("remove", folder, error.value());
}

void remove_earlier_results(const fs::path& directory) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(directory, ignored))
        if (const std::string name = entry.path().filename().string();
            name.starts_with(kEarlierResults) || name.starts_with(kHeldSegment))
            fs::remove(entry.path(), ignored);
}

// `segments`, `segments-000002`, ...: as a rule there is one.
std::vector<fs::path> segment_folders(const fs::path& directory) {
    std::vector<fs::path> found;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(directory, missing)) {
        const std::string name = entry.path().filename().string();
        if (name == kSegments || (name.starts_with(kSegments) && name[kSegments.size()] == '-'))
            found.push_back(entry.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

// The folder of segments becomes ours, and those who know its old name can write no more. Returns the new name.
fs::path take_segments(const fs::path& directory, std::uint32_t incarnation) {
    const fs::path ours = directory / fmt::format("{}-{:06}", kSegments, incarnation);
    std::error_code error;
    if (const auto folders = segment_folders(directory); !folders.empty()) {
        fs::rename(folders.back(), ours, error);
        if (error) throw file_error("rename", folders.back(), error.value());
    } else {
        make_folder(ours);
    }
    sync_directory(directory);
    return ours;
}

// Whose content a results file has.
std::vector<SegmentId> segments_in(const fs::path& results) {
    if (!fs::exists(results)) return {};
    const Source source(results);
    return source.segments();
}

// The fence of each writer of earlier launches: the last segment of it there is.
FenceEntry fences_at(const fs::path& segments, const fs::path& results, std::uint32_t incarnation) {
    std::map<WriterId, std::uint64_t> last;
    const auto see = [&](const SegmentId& id) {
        auto& known = last[id.writer];
        known = std::max(known, id.last);
    };
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(segments, missing))
        if (const auto id = parse_segment_name(entry.path().filename().string())) see(*id);
    for (const SegmentId& id : segments_in(results)) see(id);
    FenceEntry entry;
    entry.incarnation = incarnation;
    for (const auto& [writer, number] : last)
        if (writer.incarnation < incarnation) entry.fences.push_back({writer, number});
    return entry;
}

// A launch never has a number that a results file from elsewhere knows already.
std::uint32_t latest_incarnation(const fs::path& results) {
    std::uint32_t latest = 0;
    for (const SegmentId& id : segments_in(results)) latest = std::max(latest, id.writer.incarnation);
    return latest;
}

// Only names that are ours; the incarnations stay, so that a number is never used again.
void remove_old_run(const fs::path& directory) {
    for (const fs::path& folder : segment_folders(directory)) remove_folder(folder);
    for (const char* folder : kOtherFolders) remove_folder(directory / folder);
    remove_earlier_results(directory);
}

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

class ClaimedRunDirectory : public RunDirectory {
public:
    ClaimedRunDirectory(fs::path path, std::unique_ptr<Ownership> ownership, Journal journal, bool resumed)
        : path_(std::move(path)), ownership_(std::move(ownership)), journal_(std::move(journal)), resumed_(resumed) {}

    const fs::path& path() const override { return path_; }
    std::uint32_t incarnation() const override { return ownership_->incarnation(); }
    bool resumed() const override { return resumed_; }

    void record_plan(PlanId id, const Plan& plan) override { append(journal_entry(id, plan)); }

    void record_submissions(const std::vector<PipelineInfo>& pipelines) override {
        if (!pipelines.empty()) append(journal_entry(pipelines));
    }

    void finished() override {
        for (const fs::path& folder : segment_folders(path_)) remove_folder(folder);
        for (const char* folder : kTemporaryFolders) remove_folder(path_ / folder);
        remove_earlier_results(path_);
    }

    void record_lost(const std::string& file, const std::string& reason) override {
        append(LostFileEntry{file, reason});
    }

    void fence(std::uint32_t rank, std::uint32_t epoch) override {
        const WriterId writer{incarnation(), rank, epoch};
        FenceEntry entry;
        entry.incarnation = incarnation();
        entry.fences.push_back({writer, 0});
        std::error_code missing;
        for (const auto& file : fs::directory_iterator(segments_folder_of(path_), missing))
            if (const auto id = parse_segment_name(file.path().filename().string()); id && id->writer == writer)
                entry.fences.front().last = std::max(entry.fences.front().last, id->last);
        append(entry);
    }

private:
    void append(const JournalEntry& entry) {
        const std::scoped_lock lock(mutex_);
        journal_.append(entry);
    }

    std::mutex mutex_;  // guards the journal
    fs::path path_;
    std::unique_ptr<Ownership> ownership_;
    Journal journal_;
    bool resumed_;
};

IncarnationEntry entry_of(const fs::path& directory, const Ownership& ownership, const ClaimOptions& options) {
    IncarnationEntry start;
    start.incarnation = ownership.incarnation();
    start.first = ownership.incarnation();
    start.command_line = options.command_line;
    start.version = std::string(kVersion);
    start.pid = static_cast<std::uint32_t>(::getpid());
    if (const auto us = newest_owner(directory)) start.host = us->host;
    start.time_ns = now_ns();
    return start;
}

// The run goes on: nothing of it is removed but what was temporary.
Journal take_over(const fs::path& directory, const fs::path& results, IncarnationEntry start) {
    const fs::path segments = take_segments(directory, start.incarnation);
    for (const char* folder : kTemporaryFolders) remove_folder(directory / folder);
    remove_earlier_results(directory);
    start.first = 1;
    const FenceEntry fences = fences_at(segments, results, start.incarnation);
    const fs::path path = directory / kJournal;
    // The launch before may have been killed before it had made one.
    Journal journal = fs::exists(path) ? Journal::resume(path) : Journal::create(path, start);
    journal.append(start);
    journal.append(fences);
    return journal;
}

}  // namespace

fs::path results_file_of(const fs::path& run) {
    auto path = without_trailing_slash(run);
    if (path.extension() == kSuffix) path.replace_extension();
    return path;
}

fs::path run_directory_of(const fs::path& run) {
    auto path = without_trailing_slash(run);
    if (path.extension() != kSuffix) path += kSuffix;
    return path;
}

fs::path segments_folder_of(const fs::path& directory) {
    const auto folders = segment_folders(directory);
    return folders.empty() ? directory / kSegments : folders.back();
}

std::string segment_name_of(const std::string& held) {
    if (!held.starts_with(kHeldSegment)) return held;
    const auto dash = held.find('-', kHeldSegment.size());
    return dash == std::string::npos ? held : held.substr(dash + 1);
}

std::unique_ptr<RunDirectory> RunDirectory::claim(const fs::path& results_file, const ClaimOptions& options) {
    const auto results = results_file_of(results_file);
    const auto directory = run_directory_of(results_file);
    if (results.filename().empty())
        throw StoreError("the results file has an empty name. Name one with -o, for example -o results.h5.");
    check_results_file(results, options);

    bool older_run = false;
    if (::mkdir(directory.c_str(), 0777) != 0) {
        if (errno != EEXIST) throw file_error("make", directory, errno);
        older_run = holds_run(directory, results);
        if (older_run && !options.force && !options.resume) throw run_exists_error(directory);
    }
    if (!is_marked(directory)) write_file_atomically(directory / kMarker, kMarkerText);

    const bool resumes = options.resume && (older_run || fs::exists(results));
    auto ownership = Ownership::take(directory, options.timing, resumes ? latest_incarnation(results) : 0);
    if (older_run && options.force) remove_old_run(directory);
    if (options.force) remove_file(results);
    const IncarnationEntry start = entry_of(directory, *ownership, options);
    if (!resumes) make_folder(directory / kSegments);
    auto journal = resumes ? take_over(directory, results, start) : Journal::create(directory / kJournal, start);
    for (const char* folder : kOtherFolders) make_folder(directory / folder);
    sync_directory(directory);
    sync_directory(directory.parent_path().empty() ? fs::path(".") : directory.parent_path());
    return std::make_unique<ClaimedRunDirectory>(directory, std::move(ownership), std::move(journal), resumes);
}

}  // namespace penstock
