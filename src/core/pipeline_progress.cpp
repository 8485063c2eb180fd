#include "core/pipeline_progress.hpp"

#include <algorithm>

namespace penstock {

namespace {
constexpr std::uint16_t kNoHolder = 0xffff;
constexpr std::uint16_t kInFiles = 0xfffe;  // a launch has fewer ranks
constexpr std::uint32_t kNone = Structure::kNone;
}  // namespace

PipelineProgress::PipelineProgress(std::shared_ptr<const Structure> structure) : structure_(std::move(structure)) {
    const Structure& s = *structure_;
    left_ = s.jobs();
    state_.assign(s.jobs(), State::waiting);
    template_waits_.assign(s.templates(), 0);
    template_uses_.assign(s.templates(), 0);
    condemned_by_.assign(s.templates(), kNone);
    template_open_.resize(s.templates());
    if (s.any_values) holder_.assign(s.jobs(), kNoHolder);

    for (std::uint32_t t = 0; t < s.templates(); ++t) {
        template_open_[t] = s.count(t);
        for (std::uint32_t e = s.edge_begin[t]; e < s.edge_begin[t + 1]; ++e) {
            const Structure::OutEdge& edge = s.edges[e];
            if (as_a_whole(edge, t)) {
                ++template_waits_[edge.consumer];
                if (edge.carries_values && edge.relation == Relation::all) ++template_uses_[t];
                continue;
            }
            if (instance_waits_.empty()) {
                instance_waits_.assign(s.jobs(), 0);
                instance_uses_.assign(s.any_values ? s.jobs() : 0, 0);
            }
            for (std::uint32_t i = 0; i < s.count(t); ++i) {
                const std::uint32_t consumer =
                    edge.relation == Relation::twin ? i : s.groupings[edge.grouping].consumer_of[i];
                ++instance_waits_[s.first_job[edge.consumer] + consumer];
                if (edge.carries_values) ++instance_uses_[s.first_job[t] + i];
            }
        }
    }
}

void PipelineProgress::start(Changes& changes, const JobHistory* history) {
    const Structure& s = *structure_;
    last_broker_ = kNobodyHolds;
    followed_ = false;
    if (history != nullptr) take_kept(*history);
    for (std::uint32_t t = 0; t < s.templates(); ++t)
        if (template_waits_[t] == 0) open(t, changes);
    follow_all(changes);
}

// As if they had ended just now, but for the word of it.
void PipelineProgress::take_kept(const JobHistory& history) {
    const Structure& s = *structure_;
    for (const JobHistory::Kept& run : history.kept) {
        left_ -= run.count;
        std::fill_n(state_.begin() + run.first, run.count, run.succeeded ? State::succeeded : State::failed);
        for (std::uint32_t job = run.first; job < run.first + run.count;) {
            const std::uint32_t t = s.template_of(job);
            // Each failed job is the cause of what is skipped because of it.
            const std::uint32_t part = run.succeeded ? std::min(run.first + run.count, s.first_job[t + 1]) - job : 1;
            const std::uint16_t holder =
                run.holder == JobHistory::kInFiles ? kInFiles : static_cast<std::uint16_t>(run.holder);
            if (run.succeeded && s.feeds[t] != 0) std::fill_n(holder_.begin() + job, part, holder);
            to_follow_.push_back({job, part, run.succeeded ? kNone : job, t});
            job += part;
        }
    }
    for (const JobHistory::Running& run : history.running)
        std::fill_n(state_.begin() + run.first, run.count, State::ready);
}

bool PipelineProgress::ended(std::uint32_t first, std::uint32_t count, bool succeeded, std::uint32_t broker,
                             Changes& changes, bool followed) {
    if (count == 0 || first >= state_.size() || count > state_.size() - first) return false;
    for (std::uint32_t j = first; j < first + count; ++j)
        if (state_[j] != State::ready) return false;

    const Structure& s = *structure_;
    last_broker_ = broker;
    followed_ = followed;
    left_ -= count;
    for (std::uint32_t j = first; j < first + count; ++j) state_[j] = succeeded ? State::succeeded : State::failed;
    // A run may span templates; what follows is per template.
    for (std::uint32_t done = 0; done < count;) {
        const std::uint32_t t = s.template_of(first + done);
        const std::uint32_t part = std::min(count - done, s.first_job[t + 1] - (first + done));
        if (succeeded && s.feeds[t] != 0)
            std::fill_n(holder_.begin() + first + done, part, static_cast<std::uint16_t>(broker));
        // Of several failed jobs the first one that reaches a descendant is its cause; failed runs have one job.
        to_follow_.push_back({first + done, part, succeeded ? kNone : first + done, t});
        done += part;
    }
    follow_all(changes);
    return true;
}

bool PipelineProgress::may_end_early(std::uint32_t first, std::uint32_t count) const {
    if (count == 0 || first >= state_.size() || count > state_.size() - first) return false;
    for (std::uint32_t j = first; j < first + count; ++j) {
        if (state_[j] == State::ready) continue;
        const std::uint32_t waits =
            template_waits_[structure_->template_of(j)] + (instance_waits_.empty() ? 0 : instance_waits_[j]);
        if (state_[j] != State::waiting || waits != 1) return false;
    }
    return true;
}

std::uint32_t PipelineProgress::holder(std::uint32_t job) const {
    if (job >= holder_.size() || holder_[job] == kNoHolder) return kNobodyHolds;
    return holder_[job] == kInFiles ? kStored : holder_[job];
}

bool PipelineProgress::as_a_whole(const Structure::OutEdge& edge, std::uint32_t producer) const {
    return edge.relation == Relation::all || structure_->count(producer) == 0;
}

void PipelineProgress::follow_all(Changes& changes) {
    while (!to_follow_.empty()) {
        const EndedRun run = to_follow_.back();
        to_follow_.pop_back();
        follow(run, changes);
    }
}

void PipelineProgress::follow(const EndedRun& run, Changes& changes) {
    const Structure& s = *structure_;
    const std::uint32_t t = run.job_template;
    for (std::uint32_t e = s.edge_begin[t]; e < s.edge_begin[t + 1]; ++e) {
        const Structure::OutEdge& edge = s.edges[e];
        if (!as_a_whole(edge, t))
            follow_twins(run, edge, t, changes);
        else if (run.cause != kNone && edge.when == When::succeeded)
            condemn(edge.consumer, run.cause, changes);
    }
    template_open_[t] -= run.count;
    if (template_open_[t] == 0) template_ended(t, changes);
    if (s.any_values) consumers_ended(run, t, changes);
    // Every reader may have been skipped already.
    if (run.cause == kNone && s.feeds[t] != 0) release(t, run.first, run.count, changes);
}

void PipelineProgress::follow_twins(const EndedRun& run, const Structure::OutEdge& edge, std::uint32_t producer,
                                    Changes& changes) {
    const Structure& s = *structure_;
    const std::uint32_t offset = run.first - s.first_job[producer];
    for (std::uint32_t i = offset; i < offset + run.count; ++i) {
        const std::uint32_t consumer = edge.relation == Relation::twin ? i : s.groupings[edge.grouping].consumer_of[i];
        --instance_waits_[s.first_job[edge.consumer] + consumer];
        if (run.cause != kNone && edge.when == When::succeeded)
            skip(edge.consumer, s.first_job[edge.consumer] + consumer, 1, run.cause, changes);
        else
            one_dependency_less(edge.consumer, consumer, changes);
    }
}

void PipelineProgress::template_ended(std::uint32_t t, Changes& changes) {
    const Structure& s = *structure_;
    for (std::uint32_t e = s.edge_begin[t]; e < s.edge_begin[t + 1]; ++e) {
        const Structure::OutEdge& edge = s.edges[e];
        if (as_a_whole(edge, t) && --template_waits_[edge.consumer] == 0) open(edge.consumer, changes);
    }
}

void PipelineProgress::one_dependency_less(std::uint32_t consumer, std::uint32_t instance, Changes& changes) {
    const std::uint32_t job = structure_->first_job[consumer] + instance;
    if (instance_waits_[job] == 0 && template_waits_[consumer] == 0 && state_[job] == State::waiting)
        make_ready(consumer, job, changes);
}

// Nothing that `t` follows as a whole is left.
void PipelineProgress::open(std::uint32_t t, Changes& changes) {
    const Structure& s = *structure_;
    if (s.count(t) == 0) to_follow_.push_back({s.first_job[t], 0, condemned_by_[t], t});
    for (std::uint32_t j = s.first_job[t]; j < s.first_job[t + 1]; ++j)
        if (state_[j] == State::waiting && (instance_waits_.empty() || instance_waits_[j] == 0))
            make_ready(t, j, changes);
}

void PipelineProgress::make_ready(std::uint32_t t, std::uint32_t job, Changes& changes) {
    const Structure& s = *structure_;
    state_[job] = State::ready;
    if (followed_) return;
    std::uint32_t where = kNobodyHolds;
    bool located = true;
    if (s.has_inputs[t] != 0) {
        const std::uint32_t source = s.sole_source[t];
        located = source != kNone;
        if (located) {
            const std::uint32_t instance = s.count(source) == 1 ? 0 : job - s.first_job[t];
            where = holder(s.first_job[source] + instance);
            if (where == kStored) {
                where = kNobodyHolds;
                located = false;
            }
        } else {
            where = last_broker_;
        }
    }
    if (!changes.ready.empty()) {
        Changes::ReadyRun& last = changes.ready.back();
        if (last.first + last.count == job && last.job_template == t && last.holder == where &&
            last.located == located) {
            ++last.count;
            return;
        }
    }
    changes.ready.push_back({job, 1, t, where, located});
}

void PipelineProgress::condemn(std::uint32_t t, std::uint32_t cause, Changes& changes) {
    if (condemned_by_[t] != kNone) return;  // a million failed producers cost one pass over the consumers
    condemned_by_[t] = cause;
    skip(t, structure_->first_job[t], structure_->count(t), cause, changes);
}

void PipelineProgress::skip(std::uint32_t t, std::uint32_t first, std::uint32_t count, std::uint32_t cause,
                            Changes& changes) {
    for (std::uint32_t j = first; j < first + count; ++j) {
        if (state_[j] != State::waiting) continue;
        state_[j] = State::skipped;
        --left_;
        if (!changes.skipped.empty() && changes.skipped.back().first + changes.skipped.back().count == j &&
            changes.skipped.back().cause == cause)
            ++changes.skipped.back().count;
        else
            changes.skipped.push_back({j, 1, cause});
        if (j > first && !to_follow_.empty() && to_follow_.back().first + to_follow_.back().count == j &&
            to_follow_.back().cause == cause && to_follow_.back().job_template == t)
            ++to_follow_.back().count;
        else
            to_follow_.push_back({j, 1, cause, t});
    }
}

void PipelineProgress::consumers_ended(const EndedRun& run, std::uint32_t t, Changes& changes) {
    const Structure& s = *structure_;
    for (std::uint32_t e = s.input_begin[t]; e < s.input_begin[t + 1]; ++e) {
        const Structure::InEdge& in = s.inputs[e];
        const std::uint32_t producer_first = s.first_job[in.producer];
        if (in.relation == Relation::all) {
            if (template_open_[t] != 0) continue;
            if (--template_uses_[in.producer] == 0) release(in.producer, producer_first, s.count(in.producer), changes);
            continue;
        }
        for (std::uint32_t i = run.first - s.first_job[t]; i < run.first - s.first_job[t] + run.count; ++i) {
            const bool twin = in.relation == Relation::twin;
            const GroupMembers* m = twin ? nullptr : &s.members[in.grouping];
            const std::uint32_t begin = twin ? 0 : m->begin[i];
            const std::uint32_t end = twin ? 1 : m->begin[i + 1];
            for (std::uint32_t k = begin; k < end; ++k) {
                const std::uint32_t job = producer_first + (twin ? i : m->members[k]);
                if (--instance_uses_[job] == 0) release(in.producer, job, 1, changes);
            }
        }
    }
}

void PipelineProgress::release(std::uint32_t producer, std::uint32_t first, std::uint32_t count, Changes& changes) {
    if (template_uses_[producer] != 0) return;
    for (std::uint32_t j = first; j < first + count; ++j) {
        if (holder_[j] == kNoHolder || (!instance_uses_.empty() && instance_uses_[j] != 0)) continue;
        const std::uint32_t where = holder_[j];
        holder_[j] = kNoHolder;
        if (where == kInFiles) continue;
        if (!changes.released.empty() && changes.released.back().first + changes.released.back().count == j &&
            changes.released.back().holder == where)
            ++changes.released.back().count;
        else
            changes.released.push_back({j, 1, where});
    }
}

}  // namespace penstock
