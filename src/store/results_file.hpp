// A results file: the catalog of many files, and their values, as one.
#pragma once

#include "store/catalog.hpp"
#include "store/hdf5_write_file.hpp"
#include "store/labels.hpp"
#include "store/table_group.hpp"
#include "store/value_column.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace penstock {

// What the attributes of a results file say about the run beyond its rows.
struct RunDescription {
    struct Definition {
        std::string name;
        std::string text;
        std::string directory;
        std::uint64_t hash = 0;
        friend bool operator==(const Definition&, const Definition&) = default;
    };
    std::vector<Definition> definitions;
    std::vector<std::string> command_lines;  // one an incarnation
    std::vector<std::string> versions;       // of Penstock, each once
};

void write_description(hid_t file, const RunDescription& description);
RunDescription read_description(hid_t file);

class ResultsFileWriter {
public:
    ResultsFileWriter(h5::WriteFile& file, SourcePool& sources, const Catalog& catalog)
        : file_(file), sources_(sources), catalog_(catalog) {}

    // Throws SourceFailed when a source turns out to be gone or damaged.
    void write(const RunDescription& description);
    const std::vector<std::string>& warnings() const { return warnings_; }

private:
    void write_attributes(const RunDescription& description);
    void write_pipelines();
    void write_templates();
    void write_jobs();
    void write_job_texts(hid_t table);
    void write_errors(hid_t table);
    void write_attempts();
    void write_attempt_texts(hid_t table);
    void write_results();
    void write_streams();
    void write_stream(std::span<const PlacedRun> runs, TableGroup& table);
    void write_result_table(std::uint32_t job_template, std::span<const std::uint32_t> jobs, hid_t pipeline);

    h5::WriteFile& file_;
    SourcePool& sources_;
    const Catalog& catalog_;
    std::vector<std::string> warnings_;
};

}  // namespace penstock
