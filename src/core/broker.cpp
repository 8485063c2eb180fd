// What there is to run, and what has ended. Lanes and what is taken back from them: broker_lanes.cpp.
#include "core/broker.hpp"

#include "core/job_range.hpp"

#include <algorithm>
#include <string_view>

namespace penstock {

namespace {
constexpr std::size_t kErrorBytes = 1000;  // of a failed job's error in a message; the record has all of it

bool reads_outputs(const JobTemplate& job) {
    return std::any_of(job.bindings.begin(), job.bindings.end(),
                       [](const Binding& b) { return b.from == Binding::From::outputs; });
}

// Cut before a character of several bytes rather than within it.
std::string_view first_bytes(std::string_view text, std::size_t most) {
    if (text.size() <= most) return text;
    while (most != 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
    return text.substr(0, most);
}
}  // namespace

Broker::Broker(std::uint32_t rank, std::uint32_t slots, BrokerHost& host, std::uint32_t crash_limit)
    : rank_(rank), slots_(slots), host_(host), crash_limit_(crash_limit), lanes_(slots) {}

// ------------------------------------------------------------------------------------------ what there is to run

void Broker::on(const msg::PlanBlock& m, std::uint32_t, Outbox&) {
    const auto known = plans_.find(m.id);
    const bool another =
        known != plans_.end() && m.plan != nullptr && known->second.plan->templates.size() != m.plan->templates.size();
    if (m.plan == nullptr || another) {
        ++ignored_;
        return;
    }
    plans_[m.id].plan = m.plan;
}

void Broker::on(const msg::IntroducePipeline& m, std::uint32_t, Outbox&) {
    const auto plan = plans_.find(m.info.plan);
    if (plan == plans_.end() || pipelines_.contains(m.info.id)) {
        ++ignored_;
        return;
    }
    auto context = std::make_shared<PipelineContext>(PipelineContext{plan->second.plan, m.info});
    ++plan->second.pipelines;
    Pipeline& p = pipelines_[m.info.id];
    p.context = std::move(context);
    p.plan = &plan->second;
    p.pipeliner = m.pipeliner;
    p.submitted_ns = m.submitted_ns;
    p.follows = m.follows;
    p.epoch = m.epoch;
}

void Broker::on(const msg::Assign& m, std::uint32_t, Outbox&) {
    const auto at = pipelines_.find(m.jobs.pipeline);
    if (at == pipelines_.end() || !in_template(*at->second.context->plan, m.jobs, m.job)) {
        ++ignored_;
        return;
    }
    Pipeline& p = at->second;
    p.in_hand += m.jobs.count;
    const bool inputs = reads_outputs(p.context->plan->templates[m.job.value]);
    if (!inputs && !m.reserved) {
        queue_.push_back({&p, m, 0});
        queued_jobs_ += m.jobs.count;
        return;
    }
    for (std::uint32_t i = 0; i < m.jobs.count; ++i) {
        const std::uint64_t ticket = make_ticket(p, m, m.jobs.first.value + i);
        if (inputs)
            fetch(ticket);
        else
            start_reserved(ticket);
    }
}

void Broker::fetch(std::uint64_t ticket) {
    Ticketed& t = *find(ticket);
    t.waits_for_inputs = true;
    ++waiting_for_inputs_;
    host_.fetch(start_of(ticket, t), t.holder, t.located, t.pipeline->pipeliner);
}

void Broker::inputs_arrived(std::uint64_t ticket) {
    Ticketed* t = find(ticket);
    if (t == nullptr || !t->waits_for_inputs) return;
    t->waits_for_inputs = false;
    --waiting_for_inputs_;
    if (t->reserved) {
        start_reserved(ticket);
        return;
    }
    const msg::Assign what = assign_of(*t);
    if (t->first_in_line)
        queue_.push_front({t->pipeline, what, ticket});
    else
        queue_.push_back({t->pipeline, what, ticket});
    ++queued_jobs_;
}

void Broker::on(const msg::Release& m, std::uint32_t, Outbox&) {
    const auto at = pipelines_.find(m.jobs.pipeline);
    if (at != pipelines_.end() && at->second.epoch != m.epoch) return;  // somebody may read them after all
    host_.release(m.jobs);
}

void Broker::on(const msg::ForgetPipeline& m, std::uint32_t, Outbox&) {
    const auto at = pipelines_.find(m.pipeline);
    if (at == pipelines_.end() || at->second.in_hand != 0) {
        ++ignored_;
        return;
    }
    host_.forget(m.pipeline);
    --at->second.plan->pipelines;
    pipelines_.erase(at);
}

void Broker::on(const msg::ForgetPlan& m, std::uint32_t, Outbox&) {
    const auto at = plans_.find(m.plan);
    if (at == plans_.end() || at->second.pipelines != 0) {
        ++ignored_;
        return;
    }
    host_.forget(m.plan);
    plans_.erase(at);
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
    t = Ticketed();
    t.pipeline = &p;
    t.job_template = what.job.value;
    t.job = job;
    t.attempt = what.attempt;
    t.holder = what.holder;
    t.generation = generation;
    t.located = what.located;
    t.reserved = what.reserved;
    t.past = what.past;
    t.used = true;
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

msg::Assign Broker::assign_of(const Ticketed& t) const {
    return {{t.pipeline->context->info.id, JobIndex(t.job), 1},
            TemplateIndex(t.job_template),
            t.attempt,
            t.holder,
            t.located,
            t.reserved,
            t.past};
}

// ------------------------------------------------------------------------------------------ what has ended

JobEnd Broker::ended(std::uint64_t ticket, const AttemptEnd& how, Outbox& out) {
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
    --p.in_hand;
    lane.likely_ns = lane.in_hand == 0 ? 0 : std::max(0.0, lane.likely_ns - static_cast<double>(t->likely_ns));
    if (!how.told_to_end) p.plan->times.learn(plan, index, 1, static_cast<double>(how.busy));

    ++records_;
    const PipelineId id = p.context->info.id;
    JobEnd end{p.context, index, t->job - job.first_job.value, t->attempt, p.submitted_ns};
    if (p.abandoned) {
        end.next = NextAttempt::yes;
        drop(ticket);
        return end;
    }
    if (!how.succeeded && !plan.is_stream()) {
        const PastAttempts past = how.told_to_end ? t->past : with_one_more(t->past, how.crashed, rank_, t->lane);
        end.next = how.told_to_end ? NextAttempt::yes : next_attempt(job, past, crash_limit_);
        if (end.next == NextAttempt::yes) {
            attempt_failed(*t, past, how, out);
            drop(ticket);
            return end;
        }
    }
    const bool follow = how.succeeded && !draining_ && !no_followers_ && p.follows &&
                        job.follower != JobTemplate::kNoFollower &&
                        !plan.templates[job.follower].worker.empty();  // its block may not have been sent yet
    const bool extends = pending_.jobs.count != 0 && how.succeeded && pending_.succeeded &&
                         pending_.jobs.pipeline == id && pending_.jobs.first.value + pending_.jobs.count == t->job &&
                         pending_template_ == t->job_template && pending_.followed == follow &&
                         pending_.attempt == t->attempt;
    if (extends) {
        ++pending_.jobs.count;
        pending_.busy_ns += static_cast<std::uint64_t>(how.busy);
    } else {
        send_ended(out);
        pending_ = {{id, JobIndex(t->job), 1},
                    how.succeeded,
                    t->attempt,
                    records_,
                    static_cast<std::uint64_t>(how.busy),
                    follow,
                    {}};
        if (!how.succeeded) pending_.error = first_bytes(how.error, kErrorBytes);
        pending_template_ = t->job_template;
    }
    end.follow = follow;
    drop(ticket);
    return end;
}

std::optional<JobStart> Broker::job_of(std::uint64_t ticket) {
    const Ticketed* t = find(ticket);
    return t == nullptr ? std::nullopt : std::optional(start_of(ticket, *t));
}

// In the order it happened: the router may know of the job only by what its producer's end says.
void Broker::attempt_failed(const Ticketed& t, const PastAttempts& past, const AttemptEnd& how, Outbox& out) {
    send_ended(out);
    const msg::Assign was = assign_of(t);
    tell(*t.pipeline,
         msg::AttemptFailed{was.jobs, was.job, was.attempt, was.holder, was.located, past, records_,
                            static_cast<std::uint64_t>(how.busy), std::string(first_bytes(how.error, kErrorBytes)),
                            how.told_to_end},
         out);
}

void Broker::follow(const JobEnd& end) {
    const auto at = pipelines_.find(end.pipeline->info.id);
    if (at == pipelines_.end()) {  // forgotten while a job of it was still to come
        ++ignored_;
        return;
    }
    Pipeline& p = at->second;
    const TemplateIndex next(end.pipeline->plan->templates[end.job.value].follower);
    const JobTemplate& job = end.pipeline->plan->templates[next.value];
    const JobIndex index(job.first_job.value + end.instance);
    const msg::Assign what{{end.pipeline->info.id, index, 1}, next, 1, rank_, true, false};
    ++p.in_hand;
    if (!reads_outputs(job)) {
        queue_.push_front({&p, what, 0});
        ++queued_jobs_;
        return;
    }
    const std::uint64_t ticket = make_ticket(p, what, index.value);
    find(ticket)->first_in_line = true;
    fetch(ticket);
}

void Broker::send_ended(Outbox& out) {
    if (pending_.jobs.count == 0) return;
    if (const auto at = pipelines_.find(pending_.jobs.pipeline); at != pipelines_.end())
        tell(at->second, std::move(pending_), out);
    pending_ = {};
    pending_.jobs.count = 0;
}

void Broker::settle(Outbox& out) {
    send_ended(out);
    if (!withdrawals_.empty()) answer_withdrawals(out);
    if (ending_) end_what_runs();
    if (draining_) answer_recall(out);  // before anything more is started
    fill_lanes();
    if (owed_ != 0) {
        answer_recall(out);
        fill_lanes();
    }
}

}  // namespace penstock
