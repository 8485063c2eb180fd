// What the writer of a broker (or of the router) is given about one finished job, and about items of a stream.
#pragma once

#include "core/stream_items.hpp"
#include "exec/task.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

enum class JobStatus : std::uint8_t { waiting, ready, running, succeeded, failed, skipped };
std::string_view job_status_name(JobStatus status);

// One final (or, later, failed but to be retried) attempt. Cheap to move; about 100 bytes.
struct JobRecord {
    std::shared_ptr<const PipelineContext> pipeline;
    const JobTemplate* job = nullptr;
    std::uint32_t instance = 0;
    std::uint32_t attempt = 1;  // 0 for a job that was skipped without any attempt
    std::uint32_t broker = 0;   // rank; 0 = the router itself (skipped jobs)
    std::uint32_t slot = 0;
    JobStatus status = JobStatus::succeeded;  // succeeded, failed or skipped
    bool final_attempt = true;                // false: a further attempt follows, only /attempts gets a row
    std::int64_t submitted_ns = 0;            // since the Unix epoch, on the router's clock
    std::int64_t started_ns = 0;
    std::int64_t finished_ns = 0;
    std::uint64_t hash = 0;                   // job_hash()
    std::shared_ptr<const Document> outputs;  // may be null; already shared with successors, never changed
    std::size_t outputs_bytes = 0;            // of memory; 0 = not weighed: the writer does it
    bool saved = false;                       // a user's store has the outputs already (RecordWriter::save_first)
    std::unique_ptr<OutcomeDetails> details;  // may be null
    std::string error;                        // skipped: the job that caused it; failed: details->error is used
};

// A row of /pipelines.
struct PipelineRecord {
    std::shared_ptr<const PipelineContext> pipeline;
    JobStatus status = JobStatus::succeeded;  // succeeded, failed, or waiting when the run ended before it
    std::int64_t submitted_ns = 0;
    std::int64_t started_ns = 0;
    std::int64_t finished_ns = 0;
};

// Items of a stage whose results are stored, in order: those from number `first` on. Without items it says that the
// attempt begins there, so that an attempt (or a stream) that makes none is known too, or that it ended before that one.
struct StreamRecord {
    std::shared_ptr<const PipelineContext> pipeline;
    // The stage that made them, not the one that stores them; null: they say what the workers of all stages have done
    // (kStageCounts), and always go into the segments.
    const JobTemplate* stage = nullptr;
    std::uint32_t attempt = 1;  // of the stream: from the first item of a later one on, what earlier ones made is void
    std::uint64_t first = 0;    // counted from 0 in each pipeline
    StreamItems items;
};

}  // namespace penstock
