// What rank 0 does for streams beside the router: counts what their stages do, writes down how far they have come, and
// tells people about both.
#include "run/router_node.hpp"

#include <algorithm>

namespace penstock {

namespace {
constexpr std::uint32_t kBeginningsTold = 5;
}  // namespace

void RouterNode::stage_job_ended(Known& known, const msg::Ended& ended) {
    (ended.succeeded ? streams_.jobs.succeeded : streams_.jobs.failed) += ended.jobs.count;
    streams_.jobs.assigned -= ended.jobs.count;
    for (std::uint32_t i = 0; i < ended.jobs.count; ++i)
        if (const auto end = known.stream->ended(JobIndex(ended.jobs.first.value + i), ended.succeeded))
            observer_.stage_ended({known.context.get(), end->stage,
                                   end->succeeded ? JobStatus::succeeded : JobStatus::failed, end->counts});
}

void RouterNode::counted(PipelineId pipeline, JobIndex job, const StageCounts& counts) {
    const auto at = pipelines_.find(pipeline);
    if (at == pipelines_.end() || !at->second.stream) return;
    StreamWatch& stream = *at->second.stream;
    const std::uint64_t before = stream.items();
    stream.counted(job, counts);
    streams_.items += stream.items() - before;
}

void RouterNode::reached(PipelineId pipeline, const std::shared_ptr<const StreamPosition>& position) {
    const auto at = pipelines_.find(pipeline);
    if (at == pipelines_.end()) return;
    Known& known = at->second;
    known.reached = position->items;
    positions_.put(known.context, position);
    if (const std::string error = positions_.take_error(); !error.empty())
        observer_.message(Severity::warning,
                          error + ". Streams that have to stop will begin again further back than they could.");
}

// After the loss of a rank: what its source reads is not what it was.
void RouterNode::begin_again(PipelineId pipeline, Known& known, std::uint64_t identity) {
    known.identity = identity;
    known.reached = 0;
    positions_.begin(known.context, identity, false);
    if (router_.forget_position(pipeline))
        observer_.message(Severity::info, "stream " + pipeline_name(*known.context) +
                                              " begins again: what its source reads has changed");
}

// Of many streams the first ones.
void RouterNode::tell_where_it_begins(const PipelineContext& pipeline, const Resumption& resumption) {
    const std::string name = pipeline_name(pipeline);
    if ((resumption.position == nullptr && resumption.begins_again.empty()) || ++beginnings_told_ > kBeginningsTold)
        return;
    observer_.message(Severity::info, resumption.position != nullptr
                                          ? "stream " + name + " goes on behind the first " +
                                                std::to_string(resumption.position->items) + " items of its source"
                                          : "stream " + name + " begins again: " + resumption.begins_again);
}

// Streams of one definition are told of together.
void RouterNode::add_to_summary(const StreamWatch& stream) {
    for (StageSummary& stage : stream.summary()) {
        const auto same = std::find_if(streams_.stages.begin(), streams_.stages.end(), [&](const StageSummary& s) {
            return s.pipeline == stage.pipeline && s.stage == stage.stage;
        });
        if (same != streams_.stages.end()) {
            ++same->streams;
            same->counts += stage.counts;
            same->storing += stage.storing;
        } else if (streams_.stages.size() < kStagesInSummary) {
            streams_.stages.push_back(std::move(stage));
        }
    }
}

}  // namespace penstock
