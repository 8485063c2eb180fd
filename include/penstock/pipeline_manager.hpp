// Starting pipelines from code while the run goes on, waiting for them, and reading what they made.
//
// A program gives Application::run() a driver function; it is called once, in the process of rank 0, on a thread of its
// own, with a PipelineManager:
//
//     int main(int argc, char** argv) {
//         return penstock::Application<Square>{}.run(argc, argv, [](penstock::PipelineManager& manager) {
//             const auto id = manager.start(pipeline);
//             manager.wait(id);
//             const auto squares = manager.rows(id, "square");
//             ...start more, depending on what came out...
//         });
//     }
//
// The run ends when the driver function has returned and everything it started has ended; it need not wait for it. When
// it throws, what was started is still run to its end, the exception's text is printed and the exit code is 1 (at
// least).
//
// What is started must outlive nothing: start() copies what it needs. Threads: all functions may be called from any
// thread while the driver function runs. Errors: PipelineError for what the program did wrong; RunStopped from
// functions that wait or start, when the run ends early (interrupted, results cannot be stored, --fail-fast): let it
// pass through the driver function, it is no failure of it.
#pragma once

#include <penstock/pipeline.hpp>
#include <penstock/value.hpp>

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// A pipeline that is no good (all that is wrong with it is in what()), was started before, or is not of this manager; a
// job that the pipeline does not have.
class PipelineError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class RunStopped : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// A started pipeline. Unique within a run.
struct PipelineNumber {
    std::uint32_t value = 0;
    friend auto operator<=>(PipelineNumber, PipelineNumber) = default;
};

struct PipelineStatus {
    enum class State { running, succeeded, failed };  // failed: some job failed or was skipped

    PipelineNumber number;
    std::string name;
    std::string instance;  // "" unless started with data of its own: "url=x"
    State state = State::running;
    std::uint64_t jobs = 0;
    std::uint64_t succeeded = 0, failed = 0, skipped = 0;  // 0 while it runs
    double duration_s = 0;                                 // from the start of its first job; 0 while it runs

    bool finished() const { return state != State::running; }
};

// One instance of a job that succeeded.
struct ResultRow {
    std::string instance;  // "seed=0,beta=0.1"; "" for a job without for-each
    Document parameters;   // its for-each values
    Document values;       // what it made and saved
};

struct JobFailure {
    std::string job;
    std::string instance;
    std::string worker;
    std::string error;
    bool skipped = false;  // not run, because of the job that `error` names
};

class StreamHandle;  // stream_pipeline.hpp
class StreamPipeline;

class PipelineManager {
public:
    virtual ~PipelineManager() = default;

    // Starts a pipeline; its definition, and that it was started, are on disk when this returns. Blocks while thousands
    // of pipelines wait. Starting an equal pipeline a second time is an error: results are found by its name.
    virtual PipelineNumber start(const Pipeline& pipeline) = 0;
    // The same pipeline for many data: `data` overrides the pipeline's own, key by key, and is part of its identity.
    virtual PipelineNumber start(const Pipeline& pipeline, const Document& data) = 0;

    // Starts a stream that the driver function feeds or reads. The same one can be started again and again; from the
    // second time on its results are those of the instance `run=2`, `run=3`, ... (of the data key `run`).
    virtual StreamHandle stream(const StreamPipeline& pipeline) = 0;

    // Whether all of its jobs have ended and their records are durable.
    virtual bool finished(PipelineNumber pipeline) const = 0;
    virtual bool finished(const Pipeline& pipeline) const = 0;  // started without data of its own
    virtual PipelineStatus status(PipelineNumber pipeline) const = 0;

    // Until it has finished.
    virtual PipelineStatus wait(PipelineNumber pipeline) = 0;
    // Until some pipeline has finished that wait_any() has not returned yet; nothing when there is none and none runs.
    virtual std::optional<PipelineStatus> wait_any() = 0;
    // Until all that were started so far have finished.
    virtual std::vector<PipelineStatus> wait_all() = 0;

    // In order of their start. started_pipelines() are those that have not finished.
    virtual std::vector<PipelineStatus> pipelines() const = 0;
    virtual std::vector<PipelineStatus> started_pipelines() const = 0;
    virtual std::vector<PipelineStatus> finished_pipelines() const = 0;

    // What one job made and saved; nothing when it has not succeeded, or is not durable yet.
    virtual std::optional<Document> results(PipelineNumber pipeline, std::string_view job,
                                            std::string_view instance = "") = 0;
    // The rows of a job with a for-each: instances that succeeded and are durable. Order: that of their completion
    // while the pipeline runs.
    virtual std::vector<ResultRow> rows(PipelineNumber pipeline, std::string_view job) = 0;
    // Jobs that failed or were skipped. Reads the records of all jobs: not for every pipeline of thousands.
    virtual std::vector<JobFailure> failures(PipelineNumber pipeline) = 0;

    // What stood after "--" on the command line: for the program itself.
    virtual const std::vector<std::string>& arguments() const = 0;
};

using Driver = std::function<void(PipelineManager&)>;

}  // namespace penstock
