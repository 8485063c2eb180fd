#include "sim/sim_broker.hpp"

#include <algorithm>

namespace penstock::sim {

SimBroker::SimBroker(World& world, const BrokerDescription& what, std::function<void()> wake)
    : world_(world),
      rank_(what.rank),
      slots_(what.slots + (world.scenario().fault == Fault::crowded_broker ? 2 : 0)),
      wake_(wake),
      writer_(world, what.rank, wake),
      values_(world, what.rank, wake),
      streams_(world, what.rank, writer_, std::move(wake)),
      broker_(what.rank, slots_, *this, world.scenario().crash_limit) {}

JobRef SimBroker::ref(const JobStart& s) const {
    return {s.pipeline->info.id, s.pipeline->plan->templates[s.job.value].first_job.value + s.instance};
}

void SimBroker::on(const BrokerMessage& message, std::uint32_t from, Outbox& out) {
    out_ = &out;
    std::visit(
        [&]<class M>(const M& m) {
            if constexpr (std::is_same_v<M, msg::PlanBlock>)
                receive_plan(m, out, from);
            else if constexpr (
                requires { values_.on(m, from, out); } && !requires { broker_.on(m, from, out); })
                values_.on(m, from, out);
            else if constexpr (requires { broker_.on(m, from, out); })
                broker_.on(m, from, out);
            else
                streams_.on(m, from, out);
        },
        message);
    const auto* const asked = std::get_if<msg::Fetch>(&message);
    if (asked != nullptr && world_.scenario().fault == Fault::early_release) values_.forget_what_was_asked(*asked);
    arrive();
}

// As over a wire: the receiver only has the templates that were sent.
void SimBroker::receive_plan(const msg::PlanBlock& m, Outbox& out, std::uint32_t from) {
    std::shared_ptr<Plan>& mine = plans_[m.id];
    if (m.with_header) {
        mine = std::make_shared<Plan>();
        mine->name = m.plan->name;
        mine->job_count = m.plan->job_count;
        mine->groupings = m.plan->groupings;
        mine->stages = m.plan->stages;
        mine->templates.resize(m.plan->templates.size());
        for (std::size_t t = 0; t < mine->templates.size(); ++t) {
            mine->templates[t].first_job = m.plan->templates[t].first_job;
            mine->templates[t].count = m.plan->templates[t].count;
        }
    }
    if (mine == nullptr) throw Violation("cluster", "a plan's first block came without its header");
    std::copy(m.plan->templates.begin() + m.first, m.plan->templates.begin() + m.last,
              mine->templates.begin() + m.first);
    msg::PlanBlock local = m;
    local.plan = mine;
    broker_.on(local, from, out);
}

void SimBroker::turn(Outbox& out) {
    out_ = &out;
    if (finished_ || killed_) return;
    take_outcomes(out);
    take_durable(out);
    values_.turn(out);
    arrive();
    broker_.settle(out);
    look_for_idle_lane();
    if (!stopping_) return;
    writer_.stop();
    take_durable(out);
    out.to_router(msg::Bye{});
    finished_ = true;
}

// ------------------------------------------------------------------------------------------ lanes

// As far as this broker can help it: what a lane has claimed stays there.
void SimBroker::look_for_idle_lane() const {
    if (world_.scenario().fault == Fault::keep_returned) return;
    if (world_.scenario().claimed > 1 || !may_start() || broker_.running() == 0) return;
    const std::size_t slots = std::min<std::size_t>(lanes_.size(), slots_);
    const bool idle =
        lanes_.size() < slots_ || std::any_of(lanes_.begin(), lanes_.begin() + static_cast<std::ptrdiff_t>(slots),
                                              [](const Lane& l) { return l.jobs.empty(); });
    const bool queue =
        broker_.queued() != 0 || std::any_of(lanes_.begin(), lanes_.begin() + static_cast<std::ptrdiff_t>(slots),
                                             [](const Lane& l) { return l.jobs.size() > 1; });
    if (idle && queue) throw Violation("no idle slot", "a lane idles while jobs wait at its broker");
}

void SimBroker::start(std::uint32_t lane, std::vector<JobStart> jobs) {
    if (jobs.front().pipeline->plan->is_stream()) {
        for (JobStart& s : jobs) {
            world_.start(ref(s), rank_);
            world_.tell_of(s.pipeline->info.id, [&](Checker& c) { c.attempt_starts(ref(s), s.attempt, rank_); });
            streams_.start(lane, std::move(s));
        }
        return;
    }
    if (lane < slots_ && !may_start()) throw Violation("back-pressure", "jobs start though the writer is full");
    if (lanes_.size() <= lane) lanes_.resize(lane + 1);
    bool another_idles = false;
    for (std::uint32_t other = 0; other < slots_; ++other)
        another_idles |= other != lane && (other >= lanes_.size() || lanes_[other].jobs.empty());
    for (JobStart& s : jobs) {
        const JobTemplate& t = s.pipeline->plan->templates[s.job.value];
        if (t.worker.empty()) throw Violation("cluster", text(ref(s)) + " starts, but its template was never sent");
        world_.tell([&](Checker& c) { c.gets_lane(ref(s), rank_, lane, lane >= slots_ || another_idles); });
        auto inputs = t.bindings.empty() ? nullptr : values_.take(s);
        lanes_[lane].jobs.push_back({std::move(s), std::move(inputs)});
    }
    if (!lanes_[lane].busy) begin(lane);
}

void SimBroker::begin(std::uint32_t lane) {
    Lane& l = lanes_[lane];
    l.busy = true;
    if (l.claimed == 0)
        l.claimed = static_cast<std::uint32_t>(std::min<std::size_t>(world_.scenario().claimed, l.jobs.size()));
    const JobRef job = ref(l.jobs.front().start);
    const bool lies = world_.scenario().fault == Fault::same_attempt && l.jobs.front().start.attempt > 1;
    const std::uint32_t attempt = l.jobs.front().start.attempt - (lies ? 1 : 0);
    world_.start(job, rank_);
    world_.tell([&](Checker& c) { c.attempt_starts(job, attempt, rank_); });
    if (world_.scenario().fault == Fault::start_twice && world_.random().chance(0.05)) world_.start(job, rank_);
    const Scenario& s = world_.scenario();
    const std::uint32_t t = l.jobs.front().start.job.value;
    const Nanoseconds busy = world_.random().time(s.shortest_job, s.longest_job) / shortened_by(s, t);
    world_.after(busy, [this, lane, run = ++l.run, busy] { finish(lane, run, busy); });
    if (ending_.contains(l.jobs.front().start.ticket)) end_soon(lane);
}

void SimBroker::end_attempt(std::uint32_t lane, std::uint64_t ticket) {
    ending_.insert(ticket);
    if (lanes_[lane].busy && lanes_[lane].jobs.front().start.ticket == ticket) end_soon(lane);
}

void SimBroker::end_soon(std::uint32_t lane) {
    world_.after(world_.random().time(1000, 50'000'000), [this, lane, run = lanes_[lane].run] {
        if (lanes_[lane].run != run || !lanes_[lane].busy || killed_) return;
        const JobStart ended = take_first(lane);
        outcomes_.push_back({ended.ticket, false, false, 0, true});
        world_.again(ref(ended), rank_);
        if (!lanes_[lane].jobs.empty()) begin(lane);
        wake_();
    });
}

JobStart SimBroker::take_first(std::uint32_t lane) {
    Lane& l = lanes_[lane];
    JobStart first = std::move(l.jobs.front().start);
    l.jobs.pop_front();
    --l.claimed;
    l.busy = false;
    return first;
}

void SimBroker::finish(std::uint32_t lane, std::uint64_t run, Nanoseconds busy) {
    Lane& l = lanes_[lane];
    if (l.run != run || !l.busy || killed_) return;  // it was ended
    const JobStart done = take_first(lane);
    const JobRef job = ref(done);
    const Scenario& s = world_.scenario();
    const PipelineTruth& truth = world_.truth(job.pipeline);
    const AttemptFate fate = fate_of_attempt(s, *truth.plan, job.pipeline, job.job, done.attempt);
    if (fate.fails) world_.tell([&](Checker& c) { c.attempt_fails(job, done.attempt, rank_, fate.crashes); });
    outcomes_.push_back({done.ticket, !fate.fails, fate.crashes && s.fault != Fault::blind_broker, busy, false});
    if (!fate.fails ||
        is_last_attempt(s, *truth.plan, job.pipeline, job.job, done.attempt, truth.attempts_before(job.job)))
        world_.end(job, rank_, !fate.fails);
    else
        world_.again(job, rank_);
    if (!l.jobs.empty()) begin(lane);
    wake_();
}

std::vector<std::uint64_t> SimBroker::take_back(std::uint32_t lane) {
    std::vector<std::uint64_t> tickets;
    if (lane >= lanes_.size()) return tickets;
    Lane& l = lanes_[lane];
    for (std::size_t i = l.claimed; i < l.jobs.size(); ++i) {
        LaneJob& job = l.jobs[i];
        tickets.push_back(job.start.ticket);
        if (job.inputs != nullptr) values_.put_back(job.start.ticket, std::move(job.inputs));
    }
    if (world_.scenario().fault != Fault::keep_returned)
        l.jobs.erase(l.jobs.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(l.claimed, l.jobs.size())),
                     l.jobs.end());
    return tickets;
}

void SimBroker::take_outcomes(Outbox& out) {
    for (const Outcome& o : std::exchange(outcomes_, {})) {
        const JobEnd end = broker_.ended(
            o.ticket, {o.succeeded, o.busy, o.crashed, o.succeeded ? "" : "it broke", o.told_to_end}, out);
        if (end.pipeline == nullptr) continue;
        const JobTemplate& t = end.pipeline->plan->templates[end.job.value];
        const JobRef job{end.pipeline->info.id, t.first_job.value + end.instance};
        writer_.add({job, end.attempt,
                     o.succeeded                    ? JobState::succeeded
                     : end.next == NextAttempt::yes ? JobState::again
                                                    : JobState::failed});
        if (o.succeeded && t.feeds_others) {
            world_.tell([&](Checker& c) { c.kept(job, rank_); });
            values_.keep(job, end.attempt);
        }
        if (end.follow) {
            broker_.follow(end);
            arrive();
        }
    }
    std::vector<penstock::Outcome> stages;
    streams_.turn(out, stages);
    for (const penstock::Outcome& outcome : stages) take_stage(outcome, out);
}

void SimBroker::take_stage(const penstock::Outcome& o, Outbox& out) {
    const std::string error = o.details == nullptr ? "" : o.details->error;
    const JobEnd end = broker_.ended(o.ticket, {o.succeeded, o.finished - o.started, false, error}, out);
    if (end.pipeline == nullptr) return;
    const PipelineId id = end.pipeline->info.id;
    const JobRef job{id, end.pipeline->plan->templates[end.job.value].first_job.value + end.instance};
    // Stopped with the run, or because a rank was lost, it has not failed.
    const bool again = end.next == NextAttempt::yes || streams_.ended_with_the_run(id);
    writer_.add({job, end.attempt, o.succeeded ? JobState::succeeded : again ? JobState::again : JobState::failed});
    if (end.next == NextAttempt::yes)
        world_.again(job, rank_);
    else
        world_.end(job, rank_, o.succeeded);
}

void SimBroker::take_durable(Outbox& out) {
    if (world_.scenario().fault == Fault::deaf_to_withdraw) broker_.durable(writer_.added());
    for (const SimWriter::Refused& r : writer_.take_refused())
        broker_.refused({{r.job.pipeline, JobIndex(r.job.job), 1}, "cannot be stored"}, out);
    if (writer_.durable() > durable_told_) {
        durable_told_ = writer_.durable();
        broker_.durable(durable_told_);
        out.to_router(msg::Durable{durable_told_});
    }
    if (writer_.broken() && !failure_told_) {
        failure_told_ = true;
        out.to_router(msg::StoreFailed{"disk full"});
    }
}

// ------------------------------------------------------------------------------------------ values

void SimBroker::fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner) {
    values_.fetch(job, holder, located, pipeliner, *out_);
}

void SimBroker::arrive() {
    for (const std::uint64_t ticket : values_.take_arrived()) broker_.inputs_arrived(ticket);
}

void SimBroker::release(const JobRun& jobs) {
    for (std::uint32_t i = 0; i < jobs.count; ++i) {
        const JobRef job{jobs.pipeline, jobs.first.value + i};
        const bool was_there = values_.has(job) || forgotten_.contains(jobs.pipeline);
        world_.tell([&](Checker& c) { c.released(job, rank_, was_there); });
    }
    values_.release(jobs);
}

std::vector<JobRun> SimBroker::held(PipelineId pipeline) { return values_.held(pipeline); }

void SimBroker::forget(PipelineId pipeline) {
    world_.tell([&](Checker& c) { c.forgotten(pipeline, rank_); });
    forgotten_.insert(pipeline);
    values_.forget(pipeline);
    streams_.forget(pipeline);
}

}  // namespace penstock::sim
