// One file to read from: a segment or a results file. Both look the same here.
#pragma once

#include "store/column_reader.hpp"
#include "store/dataset.hpp"
#include "store/hdf5.hpp"
#include "store/record.hpp"
#include "store/result_group.hpp"
#include "store/schema.hpp"
#include "store/segment_name.hpp"
#include "store/stream_run.hpp"
#include "store/variable_cells.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

// The rows of one template in one file.
class ResultTableReader {
public:
    virtual ~ResultTableReader() = default;
    // Of each row, the row of the file's /jobs; ascending.
    virtual const Buffer& jobs() const = 0;
    virtual std::vector<std::string> parameters() const = 0;  // names there are columns for
    virtual std::vector<std::string> outputs() const = 0;
    // Null when there is no such column.
    virtual std::unique_ptr<ColumnReader> parameter(const std::string& name) = 0;
    virtual std::unique_ptr<ColumnReader> output(const std::string& key) = 0;

    std::uint64_t rows() const { return jobs().size() / sizeof(std::uint32_t); }
};

class Source {
public:
    // Throws StoreError when the file cannot be read, is none of ours, or of a newer format.
    explicit Source(const std::filesystem::path& path);

    const std::filesystem::path& path() const { return file_.path(); }
    bool is_segment() const { return is_segment_; }
    // The segments whose content this file has: itself, or those that were collected into it.
    const std::vector<SegmentId>& segments() const { return segments_; }
    hid_t file() const { return file_.id(); }
    // A segment: files of large values with numbers up to this are referred to by it or by earlier ones only.
    std::uint64_t value_files() const { return h5::number_attribute(file(), "value_files"); }

    struct Pipeline {
        std::string name;
        std::string instance;
        std::string data;
        std::uint32_t id = 0;
        JobStatus status = JobStatus::waiting;
        bool ended = false;
        std::int64_t submitted = 0, started = 0, finished = 0;
    };
    std::vector<Pipeline> pipelines() const;

    struct Template {
        std::uint32_t pipeline = 0;  // a row of pipelines() that has its definition's name
        std::string name;
        std::string worker;
        std::string parameters;
        std::uint32_t first_job = 0;
        std::uint32_t count = 1;
    };
    std::vector<Template> templates() const;

    std::uint64_t jobs() const { return jobs_; }
    h5::DatasetReader job_column(const FixedColumn& column) const;
    bool has_job_column(const char* name) const;
    // A segment: the texts of `@error`. A results file: one a row.
    std::unique_ptr<VariableCells> job_texts(const char* name) const;
    std::unique_ptr<VariableCells> errors() const;

    std::uint64_t attempts() const { return attempts_; }
    h5::DatasetReader attempt_column(const FixedColumn& column) const;
    std::unique_ptr<VariableCells> attempt_texts(const char* name) const;

    // Null when the file has no rows of this template (`template_row` of templates()).
    std::unique_ptr<ResultTableReader> table(std::uint32_t template_row, const std::string& job,
                                             const std::string& pipeline);

    bool has_streams() const { return bool{streams_group_}; }
    // The items of a stage in this file: its runs in the order of the rows (with rows of pipelines()), and their
    // column, null when there are none.
    std::vector<StreamRun> stream_runs(const std::string& pipeline, const std::string& stage) const;
    std::unique_ptr<ColumnReader> stream_items(const std::string& pipeline, const std::string& stage) const;

private:
    void load_small_groups();
    std::optional<h5::Handle> stream_table(const std::string& pipeline) const;

    h5::ReadFile file_;
    bool is_segment_ = true;
    std::vector<SegmentId> segments_;
    std::uint64_t jobs_ = 0;
    std::uint64_t attempts_ = 0;
    h5::Handle job_group_;
    h5::Handle attempt_group_;
    h5::Handle results_group_;
    h5::Handle streams_group_;
    std::string last_pipeline_link_;
    h5::Handle last_pipeline_group_;
    bool small_loaded_ = false;
    std::map<std::uint32_t, std::shared_ptr<ResultGroup>> small_groups_;  // by template row
};

// Finds values in files of their own, in this folder.
LoadLarge large_values_of(const std::filesystem::path& folder);

}  // namespace penstock
