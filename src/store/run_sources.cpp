#include "store/run_sources.hpp"

#include "store/journal.hpp"
#include "store/run_directory.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace penstock {

namespace {

// A gap is looked at again so often: a merge is between two of its renames, or the listing was.
constexpr int kLooks = 5;
constexpr auto kBetweenLooks = std::chrono::milliseconds(20);
// Files may vanish that often while they are read; each time more of them have been merged into lasting ones.
constexpr int kMostRestarts = 100;

void add_once(std::vector<std::string>& list, const std::string& text) {
    if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

}  // namespace

RunSources::RunSources(const std::filesystem::path& run, const Renumbering* renumbering)
    : directory_(run_directory_of(run)), results_(results_file_of(run)), renumbering_(renumbering) {}

// From the journal, again when it has grown. Without one nothing is fenced.
void RunSources::read_rules() {
    const auto journal = directory_ / "journal";
    std::error_code missing;
    const std::uint64_t bytes = std::filesystem::file_size(journal, missing);
    if (missing || bytes == rules_bytes_) return;
    try {
        rules_ = segment_rules(read_journal(journal).entries);
        rules_bytes_ = bytes;
    } catch (const StoreError& e) {
        add_once(warnings_, fmt::format("without the journal: {}", e.what()));
    }
}

void RunSources::list() {
    has_results_ = std::filesystem::exists(results_) && !damaged_.contains(results_);
    if (!has_results_ && !std::filesystem::is_directory(directory_)) {
        if (damaged_.contains(results_)) throw StoreError(warnings_.back());
        throw StoreError(
            fmt::format("there are no results {} and no run directory {}: nothing has been run under this name "
                        "here. Look at the name, or at the folder.",
                        results_.string(), directory_.string()));
    }
    std::vector<SegmentId> collected;
    if (has_results_) collected = Source(results_).segments();
    for (int look = 0; look < kLooks; ++look) {
        read_rules();
        folder_ = segments_folder_of(directory_);
        list_ = list_segments(folder_, rules_.fences, collected);
        if (list_.gaps.empty()) break;
        std::this_thread::sleep_for(kBetweenLooks);
    }
    std::erase_if(list_.files, [&](const SegmentList::File& file) {
        const bool lost =
            std::find(rules_.lost.begin(), rules_.lost.end(), file.path.filename().string()) != rules_.lost.end();
        if (lost) add_once(warnings_, fmt::format("left out: {} was found damaged before", file.path.string()));
        return lost || damaged_.contains(file.path);
    });
}

std::vector<std::filesystem::path> RunSources::paths() const {
    std::vector<std::filesystem::path> paths;
    if (has_results_) paths.push_back(results_);
    for (const auto& file : list_.files) paths.push_back(file.path);
    return paths;
}

void RunSources::leave_out(const SourceFailed& failure) {
    if (++restarts_ > kMostRestarts) throw failure;
    if (!std::filesystem::exists(failure.path())) return;
    if (failure.path() == results_) throw failure;  // never replaced by a file without its rows
    damaged_.insert(failure.path());
    damage_.push_back({failure.path().filename().string(), failure.what()});
    add_once(warnings_, fmt::format("left out: {}", failure.what()));
}

std::vector<std::string> RunSources::warnings() const {
    std::vector<std::string> all = warnings_;
    for (const std::string& gap : list_.gaps) add_once(all, gap);
    return all;
}

std::uint32_t RunSources::last_loss() const {
    std::uint32_t last = 0;
    const auto look_at = [&](const std::string& name) {
        if (const auto id = parse_segment_name(name)) last = std::max(last, id->writer.incarnation);
    };
    for (const std::string& name : rules_.lost) look_at(name);
    for (const CollectReport::Damaged& damaged : damage_) look_at(damaged.file);
    for (const SegmentId& missing : list_.missing) last = std::max(last, missing.writer.incarnation);
    return last;
}

RunDescription RunSources::description() {
    RunDescription description;
    if (std::filesystem::exists(results_)) description = read_description(Source(results_).file());
    const auto journal = directory_ / "journal";
    if (!std::filesystem::exists(journal)) return description;
    RunDescription written;
    try {
        for (const JournalEntry& entry : read_journal(journal).entries) {
            if (const auto* incarnation = std::get_if<IncarnationEntry>(&entry)) {
                written.command_lines.push_back(fmt::format("{}", fmt::join(incarnation->command_line, " ")));
                add_once(written.versions, incarnation->version);
            } else if (const auto* plan = std::get_if<PlanEntry>(&entry)) {
                const RunDescription::Definition definition{plan->name, plan->definition, plan->directory,
                                                            plan->definition_hash};
                auto& list = written.definitions;
                if (std::find(list.begin(), list.end(), definition) == list.end()) list.push_back(definition);
            }
        }
    } catch (const StoreError& e) {
        add_once(warnings_, fmt::format("without the journal: {}", e.what()));
        return description;
    }
    return written;
}

}  // namespace penstock
