// The content of a segment in memory: records become columns here, and columns a file.
#pragma once

#include "store/buffer.hpp"
#include "store/record.hpp"
#include "store/result_group.hpp"
#include "store/schema.hpp"
#include "store/segment_name.hpp"
#include "store/stream_group.hpp"
#include "store/string_column.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock {

// A template with fewer rows than this in a segment has them in the table of rows (`/@rows`), not in a group of its
// own.
inline constexpr std::uint64_t kSmallGroupRows = 8;

class SegmentTables {
public:
    // `store_large` keeps values too large for a segment.
    explicit SegmentTables(StoreLarge store_large) : store_large_(std::move(store_large)) {}

    void add(const JobRecord& record);
    void add(const PipelineRecord& record);
    // Leaves out the items that `refuse` gives a reason for not storing them.
    using Refuse = std::function<bool(std::uint64_t number, const Value& item)>;
    void add(const StreamRecord& record, std::uint32_t incarnation, const Refuse& refuse);
    // As if the record had failed because its values could not be stored.
    void add_refused(const JobRecord& record, const std::string& error);

    bool empty() const { return jobs() == 0 && pipeline_names_.rows() == 0; }
    std::uint64_t jobs() const { return job_columns_[0].size() / sizeof(std::uint32_t); }

    // The segment under its name in `directory`, synced. Returns its size, or, when that is more, how much memory the
    // items of streams in it take: those that are all the same have no size. What was added is unchanged.
    // `value_files`: how many files of large values its writer has made so far: none of the first ones will be referred
    // to by later segments.
    std::uint64_t write(const std::filesystem::path& directory, const SegmentId& id, std::uint64_t value_files);

    // ------------------------------------------------------------------------------------------ for merging segments

    std::uint32_t add_pipeline(std::string_view name, std::string_view instance);  // or finds it; returns its row
    void set_pipeline(std::uint32_t row, std::uint32_t id);
    void end_pipeline(std::uint32_t row, std::string_view data, JobStatus status, std::int64_t submitted,
                      std::int64_t started, std::int64_t finished);
    struct TemplateRow {
        std::uint32_t pipeline = 0;  // a row of /pipelines that has its definition's name
        std::string_view name;
        std::string_view worker;
        std::string_view parameters;  // names of its for-each in definition order, a JSON list
        std::uint32_t first_job = 0;
        std::uint32_t count = 1;
    };
    std::uint32_t add_template(const TemplateRow& row);  // or finds it
    ResultGroup& group(std::uint32_t template_row);
    StreamGroup& stream(std::uint32_t template_row);
    Buffer& job_column(JobColumn column) { return job_columns_[static_cast<std::size_t>(column)]; }
    Buffer& attempt_column(AttemptColumn column) { return attempt_columns_[static_cast<std::size_t>(column)]; }
    StringColumn& logs() { return logs_; }
    Dictionary& errors() { return errors_; }
    const StoreLarge& store_large() const { return store_large_; }

private:
    friend class SegmentFile;  // writes it

    struct TemplateState {
        std::uint32_t row = 0;
        ResultGroup* group = nullptr;  // null: no parameters and no outputs so far
    };

    std::uint32_t pipeline_row(const std::shared_ptr<const PipelineContext>& context);
    TemplateState& template_state(const JobTemplate* job, std::uint32_t pipeline);
    bool has_streams() const;
    void put_job(const JobRecord& record, std::uint32_t pipeline, std::uint32_t template_row, std::uint32_t error);
    void put_attempt(const JobRecord& record, std::uint32_t error, const OutcomeDetails& details);
    template <class T>
    void put(JobColumn c, T value) {
        job_columns_[static_cast<std::size_t>(c)].put(value);
    }
    template <class T>
    void put(AttemptColumn c, T value) {
        attempt_columns_[static_cast<std::size_t>(c)].put(value);
    }
    template <class T>
    T& cell(PipelineColumn c, std::uint32_t row) {
        return pipeline_columns_[static_cast<std::size_t>(c)].as<T>()[row];
    }

    StoreLarge store_large_;
    std::array<Buffer, kJobColumns.size()> job_columns_;
    std::array<Buffer, kAttemptColumns.size()> attempt_columns_;
    StringColumn logs_;  // of attempts
    std::array<Buffer, kPipelineColumns.size()> pipeline_columns_;
    StringColumn pipeline_names_, pipeline_instances_;
    std::vector<std::string> pipeline_data_;
    std::array<Buffer, kTemplateColumns.size()> template_columns_;
    Buffer template_pipelines_;
    StringColumn template_names_, template_workers_, template_parameters_;
    Dictionary errors_;
    std::vector<std::unique_ptr<ResultGroup>> groups_;   // by row of /@templates; null = none
    std::vector<std::unique_ptr<StreamGroup>> streams_;  // the same

    // Contexts are kept alive so that their addresses stay theirs.
    std::unordered_map<const PipelineContext*, std::uint32_t> pipelines_;
    std::vector<std::shared_ptr<const PipelineContext>> contexts_;
    std::unordered_map<const JobTemplate*, TemplateState> templates_;
    // By names: the same template may come as several objects, when a broker learns of a pipeline in parts.
    std::unordered_map<std::string, std::uint32_t> template_rows_;
    std::unordered_map<std::string, std::uint32_t> pipeline_rows_;
    const PipelineContext* last_pipeline_ = nullptr;
    std::uint32_t last_pipeline_row_ = 0;
    const JobTemplate* last_job_ = nullptr;
    TemplateState* last_template_ = nullptr;
};

}  // namespace penstock
