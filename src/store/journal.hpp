// The journal of a run: what rank 0 must remember through a crash, and nothing else. docs/journal.md is normative.
//
// An append-only text file, one entry a line, each with its length and a checksum, so that a line torn by a crash is
// recognised and dropped. append() returns when the entry is on the disk.
// Threads: one at a time. Errors: StoreError.
#pragma once

#include "core/plan.hpp"
#include "store/files.hpp"
#include "store/segment_list.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace penstock {

// A launch took the run. Of all earlier incarnations only those from `first` on count.
struct IncarnationEntry {
    std::uint32_t incarnation = 1;
    std::uint32_t first = 1;
    std::vector<std::string> command_line;
    std::string version;  // of Penstock
    std::string host;
    std::uint32_t pid = 0;
    std::int64_t time_ns = 0;  // since the Unix epoch; for people
    friend bool operator==(const IncarnationEntry&, const IncarnationEntry&) = default;
};

// A definition pipelines are going to be submitted with.
struct PlanEntry {
    std::uint32_t plan = 0;
    std::string name;
    std::string directory;
    std::string definition;
    std::uint64_t definition_hash = 0;  // Hasher of the text
    Document data;                      // after --set
    struct PinnedFile {
        std::string path;
        std::uint64_t hash = 0;
        friend bool operator==(const PinnedFile&, const PinnedFile&) = default;
    };
    std::vector<PinnedFile> files;
    friend bool operator==(const PlanEntry&, const PlanEntry&) = default;
};

// Pipelines that were accepted together.
struct SubmissionsEntry {
    struct Pipeline {
        std::uint32_t pipeline = 0;
        std::uint32_t plan = 0;
        std::string instance;
        Document data;
        friend bool operator==(const Pipeline&, const Pipeline&) = default;
    };
    std::vector<Pipeline> pipelines;
    friend bool operator==(const SubmissionsEntry&, const SubmissionsEntry&) = default;
};

// Of the writers of incarnations before this one, these count, each up to its fence, and no others.
struct FenceEntry {
    std::uint32_t incarnation = 1;
    std::vector<Fence> fences;
    friend bool operator==(const FenceEntry&, const FenceEntry&) = default;
};

// A segment that could not be read as it was written: it does not count from now on.
struct LostFileEntry {
    std::string file;  // its name in the folder of segments
    std::string reason;
    friend bool operator==(const LostFileEntry&, const LostFileEntry&) = default;
};

using JournalEntry = std::variant<IncarnationEntry, PlanEntry, SubmissionsEntry, FenceEntry, LostFileEntry>;

// What the journal says about which segments count.
struct SegmentRules {
    Fences fences;
    std::vector<std::string> lost;
};
SegmentRules segment_rules(const std::vector<JournalEntry>& entries);

PlanEntry journal_entry(PlanId id, const Plan& plan);
SubmissionsEntry journal_entry(const std::vector<PipelineInfo>& pipelines);

class Journal {
public:
    // A journal that holds `first` alone; it replaces one of that name in one step.
    static Journal create(const std::filesystem::path& path, const IncarnationEntry& first);
    // Continues one; a torn end is cut off.
    static Journal resume(const std::filesystem::path& path);

    void append(const JournalEntry& entry);

private:
    explicit Journal(File file);
    File file_;
};

struct JournalContents {
    std::vector<JournalEntry> entries;
    std::uint64_t sound_bytes = 0;  // up to the end of the last sound entry
    std::uint64_t torn_bytes = 0;   // behind it: a last write that a crash cut short
};
// Throws StoreError when the file is no journal, of a newer format, or damaged before its last line.
JournalContents read_journal(const std::filesystem::path& path);

// The line of an entry, newline included, and back. Public for the tests and for tools.
std::string encode_journal_line(const JournalEntry& entry);

}  // namespace penstock
