#include "report/event_text.hpp"

#include "core/plan.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace penstock {

namespace {

// A JSON string. Bytes that are no UTF-8 become U+FFFD: a line must parse whatever a job printed.
std::string json(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string_view exit_word(int exit_code) {
    switch (exit_code) {
        case 0:
            return "succeeded";
        case 75:
            return "interrupted";
        default:
            return "failed";
    }
}

}  // namespace

std::shared_ptr<const EventPipeline> event_pipeline(const PipelineContext& context) {
    auto pipeline = std::make_shared<EventPipeline>();
    pipeline->plan = context.plan;
    pipeline->id = context.info.id;
    pipeline->instance = context.info.instance;
    for (const JobTemplate& job : context.plan->templates) {
        pipeline->template_json.push_back(fmt::format(R"("name":{},"worker":{})", json(job.name), json(job.worker)));
    }
    return pipeline;
}

void append_job_lines(const JobsEvent& event, std::uint32_t from, std::uint32_t count, std::string& out) {
    const EventPipeline& pipeline = *event.pipeline;
    const bool again = event.status == JobStatus::ready;  // an attempt failed, and another is made
    const std::string head =
        fmt::format(R"({{"event":"{}","pipeline":{},"pipeline_id":{},"pipeline_instance":{},)",
                    again ? "attempt" : "job", json(pipeline.plan->name), pipeline.id.value, json(pipeline.instance));
    std::string tail =
        fmt::format(R"(,"status":"{}","attempt":{},"broker":{})",
                    job_status_name(again ? JobStatus::failed : event.status), event.attempt, event.broker);
    if (!event.error.empty()) tail += R"(,"error":)" + json(event.error);
    tail += "}\n";
    for (std::uint32_t i = from; i < from + count; ++i) {
        const JobIndex job(event.first.value + i);
        const TemplateIndex index = pipeline.plan->template_of(job);
        const JobTemplate& its_template = pipeline.plan->templates[index.value];
        const std::string instance =
            its_template.for_each ? its_template.for_each->label(job.value - its_template.first_job.value) : "";
        out += head;
        out += pipeline.template_json[index.value];
        out += R"(,"instance":)";
        out += json(instance);
        out += tail;
    }
}

std::string start_line(const std::string& results, const std::string& run_directory) {
    return fmt::format(R"({{"event":"start","results":{},"run":{}}})"
                       "\n",
                       json(results), json(run_directory));
}

std::string stage_line(const StageEnded& ended) {
    const PipelineContext& pipeline = *ended.pipeline;
    const JobTemplate& stage = pipeline.plan->templates[ended.stage.value];
    const StageCounts& c = ended.counts;
    const auto seconds = [](Nanoseconds time) { return static_cast<double>(time) * 1e-9; };
    return fmt::format(R"({{"event":"stage","pipeline":{},"pipeline_id":{},"pipeline_instance":{},"stage":{},)"
                       R"("worker":{},"status":"{}","items_in":{},"items_out":{},"dropped":{},"skipped":{},)"
                       R"("failed":{},"retried":{},"bytes_in":{},"bytes_out":{},"busy_s":{:.6f},"blocked_s":{:.6f},)"
                       R"("starved_s":{:.6f},"alive_s":{:.6f}}})"
                       "\n",
                       json(pipeline.plan->name), pipeline.info.id.value, json(pipeline.info.instance),
                       json(stage.name), json(stage.worker), job_status_name(ended.status), c.items_in, c.items_out,
                       c.dropped, c.skipped, c.failed, c.retried, c.bytes_in, c.bytes_out, seconds(c.busy),
                       seconds(c.blocked), seconds(c.starved), seconds(c.alive));
}

std::string pipeline_line(const PipelineEnded& ended) {
    return fmt::format(R"({{"event":"pipeline","pipeline":{},"pipeline_id":{},"pipeline_instance":{},"status":"{}",)"
                       R"("succeeded":{},"failed":{},"skipped":{},"duration_s":{:.6f}}})"
                       "\n",
                       json(ended.pipeline->plan->name), ended.pipeline->info.id.value,
                       json(ended.pipeline->info.instance), job_status_name(ended.status), ended.succeeded,
                       ended.failed, ended.skipped, ended.duration_s);
}

std::string end_line(const RunSummary& summary, int exit_code, bool collected) {
    const Progress& p = summary.progress;
    return fmt::format(R"({{"event":"end","status":"{}","exit_code":{},"jobs":{},"succeeded":{},"failed":{},)"
                       R"("skipped":{},"streams":{},"streams_failed":{},"collected":{}}})"
                       "\n",
                       exit_word(exit_code), exit_code, p.jobs, p.succeeded, p.failed, p.skipped, p.streams,
                       p.streams_failed, collected);
}

std::string lost_line(std::uint64_t lines) {
    return fmt::format(R"({{"event":"lost","lines":{}}})"
                       "\n",
                       lines);
}

}  // namespace penstock
