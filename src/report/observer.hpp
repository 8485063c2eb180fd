// What the run tells about itself, at rank 0: the door between the router's pump and everything people see.
//
// Threads: every function is called by the pump thread of rank 0 and must not block for long.
#pragma once

#include "core/ids.hpp"
#include "core/plan.hpp"
#include "core/stage_counts.hpp"
#include "core/waiting_jobs.hpp"
#include "exec/task.hpp"
#include "store/record.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// Who is where, one line a role: "broker 3   node17   4 slots".
struct RoleLine {
    std::uint32_t rank = 0;
    std::string role;  // "router", "pipeliner", "broker"; with two ranks or one: "router+pipeliner", ...
    std::string host;
    std::uint32_t pid = 0;
    std::uint32_t slots = 0;  // worker slots; 0 for a role that has none
};

// Streams are no jobs: the first numbers leave out the workers of their stages.
struct Progress {
    std::uint64_t jobs = 0;  // submitted so far
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t skipped = 0;
    std::uint64_t assigned = 0;  // at brokers, running or about to
    std::uint64_t slots = 0;     // of all brokers: no more can be running
    std::uint64_t durable = 0;
    std::uint64_t retried = 0;  // attempts that failed and were not the last of their jobs
    std::uint64_t kept = 0;     // of those that have ended: in earlier launches
    std::uint64_t pipelines = 0;
    std::uint64_t pipelines_ended = 0;
    Nanoseconds elapsed = 0;     // since the first job was submitted
    bool more_may_come = false;  // the driver function or standard input is still open
    std::uint64_t streams = 0;
    std::uint64_t streams_ended = 0;  // also those that failed
    std::uint64_t streams_failed = 0;
    std::uint64_t items = 0;  // that the sources of streams have made

    std::uint64_t ended() const { return succeeded + failed + skipped; }
    std::uint64_t running() const { return assigned < slots ? assigned : slots; }
    bool all_succeeded() const { return succeeded == jobs && streams_ended == streams && streams_failed == 0; }
    std::uint64_t waiting() const { return jobs > ended() + running() ? jobs - ended() - running() : 0; }
};

// Jobs that ended the same way, consecutive in their plan.
struct JobsEnded {
    const PipelineContext* pipeline = nullptr;
    JobIndex first;
    std::uint32_t count = 1;
    JobStatus status = JobStatus::succeeded;
    std::uint32_t attempt = 1;
    std::uint32_t broker = 0;
    std::string_view error;  // for a failed job (count is 1 then); skipped: the job that caused it
};

// All workers of a stage have ended.
struct StageEnded {
    const PipelineContext* pipeline = nullptr;
    TemplateIndex stage;
    JobStatus status = JobStatus::succeeded;  // or failed
    StageCounts counts;                       // of all of them
};

struct PipelineEnded {
    const PipelineContext* pipeline = nullptr;
    JobStatus status = JobStatus::succeeded;               // or failed
    std::uint64_t succeeded = 0, failed = 0, skipped = 0;  // jobs, or stages of a stream
    double duration_s = 0;
};

struct WorkerSummary {
    std::string worker;
    std::uint64_t succeeded = 0, failed = 0, skipped = 0;
    double median_s = 0;  // of the attempts' durations, within 5 %
    double total_s = 0;
};

// A stage, over all streams of one definition.
struct StageSummary {
    std::string pipeline, stage, worker;
    StageForm form = StageForm::map;
    std::uint32_t workers = 1;  // of each stream
    std::uint64_t streams = 1;
    std::vector<std::string> from;
    StageCounts counts;       // of all of its workers
    Nanoseconds storing = 0;  // for so long its results waited for room to be stored
};

// Failures of one worker type with the same text up to digits: the first stands for all.
struct FailureKind {
    std::string worker;
    std::string first_job;  // "word-count/download" or "sweep/simulate[seed=0]"; of a stream its stage: "titles/fetch"
    std::string error;
    std::uint64_t count = 0;
    bool stage = false;
};

struct RunSummary {
    Progress progress;
    std::vector<WorkerSummary> workers;    // of jobs
    std::vector<StageSummary> stages;      // of streams, in the order of their definitions; at most kStagesInSummary
    std::vector<FailureKind> failures;     // at most 20 kinds
    double makespan_s = 0;                 // first start to last durable
    std::uint64_t bad_lines = 0;           // of --for-each, that were left out
    bool interrupted = false;              // ended early: something is left for resume
    std::uint64_t cut_short = 0;           // attempts that were ended because the run ends
    std::string out_of_time;               // "" = the time sufficed; else who said when it ends
    std::vector<WaitingJobs> not_started;  // because they would not have ended in time
    struct LostFile {
        std::string file, reason;
    };
    std::vector<LostFile> lost_files;  // of earlier launches, that could not be read as they were written
    std::vector<std::uint32_t> lost_ranks;
    bool degraded = false;  // of any rank: MPI is not to be asked for anything any more
    std::string fatal;      // why the run could not go on (disk full, ...); "" otherwise
    std::string vanished;   // then: the run directory, when it is not there any more
    // Of those that have not ended: streams that a next launch goes on with, instead of from their beginning.
    std::uint64_t streams_that_go_on = 0;
};

inline constexpr std::size_t kStagesInSummary = 1000;

enum class Severity : std::uint8_t { debug, info, warning, error };

class RunObserver {
public:
    virtual ~RunObserver() = default;
    virtual void roles(const std::vector<RoleLine>&) {}
    virtual void progress(const Progress&) {}               // about ten times a second while something changes
    virtual void waits(const std::vector<WaitingJobs>&) {}  // about once a second while something changes
    virtual bool wants_jobs() const { return false; }       // jobs_ended is only called when true
    virtual void jobs_ended(const JobsEnded&) {}
    virtual void attempt_failed(const JobsEnded&) {}  // likewise: a job that is tried again; its status is `ready`
    virtual void stage_ended(const StageEnded&) {}
    virtual void pipeline_ended(const PipelineEnded&) {}  // all of its records are durable
    virtual void message(Severity, std::string_view) {}
    virtual void ended(const RunSummary&) {}
};

}  // namespace penstock
