#include "report/events.hpp"

namespace penstock {

void EventWriter::started(const std::string& results, const std::string& run_directory) {
    pipe_.push(start_line(results, run_directory));
}

void EventWriter::jobs_ended(const JobsEnded& jobs) {
    auto& pipeline = pipelines_[jobs.pipeline->info.id];
    if (!pipeline) pipeline = event_pipeline(*jobs.pipeline);
    JobsEvent event;
    event.pipeline = pipeline;
    event.first = jobs.first;
    event.count = jobs.count;
    event.status = jobs.status;
    event.attempt = jobs.attempt;
    event.broker = jobs.broker;
    event.error = jobs.error;
    pipe_.push(std::move(event));
}

void EventWriter::stage_ended(const StageEnded& stage) { pipe_.push(stage_line(stage)); }

void EventWriter::pipeline_ended(const PipelineEnded& pipeline) {
    pipelines_.erase(pipeline.pipeline->info.id);
    pipe_.push(pipeline_line(pipeline));
}

std::string EventWriter::finished(const RunSummary& summary, int exit_code, bool collected) {
    pipe_.push(end_line(summary, exit_code, collected));
    return pipe_.close();
}

}  // namespace penstock
