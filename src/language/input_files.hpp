// Files that a load reads: definitions, and what for-each takes from `lines:` and `rows:`. Bounded in size.
#pragma once

#include "core/plan.hpp"
#include "language/source.hpp"

#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

// Reads a whole file, or tells why not: nothing else than a sentence's rest ("cannot be opened: ...") in `problem`.
bool read_file(const std::filesystem::path& path, std::uint64_t most_bytes, std::string& text, std::string& problem);

// Keeps the sources of one load alive, for the diagnostics at its end.
class Sources {
public:
    const SourceText& add(std::string name, std::string text) {
        return sources_.emplace_back(std::move(name), std::move(text), sources_.size());
    }

private:
    std::deque<SourceText> sources_;
};

// The files one definition reads, each once.
class InputFiles {
public:
    // `definition`: the definition's file as messages call it; the files it reads are called alike.
    InputFiles(std::filesystem::path directory, const std::string& definition, std::uint64_t most_bytes,
               Sources& sources)
        : directory_(std::move(directory)),
          shown_directory_(std::filesystem::path(definition).parent_path()),
          most_bytes_(most_bytes),
          sources_(sources) {}

    // `name` as the definition has it: relative to the definition's directory. Null with a `problem` when it cannot be
    // read.
    const SourceText* read(std::string_view name, std::string& problem);
    // What was read, pinned by hash, in the order of first use.
    std::vector<Plan::File> pinned() const { return pinned_; }

private:
    std::filesystem::path directory_;
    std::filesystem::path shown_directory_;
    std::uint64_t most_bytes_;
    Sources& sources_;
    std::map<std::string, const SourceText*> read_;
    std::vector<Plan::File> pinned_;
};

}  // namespace penstock
