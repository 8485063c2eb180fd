// What rank 0 does beside the router when a rank is lost: tells people, has what is durable read, and records what was
// lost.
#include "run/router_node.hpp"

#include "exec/task.hpp"

#include <algorithm>

namespace penstock {

void RouterNode::lose(std::uint32_t rank, const std::string& how, Outbox& out) {
    lost_ranks_.push_back(rank);
    const std::string what = name_of(rank) + " is lost: " + how + ". ";
    if (router_.stopping()) {
        observer_.message(Severity::warning, what + "The run was about to end anyway.");
    } else {
        observer_.message(
            Severity::warning,
            what + (options_.launcher_ends_all
                        ? "This launcher ends all ranks when one dies; start it with `mpirun --enable-recovery` "
                          "to have the others go on. What is durable is kept: go on with --resume."
                        : "What it had not made durable runs again elsewhere."));
        recovery_.fence(rank);
    }
    router_.lose(rank, out);
}

std::string RouterNode::name_of(std::uint32_t rank) const {
    const std::string name = "rank " + std::to_string(rank);
    return rank < options_.host_of_rank.size() ? name + " on " + options_.host_of_rank[rank] : name;
}

void RouterNode::recover(PipelineId pipeline, std::uint32_t epoch, const std::vector<HeldOutputs>& held) {
    const auto known = pipelines_.find(pipeline);
    if (known == pipelines_.end()) return;
    const auto& before = known->second.at_start;
    known->second.epoch = epoch;
    to_recover_.push_back(
        {own_records_, {pipeline, epoch, known->second.context, held, before, known->second.identity}});
    writer_->flush_soon();
}

// Rank 0's own records have to be durable before anybody reads what there is.
bool RouterNode::recover_further(Outbox& out) {
    std::erase_if(to_recover_, [this](ToRecover& waiting) {
        if (own_durable_ < waiting.own_records) return false;
        recovery_.ask(std::move(waiting.question));
        return true;
    });
    const auto answers = recovery_.take();
    for (const Recovery::Answer& answer : answers) {
        const auto known = pipelines_.find(answer.pipeline);
        if (known == pipelines_.end()) continue;
        known->second.resumption = answer.resumption;
        if (answer.changed_identity) begin_again(answer.pipeline, known->second, *answer.changed_identity);
        router_.rebuilt(answer.pipeline, answer.epoch, *answer.resumption->history, out);
    }
    if (const std::string error = recovery_.error(); !error.empty() && fatal_.empty()) {
        store_failed(0, error);
        router_.drain(out);
    }
    return !answers.empty();
}

void RouterNode::rebuilt(PipelineId pipeline, const std::shared_ptr<const JobHistory>& history) {
    Known& known = pipelines_.at(pipeline);
    for (const auto& [worker, skipped] : std::exchange(known.skipped_of, {})) figures_[worker].skipped -= skipped;
    if (known.stream) {
        streams_.jobs.succeeded += history->succeeded() - known.succeeded;
        streams_.jobs.failed += history->failed() - known.failed;
        streams_.jobs.assigned -= std::min<std::uint64_t>(streams_.jobs.assigned, known.context->plan->job_count);
        streams_.items -= known.began_at + known.stream->items() - known.reached;
        known.began_at = known.reached;
        known.stream = std::make_unique<StreamWatch>(known.context->plan);
    }
    known.succeeded = history->succeeded();
    known.failed = history->failed();
    known.skipped = 0;
}

void RouterNode::lost(PipelineId pipeline, const std::vector<AssignedJobs::Run>& attempts, std::uint32_t rank,
                      bool final) {
    Known& known = pipelines_.at(pipeline);
    const Plan& plan = *known.context->plan;
    const std::int64_t now = epoch_now();
    const std::string error =
        name_of(rank) + " was lost with this job" +
        (final && known.stream == nullptr ? ", as other ranks were before: it is not tried again" : "") +
        (final && known.stream != nullptr ? "; a stream that the driver function feeds or reads cannot start again"
                                          : "");
    std::vector<JobRecord> records;
    for (const AssignedJobs::Run& run : attempts)
        for (std::uint32_t i = 0; i < run.jobs.count; ++i) {
            JobRecord r;
            r.pipeline = known.context;
            r.job = &plan.templates[run.job.value];
            r.instance = run.jobs.first.value + i - r.job->first_job.value;
            r.attempt = run.attempt;
            r.broker = rank;
            r.status = JobStatus::failed;
            r.final_attempt = final;
            r.submitted_ns = known.submitted_ns;
            r.started_ns = r.finished_ns = now;
            r.hash = job_hash(plan, known.context->info, *r.job, r.instance);
            r.details = std::make_unique<OutcomeDetails>();
            r.details->reason = EndReason::lost_broker;
            r.details->error = error;
            records.push_back(std::move(r));
            if (!final) continue;
            const JobIndex job(run.jobs.first.value + i);
            note_failure(*known.context, job, error);
            if (known.stream) desk_.job_failed(pipeline, job, error);
        }
    own_records_ += records.size();
    writer_->add(std::move(records));
}

// What the driver function has put or read is gone from here.
bool RouterNode::may_restart(PipelineId pipeline) { return !desk_.has(pipeline); }

void RouterNode::cannot_go_on(const std::string& reason) {
    if (!fatal_.empty()) return;
    fatal_ = reason + ": ranks were lost. Go on with --resume in a launch of more ranks.";
    observer_.message(Severity::error, fatal_);
}

}  // namespace penstock
