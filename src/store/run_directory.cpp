#include "store/run_directory.hpp"

#include "store/files.hpp"
#include "store/hdf5.hpp"
#include "store/journal.hpp"
#include "store/ownership.hpp"

#include <penstock/version.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
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
constexpr const char* kWorkFolders[] = {"segments", "logs", "scratch", "spill"};

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
void check_results_file(const fs::path& results, bool force) {
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
    if (!force)
        throw StoreError(
            fmt::format("{} exists, and results are not overwritten. Choose another file with -o, or "
                        "replace it with --force.",
                        results.string()));
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
    if (fs::is_empty(directory)) return false;
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
        "{} holds an earlier run{}. `penstock collect {}` brings what it has into a results "
        "file; choose another file with -o, or remove the old run with --force.",
        directory.string(), owner && owner->ended ? "" : " that did not come to its end", directory.string()));
}

void make_folder(const fs::path& path) {
    if (::mkdir(path.c_str(), 0777) != 0 && errno != EEXIST) throw file_error("make", path, errno);
}

// Only names that are ours; the incarnations stay, so that a number is never used again.
void remove_old_run(const fs::path& directory) {
    std::error_code error;
    for (const char* folder : kWorkFolders) {
        fs::remove_all(directory / folder, error);
        if (error) throw file_error("remove", directory / folder, error.value());
    }
}

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

class ClaimedRunDirectory : public RunDirectory {
public:
    ClaimedRunDirectory(fs::path path, std::unique_ptr<Ownership> ownership, Journal journal)
        : path_(std::move(path)), ownership_(std::move(ownership)), journal_(std::move(journal)) {}

    const fs::path& path() const override { return path_; }
    std::uint32_t incarnation() const override { return ownership_->incarnation(); }

    void record_plan(PlanId id, const Plan& plan) override { journal_.append(journal_entry(id, plan)); }

    void record_submissions(const std::vector<PipelineInfo>& pipelines) override {
        if (!pipelines.empty()) journal_.append(journal_entry(pipelines));
    }

    void finished() override {
        std::error_code error;
        for (const char* folder : {"segments", "scratch", "spill"}) {
            fs::remove_all(path_ / folder, error);
            if (error) throw file_error("remove", path_ / folder, error.value());
        }
    }

private:
    fs::path path_;
    std::unique_ptr<Ownership> ownership_;
    Journal journal_;
};

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

std::unique_ptr<RunDirectory> RunDirectory::claim(const fs::path& results_file, const ClaimOptions& options) {
    const auto results = results_file_of(results_file);
    const auto directory = run_directory_of(results_file);
    if (results.filename().empty())
        throw StoreError("the results file has an empty name. Name one with -o, for example -o results.h5.");
    check_results_file(results, options.force);

    bool older_run = false;
    if (::mkdir(directory.c_str(), 0777) != 0) {
        if (errno != EEXIST) throw file_error("make", directory, errno);
        older_run = holds_run(directory, results);
        if (older_run && !options.force) throw run_exists_error(directory);
    }
    if (!is_marked(directory)) write_file_atomically(directory / kMarker, kMarkerText);

    auto ownership = Ownership::take(directory, options.timing);
    if (older_run) remove_old_run(directory);
    if (options.force) remove_file(results);
    for (const char* folder : kWorkFolders) make_folder(directory / folder);

    IncarnationEntry start;
    start.incarnation = ownership->incarnation();
    start.first = ownership->incarnation();  // a fresh run: nothing earlier counts
    start.command_line = options.command_line;
    start.version = std::string(kVersion);
    start.pid = static_cast<std::uint32_t>(::getpid());
    if (const auto us = newest_owner(directory)) start.host = us->host;
    start.time_ns = now_ns();
    auto journal = Journal::create(directory / kJournal, start);
    sync_directory(directory);
    sync_directory(directory.parent_path().empty() ? fs::path(".") : directory.parent_path());
    return std::make_unique<ClaimedRunDirectory>(directory, std::move(ownership), std::move(journal));
}

}  // namespace penstock
