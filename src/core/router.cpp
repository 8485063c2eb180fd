// Submissions, what has ended, what is durable, and the end of the run. Who gets what: router_schedule.cpp.
#include "core/router.hpp"

#include "core/job_range.hpp"

#include <algorithm>

namespace penstock {

Router::Router(RouterOptions options, RouterEvents& events)
    : options_(std::move(options)), events_(events), held_by_streams_(options_.hosts) {
    brokers_of_host_.resize(options_.hosts.hosts());
    saving_.resize(options_.hosts.hosts());
    for (const BrokerDescription& b : options_.brokers) {
        const auto index = static_cast<std::uint32_t>(brokers_.size());
        broker_index_[b.rank] = index;
        brokers_of_host_[b.host].push_back(index);
        total_slots_ += b.slots;
        brokers_.emplace_back().what = b;
        give_credit_entry(brokers_.back());
    }
    for (std::uint32_t rank : options_.pipeliners) active_[rank] = 0;
}

Router::Broker* Router::broker(std::uint32_t rank) {
    const auto at = broker_index_.find(rank);
    return at == broker_index_.end() ? nullptr : &brokers_[at->second];
}

Router::Pipeline* Router::pipeline(PipelineId id) {
    const auto at = pipelines_.find(id);
    return at == pipelines_.end() ? nullptr : &at->second;
}

// ------------------------------------------------------------------------------------------ submissions

PipelineId Router::submit(PlanId plan_id, const std::shared_ptr<const Plan>& plan, PipelineInfo info,
                          std::int64_t submitted_ns, Outbox& out, std::shared_ptr<const JobHistory> history,
                          std::shared_ptr<const StreamPosition> from) {
    const auto [at, fresh] = plans_.try_emplace(plan_id);
    PlanState& state = at->second;
    if (fresh) state.plan = plan;
    if (fresh && options_.ends_at != 0) note_followers(state);
    if (const auto idle = std::find(idle_plans_.begin(), idle_plans_.end(), plan_id); idle != idle_plans_.end()) {
        idle_plans_.erase(idle);
        idle_jobs_ -= state.plan->job_count;
    }
    ++state.pipelines;
    const PipelineId id(next_pipeline_++);
    info.id = id;
    info.plan = plan_id;
    Pipeline p;
    p.plan = &state;
    p.info = std::move(info);
    p.submitted_ns = submitted_ns;
    p.left = plan->job_count;
    if (plan->is_stream()) {
        p.stream = std::make_unique<Pipeline::Stream>();
        p.stream->from = std::move(from);
    }
    if (history != nullptr && history->fits(plan->job_count)) {
        counts_.succeeded += history->succeeded();
        counts_.failed += history->failed();
        counts_.kept += history->jobs();
        counts_.durable += history->jobs();
        p.succeeded = static_cast<std::uint32_t>(history->succeeded());
        p.failures = static_cast<std::uint32_t>(history->failed());
        p.failed = p.failures != 0;
        p.left -= static_cast<std::uint32_t>(history->jobs());
        p.history = std::move(history);
    }
    counts_.jobs += plan->job_count;
    ++counts_.pipelines;
    pipelines_.emplace(id, std::move(p));
    waiting_.push_back(id);
    start_pipelines(out);
    return id;
}

void Router::start_pipelines(Outbox& out) {
    while (!waiting_.empty() && !draining_) {
        const std::uint32_t pipeliner = least_busy_pipeliner();
        if (active_[pipeliner] >= options_.active_pipelines) return;
        const PipelineId id = waiting_.front();
        waiting_.pop_front();
        Pipeline& p = pipelines_.at(id);
        if (p.left == 0) {  // of a for-each over nothing, or done in an earlier launch
            finish_when_durable(id, p, out);
            continue;
        }
        p.pipeliner = pipeliner;
        p.begun = true;
        ++active_[pipeliner];
        tell_plan(p, out);
        if (p.history != nullptr) out.to_pipeliner(p.pipeliner, msg::Earlier{id, p.history});
        out.to_pipeliner(p.pipeliner, msg::StartPipelines{id, 1, p.info.plan});
    }
}

std::uint32_t Router::least_busy_pipeliner() const {
    return std::min_element(active_.begin(), active_.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
}

void Router::tell_plan(Pipeline& p, Outbox& out) {
    if (!p.plan->pipeliners_told.insert(p.pipeliner).second) return;
    out.to_pipeliner(p.pipeliner,
                     msg::StartPlan{p.info.plan, std::make_shared<const Structure>(structure_of(*p.plan->plan))});
}

void Router::close(Outbox& out) {
    closed_ = true;
    stop_if_done(out);
}

void Router::drain(Outbox& out) {
    if (draining_) return;
    draining_ = true;
    closed_ = true;
    for (const Broker& b : brokers_)
        if (b.simple != 0) out.to_broker(b.what.rank, msg::Recall{0xffffffff});
    for (auto& [id, p] : pipelines_) {
        if (p.recovery) end_recovery(id, p, out);
        if (p.stream) stop_stream(id, p, {{}, false, {}, "the run ends"}, out);
    }
    stop_if_done(out);
}

void Router::end_now(Outbox& out) {
    drain(out);
    if (ending_ || stopping_) return;
    ending_ = true;
    for (const Broker& b : brokers_)
        if (b.simple + b.reserved != 0) out.to_broker(b.what.rank, msg::Recall{0xffffffff, true});
    for (auto& [id, p] : pipelines_)
        if (p.stream) stop_stream(id, p, {{}, false, {}, "the run ends"}, out);
}

// ------------------------------------------------------------------------------------------ what ended

void Router::on(const msg::Ready& m, std::uint32_t, Outbox&) {
    Pipeline* p = pipeline(m.jobs.pipeline);
    if (p == nullptr || !in_template(*p->plan->plan, m.jobs, m.job)) {
        ++counts_.ignored;
        return;
    }
    if (p->recovery) return;  // it will be told again
    if (p->stream) {          // all of its jobs run at once
        p->stream->ready += m.jobs.count;
        if (p->stream->ready == p->plan->plan->job_count) streams_.push_back(m.jobs.pipeline);
        return;
    }
    push_remembered({m.jobs, m.job, m.attempt, m.holder, m.located}, *p);
}

void Router::on(const msg::Returned& m, std::uint32_t from, Outbox& out) {
    Broker* b = broker(from);
    if (b == nullptr) {
        ++counts_.ignored;
        return;
    }
    b->recalled = false;
    b->nothing_to_return = m.items.empty();
    for (const msg::Returned::Item& item : m.items) {
        Pipeline* p = pipeline(item.jobs.pipeline);
        if (p == nullptr || !may_hold(*b, *p, item.jobs, item.job)) {
            ++counts_.ignored;
            continue;
        }
        b->assigned.remove(item.jobs);
        b->simple -= item.jobs.count;
        remove_ahead(*b, *p, item.job, item.jobs.count);
        counts_.assigned -= item.jobs.count;
        const ReadyRun run{item.jobs, item.job, item.attempt, item.holder, item.located, item.past};
        if (p->recovery)
            remember(*p, run);
        else
            push_ready(run, *p);
    }
    give_credit_entry(*b);
    stop_if_done(out);
}

void Router::on(const msg::Ended& m, std::uint32_t from, Outbox& out) {
    Broker* b = broker(from);
    Pipeline* p = pipeline(m.jobs.pipeline);
    if (b == nullptr || p == nullptr || m.jobs.count > p->left || !free_what_ended(*b, *p, m)) {
        ++counts_.ignored;
        return;
    }
    (m.succeeded ? counts_.succeeded : counts_.failed) += m.jobs.count;
    (m.succeeded ? p->succeeded : p->failures) += m.jobs.count;
    p->failed |= !m.succeeded;
    const TemplateIndex t = p->plan->plan->template_of(m.jobs.first);
    p->plan->times.learn(*p->plan->plan, t, m.jobs.count, static_cast<double>(m.busy_ns));
    if (options_.ends_at != 0) note_follower_time(*p->plan, t);
    note_not_durable(*b, m.first_record + m.jobs.count - 1, {m.jobs, t, m.attempt});
    give_credit_entry(*b);
    events_.ran(m.jobs.pipeline, m, from);
    if (!m.succeeded && p->stream) stop_stream(m.jobs.pipeline, *p, {{}, true, m.jobs.first, m.error}, out);
    ended_here(m.jobs.pipeline, *p, from, m.first_record + m.jobs.count - 1, m.jobs.count, out);
    if (!m.succeeded && options_.fail_fast) drain(out);
    if (draining_) stop_if_done(out);
}

void Router::on(const msg::AttemptFailed& m, std::uint32_t from, Outbox& out) {
    Broker* b = broker(from);
    Pipeline* p = pipeline(m.jobs.pipeline);
    if (b == nullptr || p == nullptr || m.jobs.count != 1 || p->left == 0 || !may_hold(*b, *p, m.jobs, m.job)) {
        ++counts_.ignored;
        return;
    }
    b->assigned.remove(m.jobs);
    note_not_durable(*b, m.record, {m.jobs, m.job, m.attempt});
    free_room(*b, *p, m.job, 1);
    give_credit_entry(*b);
    ++(m.told_to_end ? counts_.cut_short : counts_.retried);
    std::uint64_t& last = p->last_record[from];
    last = std::max(last, m.record);
    const ReadyRun again{m.jobs, m.job, m.attempt + 1, m.holder, m.located, m.past};
    if (p->recovery)
        remember(*p, again);
    else
        failed_.push_back(again);
    events_.attempt_failed(m.jobs.pipeline, m, from);
    if (draining_) stop_if_done(out);
}

// What these jobs held at their broker and host is free again. False when they cannot have been there.
bool Router::free_what_ended(Broker& b, Pipeline& p, const msg::Ended& m) {
    const Plan& plan = *p.plan->plan;
    if (!in_plan(plan, m.jobs)) return false;
    const TemplateIndex t = plan.template_of(m.jobs.first);
    const JobTemplate& job = plan.templates[t.value];
    if (!may_hold(b, p, m.jobs, t)) return false;
    b.assigned.remove(m.jobs);
    if (m.followed && m.succeeded && job.follower != JobTemplate::kNoFollower) {
        // The same number of jobs stays there: the followers. Until one of them has ended they count as what they
        // follow: if they took no time at all, one more job came for each of them.
        remove_ahead(b, p, t, m.jobs.count);
        add_ahead(b, p, TemplateIndex(job.follower), m.jobs.count, p.plan->times.mean_ns(plan, t));
        const JobIndex first(m.jobs.first.value - job.first_job.value + plan.templates[job.follower].first_job.value);
        b.assigned.add({{m.jobs.pipeline, first, m.jobs.count}, TemplateIndex(job.follower)});
    } else {
        free_room(b, p, t, m.jobs.count);
    }
    return true;
}

bool Router::may_hold(const Broker& b, const Pipeline& p, const JobRun& jobs, TemplateIndex t) const {
    return in_template(*p.plan->plan, jobs, t) && b.assigned.contains(jobs);
}

void Router::free_room(Broker& b, Pipeline& p, TemplateIndex t, std::uint32_t count) {
    const Plan& plan = *p.plan->plan;
    const JobTemplate& job = plan.templates[t.value];
    counts_.assigned -= count;
    b.nothing_to_return = false;
    if (job.resources.simple() && !plan.is_stream()) {  // the jobs of a stream hold no slot
        b.simple -= count;
        remove_ahead(b, p, t, count);
        return;
    }
    b.reserved -= count;
    for (std::uint32_t i = 0; i < count; ++i) options_.hosts.release(b.what.host, job.resources);
    if (plan.is_stream()) {
        for (std::uint32_t i = 0; i < count; ++i) held_by_streams_.release(b.what.host, job.resources);
        wanted_by_.reset();
    }
    for (std::uint32_t sibling : brokers_of_host_[b.what.host]) give_credit_entry(brokers_[sibling]);
}

void Router::on(const msg::Skipped& m, std::uint32_t, Outbox& out) {
    Pipeline* p = pipeline(m.jobs.pipeline);
    if (p == nullptr || m.jobs.count > p->left || !in_plan(*p->plan->plan, m.jobs)) {
        ++counts_.ignored;
        return;
    }
    if (p->recovery) return;  // it will be told again
    counts_.skipped += m.jobs.count;
    p->skipped += m.jobs.count;
    own_records_ += m.jobs.count;
    p->failed = true;
    events_.skipped(m.jobs.pipeline, m.jobs, m.cause);
    ended_here(m.jobs.pipeline, *p, kOwn, own_records_, m.jobs.count, out);
}

// Arrives before the Durable that covers it, so the pipeline is not over yet.
void Router::on(const msg::Refused& m, std::uint32_t from, Outbox& out) {
    Pipeline* p = pipeline(m.jobs.pipeline);
    if (p == nullptr || !in_plan(*p->plan->plan, m.jobs) || counts_.succeeded < m.jobs.count) {
        ++counts_.ignored;
        return;
    }
    counts_.succeeded -= m.jobs.count;
    counts_.failed += m.jobs.count;
    p->succeeded -= m.jobs.count;
    p->failures += m.jobs.count;
    p->failed = true;
    events_.refused(m.jobs.pipeline, m, from);
    if (options_.fail_fast) drain(out);
}

void Router::ended_here(PipelineId id, Pipeline& p, std::uint32_t writer, std::uint64_t record, std::uint32_t count,
                        Outbox& out) {
    std::uint64_t& last = p.last_record[writer];
    last = std::max(last, record);
    p.left -= count;
    if (p.left == 0 && !p.recovery) all_ended(id, p, out);
}

void Router::all_ended(PipelineId id, Pipeline& p, Outbox& out) {
    p.all_ended = true;
    for (std::uint32_t rank : p.brokers) out.to_broker(rank, msg::ForgetPipeline{id});
    --active_[p.pipeliner];
    if (counts_.assigned == 0 && ready_simple_ == 0 && waiting_.empty())
        for (const Broker& b : brokers_)
            if (!b.lost) out.to_broker(b.what.rank, msg::Flush{});
    finish_when_durable(id, p, out);
    start_pipelines(out);
}

// ------------------------------------------------------------------------------------------ what is durable

std::uint64_t Router::durable_of(std::uint32_t writer) const {
    if (writer == kOwn) return own_durable_;
    const auto at = broker_index_.find(writer);
    return at == broker_index_.end() ? 0 : brokers_[at->second].durable;
}

void Router::finish_when_durable(PipelineId id, Pipeline& p, Outbox& out) {
    for (const auto& [writer, record] : p.last_record) {
        if (durable_of(writer) >= record) continue;
        waiting_durable_[writer].emplace(record, id);
        return;
    }
    ++counts_.pipelines_over;
    events_.pipeline_over(id);
    const PlanId plan = p.info.plan;
    pipelines_.erase(id);
    left_by_a_pipeline(plan, out);
    stop_if_done(out);
}

// A plan without a pipeline is likely to get another soon: the newest of them stay known, with what was learnt of them.

void Router::left_by_a_pipeline(PlanId id, Outbox& out) {
    PlanState& state = plans_.at(id);
    if (--state.pipelines != 0) return;
    idle_plans_.push_back(id);
    idle_jobs_ += state.plan->job_count;
    while (!idle_plans_.empty() && (idle_plans_.size() > options_.idle_plans || idle_jobs_ > options_.idle_plan_jobs)) {
        const PlanId oldest = idle_plans_.front();
        idle_plans_.pop_front();
        idle_jobs_ -= plans_.at(oldest).plan->job_count;
        forget_plan(oldest, out);
    }
}

void Router::forget_plan(PlanId id, Outbox& out) {
    const auto at = plans_.find(id);
    for (const std::uint32_t rank : at->second.pipeliners_told) out.to_pipeliner(rank, msg::ForgetPlan{id});
    for (Broker& b : brokers_)
        if (b.blocks.erase(id) != 0 && !b.lost) out.to_broker(b.what.rank, msg::ForgetPlan{id});
    events_.plan_forgotten(id, *at->second.plan);
    plans_.erase(at);
}

void Router::records_durable(std::uint32_t writer, std::uint64_t record, Outbox& out) {
    auto& waiting = waiting_durable_[writer];
    while (!waiting.empty() && waiting.begin()->first <= record) {
        const PipelineId id = waiting.begin()->second;
        waiting.erase(waiting.begin());
        if (Pipeline* p = pipeline(id)) finish_when_durable(id, *p, out);
    }
}

void Router::on(const msg::Durable& m, std::uint32_t from, Outbox& out) {
    Broker* b = broker(from);
    if (b == nullptr || m.record < b->durable) {
        ++counts_.ignored;
        return;
    }
    counts_.durable += m.record - b->durable;
    b->durable = m.record;
    while (!b->not_durable.empty() && b->not_durable.front().first <= m.record) b->not_durable.pop_front();
    records_durable(from, m.record, out);
}

void Router::own_records_durable(std::uint64_t record, Outbox& out) {
    counts_.durable += record - own_durable_;
    own_durable_ = record;
    records_durable(kOwn, record, out);
}

void Router::on(const msg::StoredLost& m, std::uint32_t from, Outbox& out) {
    events_.store_failed(from, m.error);
    drain(out);
}

void Router::on(const msg::StoreFailed& m, std::uint32_t from, Outbox& out) {
    events_.store_failed(from, m.error);
    drain(out);
}

// ------------------------------------------------------------------------------------------ the end

bool Router::nothing_running() const {
    return std::all_of(brokers_.begin(), brokers_.end(),
                       [](const Broker& b) { return b.simple == 0 && b.reserved == 0; });
}

void Router::stop_if_done(Outbox& out) {
    if (stopping_ || !closed_) return;
    if (draining_ ? !nothing_running() : !pipelines_.empty()) return;
    stopping_ = true;
    for (const Broker& b : brokers_)
        if (!b.lost) out.to_broker(b.what.rank, msg::Stop{});
    for (const auto& [rank, pipelines] : active_) out.to_pipeliner(rank, msg::Stop{});
    if (const auto spare = options_.spare_pipeliner; spare && !active_.contains(*spare))
        out.to_pipeliner(*spare, msg::Stop{});
}

void Router::on(const msg::Bye&, std::uint32_t from, Outbox&) {
    Broker* b = broker(from);
    if (b == nullptr || !stopping_ || b->gone) {
        ++counts_.ignored;
        return;
    }
    b->gone = true;
    ++byes_;
}

}  // namespace penstock
