#include "core/pipeliner.hpp"

namespace penstock {

void Pipeliner::on(const msg::StartPlan& m, std::uint32_t, Outbox&) {
    if (m.structure == nullptr)
        ++ignored_;
    else
        plans_[m.plan] = m.structure;
}

void Pipeliner::on(const msg::Earlier& m, std::uint32_t, Outbox&) {
    if (m.history == nullptr || pipelines_.contains(m.pipeline))
        ++ignored_;
    else
        histories_[m.pipeline] = m.history;
}

void Pipeliner::on(const msg::StartPipelines& m, std::uint32_t, Outbox& out) {
    if (!plans_.contains(m.plan) || m.count > kMostAtOnce) {
        ++ignored_;
        return;
    }
    for (std::uint32_t i = 0; i < m.count; ++i) {
        const PipelineId id(m.first.value + i);
        if (pipelines_.contains(id))
            ++ignored_;
        else
            start(id, m.plan, out);
    }
}

void Pipeliner::on(const msg::Restart& m, std::uint32_t, Outbox& out) {
    if (!plans_.contains(m.plan) || m.history == nullptr) {
        ++ignored_;
        return;
    }
    forget(m.pipeline);
    epochs_[m.pipeline] = m.epoch;
    histories_[m.pipeline] = m.history;
    out.to_router(msg::Restarted{m.pipeline, m.epoch});
    start(m.pipeline, m.plan, out);
}

void Pipeliner::start(PipelineId id, PlanId plan, Outbox& out) {
    const std::shared_ptr<const Structure>& structure = plans_.at(plan);
    const auto history = histories_.find(id);
    const bool resumed = history != histories_.end() && history->second->fits(structure->jobs());
    if (history != histories_.end() && !resumed) {
        ++ignored_;
        histories_.erase(history);
    }
    PipelineProgress& progress = pipelines_.try_emplace(id, structure).first->second;
    Changes changes;
    progress.start(changes, resumed ? history->second.get() : nullptr);
    tell(id, progress, changes, out);
}

void Pipeliner::forget(PipelineId id) {
    pipelines_.erase(id);
    histories_.erase(id);
    epochs_.erase(id);
    early_.erase(id);
}

std::uint32_t Pipeliner::epoch_of(PipelineId id) const {
    const auto at = epochs_.find(id);
    return at == epochs_.end() ? 0 : at->second;
}

void Pipeliner::on(const msg::Ended& m, std::uint32_t from, Outbox& out) {
    const auto at = pipelines_.find(m.jobs.pipeline);
    if (at == pipelines_.end() || m.epoch != epoch_of(m.jobs.pipeline)) {
        ++ignored_;
        return;
    }
    PipelineProgress& progress = at->second;
    Changes changes;
    switch (take(m, from, progress, changes)) {
        case Taken::nonsense:
            ++ignored_;
            return;
        case Taken::too_early:
            early_[m.jobs.pipeline].push_back({m, from});
            return;
        case Taken::yes:
            break;
    }
    if (const auto early = early_.find(m.jobs.pipeline); early != early_.end()) {
        take_early(early->second, progress, changes);
        if (early->second.empty()) early_.erase(early);
    }
    tell(m.jobs.pipeline, progress, changes, out);
}

Pipeliner::Taken Pipeliner::take(const msg::Ended& m, std::uint32_t from, PipelineProgress& progress,
                                 Changes& changes) {
    const std::uint32_t first = m.jobs.first.value;
    if (progress.ended(first, m.jobs.count, m.succeeded, from, changes, m.followed)) return Taken::yes;
    return progress.may_end_early(first, m.jobs.count) ? Taken::too_early : Taken::nonsense;
}

// What came too early is looked at again as long as that helps.
void Pipeliner::take_early(std::vector<Early>& early, PipelineProgress& progress, Changes& changes) {
    for (bool any = true; any && !early.empty();) {
        any = false;
        std::erase_if(early, [&](const Early& e) {
            const Taken taken = take(e.ended, e.from, progress, changes);
            any |= taken == Taken::yes;
            ignored_ += taken == Taken::nonsense ? 1 : 0;
            return taken != Taken::too_early;
        });
    }
}

void Pipeliner::on(const msg::Locate& m, std::uint32_t from, Outbox& out) {
    msg::Located answer{m.request, {}};
    const auto at = pipelines_.find(m.pipeline);
    const std::uint32_t known = at == pipelines_.end() ? 0 : at->second.structure().jobs();
    for (const JobRun& run : m.jobs) {
        if (run.first.value > known || run.count > known - run.first.value) {
            ++ignored_;
            answer.runs.push_back({run.first, run.count, msg::kNobody});
            continue;
        }
        for (std::uint32_t i = 0; i < run.count; ++i) {
            const std::uint32_t job = run.first.value + i;
            const std::uint32_t holder = at->second.holder(job);
            if (!answer.runs.empty()) {
                msg::Located::Run& last = answer.runs.back();
                if (last.first.value + last.count == job && last.holder == holder) {
                    ++last.count;
                    continue;
                }
            }
            answer.runs.push_back({JobIndex(job), 1, holder});
        }
    }
    out.to_broker(from, std::move(answer));
}

// Pipelines of it whose end has not been heard of here yet keep what they need of it.
void Pipeliner::on(const msg::ForgetPlan& m, std::uint32_t, Outbox&) {
    if (plans_.erase(m.plan) == 0) ++ignored_;
}

void Pipeliner::on(const msg::Stop&, std::uint32_t, Outbox&) { stopped_ = true; }

void Pipeliner::tell(PipelineId id, PipelineProgress& progress, const Changes& changes, Outbox& out) {
    for (const Changes::ReadyRun& run : changes.ready) tell_ready(id, run, out);
    for (const Changes::SkippedRun& run : changes.skipped)
        out.to_router(msg::Skipped{JobRun{id, JobIndex(run.first), run.count}, JobIndex(run.cause)});
    for (const Changes::ReleasedRun& run : changes.released)
        out.to_broker(run.holder, msg::Release{JobRun{id, JobIndex(run.first), run.count}, epoch_of(id)});
    if (progress.done()) forget(id);
}

// Attempts go on where earlier launches stopped: a number is never used twice.
void Pipeliner::tell_ready(PipelineId id, const Changes::ReadyRun& run, Outbox& out) const {
    const auto at = histories_.empty() ? histories_.end() : histories_.find(id);
    const std::uint32_t end = run.first + run.count;
    for (std::uint32_t first = run.first; first < end;) {
        const std::uint32_t next = at == histories_.end() ? end : at->second->same_attempts_until(first, end);
        const std::uint32_t attempt = at == histories_.end() ? 1 : at->second->attempts_of(first) + 1;
        out.to_router(msg::Ready{JobRun{id, JobIndex(first), next - first}, TemplateIndex(run.job_template), attempt,
                                 run.holder, run.located});
        first = next;
    }
}

}  // namespace penstock
