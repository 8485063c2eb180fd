#include "core/broker.hpp"

#include <algorithm>

namespace penstock {

namespace {
constexpr std::size_t kErrorBytes = 1000;  // of a failed job's error in a message; the record has all of it

bool reads_outputs(const JobTemplate& job) {
    return std::any_of(job.bindings.begin(), job.bindings.end(),
                       [](const Binding& b) { return b.from == Binding::From::outputs; });
}
}  // namespace

Broker::Broker(std::uint32_t rank, std::uint32_t slots, BrokerHost& host)
    : rank_(rank), slots_(slots), host_(host), lanes_(slots) {}

// ------------------------------------------------------------------------------------------ what there is to run

void Broker::on(const msg::PlanBlock& m, std::uint32_t, Outbox&) {
    plans_[m.id] = m.plan;
    auto& times = times_[m.id];
    if (!times) times = std::make_unique<RunTimes>();
}

void Broker::on(const msg::IntroducePipeline& m, std::uint32_t, Outbox&) {
    const auto plan = plans_.find(m.info.plan);
    if (plan == plans_.end()) {
        ++ignored_;
        return;
    }
    auto context = std::make_shared<PipelineContext>(PipelineContext{plan->second, m.info});
    pipelines_[m.info.id] = {std::move(context), times_[m.info.plan].get(), m.pipeliner, m.submitted_ns};
}

void Broker::on(const msg::Assign& m, std::uint32_t, Outbox&) {
    const auto at = pipelines_.find(m.jobs.pipeline);
    if (at == pipelines_.end() || m.job.value >= at->second.context->plan->templates.size()) {
        ++ignored_;
        return;
    }
    Pipeline& p = at->second;
    const bool inputs = reads_outputs(p.context->plan->templates[m.job.value]);
    if (!inputs && !m.reserved) {
        queue_.push_back({&p, m, 0});
        queued_jobs_ += m.jobs.count;
        return;
    }
    for (std::uint32_t i = 0; i < m.jobs.count; ++i) {
        const std::uint64_t ticket = make_ticket(p, m, m.jobs.first.value + i);
        if (inputs)
            host_.fetch(start_of(ticket, *find(ticket)), m.holder, m.located, p.pipeliner);
        else
            start_reserved(ticket);
    }
}

void Broker::inputs_arrived(std::uint64_t ticket) {
    const Ticketed* t = find(ticket);
    if (t == nullptr) return;
    if (t->reserved) {
        start_reserved(ticket);
        return;
    }
    msg::Assign what{{t->pipeline->context->info.id, JobIndex(t->job), 1}, TemplateIndex(t->job_template), t->attempt,
                     t->holder, t->located, false};
    if (t->first_in_line)
        queue_.push_front({t->pipeline, what, ticket});
    else
        queue_.push_back({t->pipeline, what, ticket});
    ++queued_jobs_;
}

void Broker::on(const msg::Release& m, std::uint32_t, Outbox&) { host_.release(m.jobs); }

void Broker::on(const msg::ForgetPipeline& m, std::uint32_t, Outbox&) {
    host_.forget(m.pipeline);
    pipelines_.erase(m.pipeline);
}

void Broker::on(const msg::Flush&, std::uint32_t, Outbox&) { host_.flush(); }

void Broker::on(const msg::Stop&, std::uint32_t, Outbox& out) {
    send_ended(out);
    host_.stop();
}

std::uint32_t Broker::pipeliner_of(PipelineId pipeline) const { return pipelines_.at(pipeline).pipeliner; }

std::shared_ptr<const PipelineContext> Broker::context_of(PipelineId pipeline) const {
    const auto at = pipelines_.find(pipeline);
    return at == pipelines_.end() ? nullptr : at->second.context;
}

// ------------------------------------------------------------------------------------------ tickets

std::uint64_t Broker::make_ticket(Pipeline& p, const msg::Assign& what, std::uint32_t job) {
    std::uint32_t index;
    if (free_tickets_.empty()) {
        index = static_cast<std::uint32_t>(tickets_.size());
        tickets_.emplace_back();
    } else {
        index = free_tickets_.back();
        free_tickets_.pop_back();
    }
    Ticketed& t = tickets_[index];
    const std::uint32_t generation = t.generation + 1;
    t = {&p,      what.job.value, job,           what.attempt, what.holder,
         kNoLane, generation,     what.located, what.reserved, true, false};
    return static_cast<std::uint64_t>(generation) << 32 | (index + 1);
}

Broker::Ticketed* Broker::find(std::uint64_t ticket) {
    const std::uint64_t index = (ticket & 0xffffffff) - 1;
    if (index >= tickets_.size()) return nullptr;
    Ticketed& t = tickets_[index];
    return t.used && t.generation == ticket >> 32 ? &t : nullptr;
}

void Broker::drop(std::uint64_t ticket) {
    const auto index = static_cast<std::uint32_t>((ticket & 0xffffffff) - 1);
    tickets_[index].used = false;
    free_tickets_.push_back(index);
}

JobStart Broker::start_of(std::uint64_t ticket, const Ticketed& t) const {
    const JobTemplate& job = t.pipeline->context->plan->templates[t.job_template];
    return {ticket, t.pipeline->context, TemplateIndex(t.job_template), t.job - job.first_job.value, t.attempt};
}

// ------------------------------------------------------------------------------------------ lanes

void Broker::to_lane(std::uint32_t lane, std::uint64_t ticket, std::vector<JobStart>& starts) {
    Ticketed& t = *find(ticket);
    t.lane = lane;
    Lane& l = lanes_[lane];
    ++l.in_hand;
    ++in_lanes_;
    l.likely_ns += std::max(0.0, t.pipeline->times->mean_ns(*t.pipeline->context->plan, TemplateIndex(t.job_template)));
    starts.push_back(start_of(ticket, t));
}

void Broker::start_reserved(std::uint64_t ticket) {
    std::uint32_t lane = slots_;
    while (lane < lanes_.size() && lanes_[lane].in_hand != 0) ++lane;
    if (lane == lanes_.size()) lanes_.push_back({.reserved = true});
    std::vector<JobStart> starts;
    to_lane(lane, ticket, starts);
    host_.start(lane, std::move(starts));
}

// How many of the next queued jobs this lane should take now.
std::uint32_t Broker::room(const Lane& lane, Queued& next) const {
    const double mean = next.pipeline->times->mean_ns(*next.pipeline->context->plan, next.what.job);
    if (lane.in_hand == 0 && (mean < 0 || mean >= static_cast<double>(kLongJob))) return 1;
    if (mean < 0 || mean >= static_cast<double>(kLongJob)) return 0;
    const double time = static_cast<double>(kLaneHorizon) - lane.likely_ns;
    const double wanted = std::clamp(time / std::max(mean, 1.0), lane.in_hand < 2 ? 2.0 - lane.in_hand : 0.0,
                                     static_cast<double>(kMaxInLane - std::min(kMaxInLane, lane.in_hand)));
    // Refilling by ones would cost a hand-over a job: wait until the lane is half empty.
    if (lane.in_hand > 2 && wanted < lane.in_hand) return 0;
    return static_cast<std::uint32_t>(wanted);
}

bool Broker::fill_lane(std::uint32_t lane) {
    std::vector<JobStart> starts;
    std::uint64_t share = (queued_jobs_ + slots_ - 1) / slots_;  // the last jobs are spread over the lanes
    while (!queue_.empty() && share != 0) {
        Queued& next = queue_.front();
        const auto n = static_cast<std::uint32_t>(
            std::min<std::uint64_t>({room(lanes_[lane], next), next.what.jobs.count, share}));
        if (n == 0) break;
        share -= n;
        queued_jobs_ -= n;
        if (next.ticket != 0) {
            to_lane(lane, next.ticket, starts);
            queue_.pop_front();
            continue;
        }
        starts.reserve(starts.size() + n);
        for (std::uint32_t i = 0; i < n; ++i)
            to_lane(lane, make_ticket(*next.pipeline, next.what, next.what.jobs.first.value + i), starts);
        next.what.jobs.first.value += n;
        next.what.jobs.count -= n;
        if (next.what.jobs.count == 0) queue_.pop_front();
    }
    if (starts.empty()) return false;
    host_.start(lane, std::move(starts));
    return true;
}

void Broker::fill_lanes() {
    if (!host_.may_start()) return;
    for (bool any = true; any && !queue_.empty();) {
        any = false;
        for (std::uint32_t lane = 0; lane < slots_ && !queue_.empty(); ++lane)
            if (lanes_[lane].in_hand == 0) any |= fill_lane(lane);
        for (std::uint32_t lane = 0; lane < slots_ && !queue_.empty(); ++lane) any |= fill_lane(lane);
    }
    if (queue_.empty()) spread_to_idle_lanes();
}

// Takes back what a lane has not started; it goes to the front of the queue. Returns how many.
std::uint32_t Broker::unqueue(std::uint32_t lane) {
    std::vector<std::uint64_t> back = host_.take_back(lane);
    for (auto ticket = back.rbegin(); ticket != back.rend(); ++ticket) {
        Ticketed& t = *find(*ticket);
        t.lane = kNoLane;
        --lanes_[lane].in_hand;
        --in_lanes_;
        msg::Assign what{{t.pipeline->context->info.id, JobIndex(t.job), 1}, TemplateIndex(t.job_template), t.attempt,
                         t.holder, t.located, t.reserved};
        queue_.push_front({t.pipeline, what, *ticket});
        ++queued_jobs_;
    }
    if (!back.empty()) lanes_[lane].likely_ns = 0;
    return static_cast<std::uint32_t>(back.size());
}

// A lane idles while another holds jobs behind the one it runs: share them.
void Broker::spread_to_idle_lanes() {
    std::uint32_t fullest = 0;
    bool idle = false;
    for (std::uint32_t lane = 0; lane < slots_; ++lane) {
        idle |= lanes_[lane].in_hand == 0;
        if (lanes_[lane].in_hand > lanes_[fullest].in_hand) fullest = lane;
    }
    if (!idle || lanes_[fullest].in_hand < 2 || unqueue(fullest) == 0) return;
    for (std::uint32_t lane = 0; lane < slots_ && !queue_.empty(); ++lane) fill_lane(lane);
    while (!queue_.empty() && fill_lane(fullest)) {
    }
}

void Broker::on(const msg::Recall& m, std::uint32_t, Outbox& out) {
    draining_ |= m.count == 0xffffffff;
    for (std::uint32_t lane = 0; lane < slots_ && queued_jobs_ < m.count; ++lane)
        if (lanes_[lane].in_hand > 1) unqueue(lane);
    msg::Returned answer;
    std::uint32_t left = m.count;
    while (left != 0 && !queue_.empty()) {
        Queued& last = queue_.back();
        const std::uint32_t n = std::min(left, last.what.jobs.count);
        msg::Assign what = last.what;
        what.jobs.first.value += last.what.jobs.count - n;
        what.jobs.count = n;
        answer.items.push_back({what.jobs, what.job, what.attempt, what.holder, what.located});
        left -= n;
        queued_jobs_ -= n;
        last.what.jobs.count -= n;
        if (last.ticket != 0) {
            host_.forget_inputs(last.ticket);
            drop(last.ticket);
        }
        if (last.what.jobs.count == 0) queue_.pop_back();
    }
    send_ended(out);  // in the order it happened
    out.to_router(std::move(answer));
}

// ------------------------------------------------------------------------------------------ what has ended

JobEnd Broker::ended(std::uint64_t ticket, bool succeeded, Nanoseconds busy, const std::string& error, Outbox& out) {
    Ticketed* t = find(ticket);
    if (t == nullptr || t->lane == kNoLane) {
        ++ignored_;
        return {};
    }
    Pipeline& p = *t->pipeline;
    const Plan& plan = *p.context->plan;
    const JobTemplate& job = plan.templates[t->job_template];
    Lane& lane = lanes_[t->lane];
    const TemplateIndex index(t->job_template);
    --lane.in_hand;
    --in_lanes_;
    lane.likely_ns = lane.in_hand == 0 ? 0 : std::max(0.0, lane.likely_ns - std::max(0.0, p.times->mean_ns(plan, index)));
    p.times->learn(plan, index, 1, static_cast<double>(busy));

    ++records_;
    const PipelineId id = p.context->info.id;
    const bool follow = succeeded && !draining_ && job.follower != JobTemplate::kNoFollower &&
                        !plan.templates[job.follower].worker.empty();  // its block may not have been sent yet
    const bool extends = pending_.jobs.count != 0 && succeeded && pending_.succeeded && pending_.jobs.pipeline == id &&
                         pending_.jobs.first.value + pending_.jobs.count == t->job &&
                         pending_template_ == t->job_template && pending_.followed == follow && pending_.attempt == t->attempt;
    if (extends) {
        ++pending_.jobs.count;
        pending_.busy_ns += static_cast<std::uint64_t>(busy);
    } else {
        send_ended(out);
        pending_ = {{id, JobIndex(t->job), 1}, succeeded, t->attempt, records_, static_cast<std::uint64_t>(busy), follow, {}};
        if (!succeeded) pending_.error = error.substr(0, kErrorBytes);
        pending_template_ = t->job_template;
        pending_pipeliner_ = p.pipeliner;
    }
    JobEnd end{p.context, index, t->job - job.first_job.value, t->attempt, p.submitted_ns, follow};
    drop(ticket);
    return end;
}

void Broker::follow(const JobEnd& end) {
    Pipeline& p = pipelines_.at(end.pipeline->info.id);
    const TemplateIndex next(end.pipeline->plan->templates[end.job.value].follower);
    const JobTemplate& job = end.pipeline->plan->templates[next.value];
    const JobIndex index(job.first_job.value + end.instance);
    const msg::Assign what{{end.pipeline->info.id, index, 1}, next, 1, rank_, true, false};
    if (!reads_outputs(job)) {
        queue_.push_front({&p, what, 0});
        ++queued_jobs_;
        return;
    }
    const std::uint64_t ticket = make_ticket(p, what, index.value);
    find(ticket)->first_in_line = true;
    host_.fetch(start_of(ticket, *find(ticket)), rank_, true, p.pipeliner);
}

void Broker::send_ended(Outbox& out) {
    if (pending_.jobs.count == 0) return;
    out.to_pipeliner(pending_pipeliner_, pending_);
    out.to_router(std::move(pending_));
    pending_ = {};
    pending_.jobs.count = 0;
}

void Broker::settle(Outbox& out) {
    send_ended(out);
    fill_lanes();
}

}  // namespace penstock
