// From definition files (YAML, JSON) or the C++ API to Plans, or to all that is wrong with them.
//
// Pure: reads the named files and nothing else; no MPI, no threads. Every problem of every file is reported at once.
#pragma once

#include "core/job_history.hpp"
#include "core/plan.hpp"
#include "language/diagnostic.hpp"
#include "language/limits.hpp"

#include <penstock/worker.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

class StreamPort;  // run/stream_port.hpp

struct LoadOptions {
    std::vector<std::string> set;      // "key=value", value as YAML: overrides data
    bool store_provides_keys = false;  // a user's Store may have keys nobody makes: not a diagnostic then
    // With `--for-each` the keys of own_data are there too: those named here, and, when for_each_given, any other (each
    // line is then checked as it comes, by submissions_for_line()).
    std::vector<std::string> for_each_keys;
    bool for_each_given = false;
    LanguageLimits limits;
};

// One pipeline to submit: a plan and the data of its own.
struct Submission {
    std::shared_ptr<const Plan> plan;
    std::string instance;  // "" or the label of own_data
    Document own_data;
    std::shared_ptr<const Resumption> resumption = nullptr;  // what earlier launches have left of it
    std::shared_ptr<StreamPort> port = nullptr;              // of a stream that the driver function feeds or reads
    std::optional<std::uint64_t> stream_identity = {};       // of a stream that may go on from a position
};

struct Loaded {
    std::vector<std::shared_ptr<const Plan>> plans;
    std::vector<Diagnostic> diagnostics;
    bool ok() const;  // no diagnostic is an error
};

// Files in the order given, documents in the order of the files.
Loaded load_files(const std::vector<std::filesystem::path>& files, const WorkerTypes& types,
                  const LoadOptions& options);

// One definition as text; `name` is what diagnostics call it, `directory` what relative paths resolve against.
Loaded load_text(const std::string& text, const std::string& name, const std::filesystem::path& directory,
                 const WorkerTypes& types, const LoadOptions& options);

// `--for-each FILE`: one submission per JSON object or line (a line sets `key`). Lines come one at a time, so that a
// pipe can be read while the run goes on; an empty line is skipped; returns diagnostics for a line that is no good.
struct ForEachLine {
    std::vector<Submission> submissions;
    std::vector<Diagnostic> diagnostics;
};
ForEachLine submissions_for_line(const std::vector<std::shared_ptr<const Plan>>& plans, const std::string& line,
                                 const std::string& key, const std::string& file, std::size_t line_number);

}  // namespace penstock
