// The lines of --events: one JSON object a line. The fields are documented in docs/events.md. Pure.
#pragma once

#include "report/observer.hpp"

#include <memory>
#include <string>

namespace penstock {

// What an event needs of its pipeline, kept while the pump has long gone on.
struct EventPipeline {
    std::shared_ptr<const Plan> plan;
    PipelineId id;
    std::string instance;
    std::vector<std::string> template_json;  // of each template: {"name": ..., "worker": ...} without the braces
};
std::shared_ptr<const EventPipeline> event_pipeline(const PipelineContext& context);

// Jobs that ended alike: `count` lines.
struct JobsEvent {
    std::shared_ptr<const EventPipeline> pipeline;
    JobIndex first;
    std::uint32_t count = 1;
    JobStatus status = JobStatus::succeeded;
    std::uint32_t attempt = 1;
    std::uint32_t broker = 0;
    std::string error;
};
// Appends the lines of jobs `from` to `from + count` of the event.
void append_job_lines(const JobsEvent& event, std::uint32_t from, std::uint32_t count, std::string& out);

std::string start_line(const std::string& results, const std::string& run_directory);
std::string stage_line(const StageEnded& ended);
std::string pipeline_line(const PipelineEnded& ended);
std::string end_line(const RunSummary& summary, int exit_code, bool collected);
std::string lost_line(std::uint64_t lines);

}  // namespace penstock
