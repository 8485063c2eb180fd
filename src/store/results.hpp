// Reading results: from a collected file, or from the segments of a run that still goes on.
#pragma once

#include "store/record.hpp"
#include "store/store_error.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

struct JobRow {
    std::string pipeline;
    std::string pipeline_instance;
    std::string name;
    std::string instance;
    std::uint32_t number = 0;  // of the instance among those of its job
    std::string worker;
    JobStatus status = JobStatus::succeeded;
    std::uint32_t attempts = 0;
    std::uint32_t broker = 0;
    std::uint32_t slot = 0;
    double submitted = 0, started = 0, finished = 0;  // seconds since the Unix epoch
    std::string error;
    std::uint64_t hash = 0;
};

// One attempt at a job.
struct AttemptRow {
    std::uint32_t number = 1;
    std::uint32_t broker = 0;
    std::uint32_t slot = 0;
    double started = 0, finished = 0;  // seconds since the Unix epoch
    EndReason reason = EndReason::succeeded;
    std::int32_t exit_code = 0, signal = 0;
    std::uint64_t peak_memory_bytes = 0;  // 0 = not measured
    std::string error;
};

// The rows of one job: for-each parameters and output values, one entry an instance that succeeded.
struct ResultTable {
    std::vector<std::string> parameter_names;
    std::vector<std::string> keys;
    struct Row {
        std::string pipeline_instance;
        std::string instance;
        Document parameters;
        Document values;  // a key without a value is absent
    };
    std::vector<Row> rows;
};

// The stored items of one stage of one pipeline.
struct StreamRow {
    std::string pipeline;
    std::string pipeline_instance;
    std::string stage;
    std::uint64_t items = 0;  // those there are
};

class Results {
public:
    // `run`: X.h5 or X.h5.run. Throws StoreError when there is nothing to read.
    static std::unique_ptr<Results> open(const std::filesystem::path& run);
    virtual ~Results() = default;

    virtual std::vector<JobRow> jobs() const = 0;
    virtual std::vector<std::string> pipelines() const = 0;
    // The attempts at this job so far, by number.
    virtual std::vector<AttemptRow> attempts(const JobRow& job) const = 0;
    // Throws StoreError naming what there is when pipeline or job is unknown.
    virtual ResultTable table(const std::string& pipeline, const std::string& job) const = 0;
    virtual std::optional<Document> outputs(const std::string& pipeline, const std::string& pipeline_instance,
                                            const std::string& job, const std::string& instance) const = 0;
    // Stages whose items are stored, also those that made none, in definition order.
    virtual std::vector<StreamRow> streams() const = 0;
    // Pipelines whose stages say what they have done: `stage` is kStageCounts (store/schema.hpp), and the items that
    // stream_items() gives of it are a map for each worker of each stage.
    virtual std::vector<StreamRow> stage_counts() const = 0;
    // Of the stage's items in order those from position `first` on, at most `count`; none when there is no such stage.
    virtual std::vector<Value> stream_items(const std::string& pipeline, const std::string& pipeline_instance,
                                            const std::string& stage, std::uint64_t first,
                                            std::uint64_t count) const = 0;
    // What was run, for `penstock dot --run`: the text of each definition file as stored with the results.
    struct Definition {
        std::string text;
        std::string directory;  // relative paths of the definition resolve against it
    };
    virtual std::vector<Definition> definitions() const { return {}; }
    // Sees segments that were written since open() (or the last refresh).
    virtual void refresh() = 0;
};

}  // namespace penstock
