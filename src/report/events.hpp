// --events FILE: each finished job and pipeline as a JSON line, so that programs in any language can follow and steer a
// run. The fields are documented in docs/events.md.
#pragma once

#include "report/event_pipe.hpp"
#include "report/observer.hpp"

#include <string>
#include <unordered_map>

namespace penstock {

class EventWriter : public RunObserver {
public:
    explicit EventWriter(EventPipe::Options options) : pipe_(std::move(options)) {}

    // The first line: where results will be.
    void started(const std::string& results, const std::string& run_directory);

    bool wants_jobs() const override { return true; }
    void jobs_ended(const JobsEnded& jobs) override;
    void attempt_failed(const JobsEnded& job) override { jobs_ended(job); }
    void stage_ended(const StageEnded& stage) override;
    void pipeline_ended(const PipelineEnded& pipeline) override;

    // The last line, and the end. Returns what went wrong while writing, or "".
    std::string finished(const RunSummary& summary, int exit_code, bool collected);

private:
    EventPipe pipe_;
    std::unordered_map<PipelineId, std::shared_ptr<const EventPipeline>> pipelines_;  // that have not ended
};

}  // namespace penstock
