#include "sim/sim_broker.hpp"

#include "sim/model.hpp"

#include <algorithm>

namespace penstock::sim {

SimBroker::SimBroker(World& world, const BrokerDescription& what, std::function<void()> wake)
    : world_(world),
      rank_(what.rank),
      wake_(wake),
      writer_(world, what.rank, std::move(wake)),
      broker_(what.rank, what.slots + (world.scenario().fault == Fault::crowded_broker ? 2 : 0), *this,
              world.scenario().crash_limit) {}

JobRef SimBroker::ref(const JobStart& s) const {
    return {s.pipeline->info.id, s.pipeline->plan->templates[s.job.value].first_job.value + s.instance};
}

void SimBroker::on(const BrokerMessage& message, std::uint32_t from, Outbox& out) {
    out_ = &out;
    std::visit(
        [&]<class M>(const M& m) {
            if constexpr (std::is_same_v<M, msg::PlanBlock>)
                receive_plan(m, out, from);
            else if constexpr (std::is_same_v<M, msg::Located>)
                on_values(m, out);
            else if constexpr (std::is_same_v<M, msg::Fetch>)
                on_values(m, from, out);
            else if constexpr (std::is_same_v<M, msg::Fetched>)
                on_values(m);
            else if constexpr (std::is_same_v<M, msg::FetchedChunk> || std::is_same_v<M, msg::ChunkTaken>)
                throw Violation("cluster", "nobody sends chunks here");
            else if constexpr (requires { broker_.on(m, from, out); })
                broker_.on(m, from, out);
            else
                throw Violation("cluster", "there are no streams here");
        },
        message);
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
    broker_.settle(out);
    if (!stopping_) return;
    writer_.stop();
    take_durable(out);
    out.to_router(msg::Bye{});
    finished_ = true;
}

// ------------------------------------------------------------------------------------------ lanes

void SimBroker::start(std::uint32_t lane, std::vector<JobStart> jobs) {
    if (lanes_.size() <= lane) lanes_.resize(lane + 1);
    for (JobStart& s : jobs) {
        const JobTemplate& t = s.pipeline->plan->templates[s.job.value];
        if (t.worker.empty()) throw Violation("cluster", text(ref(s)) + " starts, but its template was never sent");
        if (!t.bindings.empty() && inputs_.erase(s.ticket) == 0)
            throw Violation("values", text(ref(s)) + " starts without its inputs");
        lanes_[lane].jobs.push_back(std::move(s));
    }
    if (!lanes_[lane].busy) begin(lane);
}

void SimBroker::begin(std::uint32_t lane) {
    Lane& l = lanes_[lane];
    l.busy = true;
    if (l.claimed == 0)
        l.claimed = static_cast<std::uint32_t>(std::min<std::size_t>(world_.scenario().claimed, l.jobs.size()));
    const JobRef job = ref(l.jobs.front());
    const bool lies = world_.scenario().fault == Fault::same_attempt && l.jobs.front().attempt > 1;
    const std::uint32_t attempt = l.jobs.front().attempt - (lies ? 1 : 0);
    world_.start(job, rank_);
    world_.tell([&](Checker& c) { c.attempt_starts(job, attempt, rank_); });
    if (world_.scenario().fault == Fault::start_twice && world_.random().chance(0.05)) world_.start(job, rank_);
    const Scenario& s = world_.scenario();
    const Nanoseconds busy = world_.random().time(s.shortest_job, s.longest_job);
    world_.after(busy, [this, lane, run = ++l.run, busy] { finish(lane, run, busy); });
    if (ending_.contains(l.jobs.front().ticket)) end_soon(lane);
}

void SimBroker::end_attempt(std::uint32_t lane, std::uint64_t ticket) {
    ending_.insert(ticket);
    if (lanes_[lane].busy && lanes_[lane].jobs.front().ticket == ticket) end_soon(lane);
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
    JobStart first = std::move(l.jobs.front());
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
        tickets.push_back(l.jobs[i].ticket);
        if (!l.jobs[i].pipeline->plan->templates[l.jobs[i].job.value].bindings.empty())
            inputs_.insert(l.jobs[i].ticket);
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
            values_.insert(job);
        }
        if (end.follow) {
            broker_.follow(end);
            arrive();
        }
    }
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
    const Plan& plan = *job.pipeline->plan;
    Gathering g;
    g.job = job;
    for (const Binding& b : plan.templates[job.job.value].bindings)
        for (const Binding::Producer& p : b.producers) {
            const Edge e{p.job, job.job, p.relation, When::succeeded, true, p.grouping};
            for (const std::uint32_t producer : producers_of(plan, e, job.instance))
                g.wanted.push_back({job.pipeline->info.id, producer});
        }
    const std::uint64_t ticket = job.ticket;
    std::vector<std::uint32_t> producers;
    for (const JobRef& w : g.wanted) producers.push_back(w.job);
    gathering_[ticket] = std::move(g);
    if (world_.scenario().fault == Fault::inputs_unasked && world_.random().chance(0.2)) {
        gathering_.erase(ticket);
        arrived_.push_back(ticket);
        return;
    }
    if (located) {
        ask(ticket, holder, producers, *out_);
        gathered(ticket);
        return;
    }
    msg::Locate question{next_request_++, job.pipeline->info.id, {}};
    for (const std::uint32_t p : producers) question.jobs.push_back({job.pipeline->info.id, JobIndex(p), 1});
    locating_[question.request] = ticket;
    ++gathering_[ticket].outstanding;
    out_->to_pipeliner(pipeliner, std::move(question));
}

void SimBroker::on_values(const msg::Located& m, Outbox& out) {
    const std::uint64_t ticket = locating_.at(m.request);
    locating_.erase(m.request);
    if (!gathering_.contains(ticket)) return;  // it was withdrawn
    std::map<std::uint32_t, std::vector<std::uint32_t>> by_holder;
    for (const auto& run : m.runs)
        for (std::uint32_t i = 0; i < run.count; ++i) by_holder[run.holder].push_back(run.first.value + i);
    for (const auto& [holder, producers] : by_holder) ask(ticket, holder, producers, out);
    --gathering_.at(ticket).outstanding;
    gathered(ticket);
}

void SimBroker::ask(std::uint64_t ticket, std::uint32_t holder, const std::vector<std::uint32_t>& producers,
                    Outbox& out) {
    Gathering& g = gathering_.at(ticket);
    const PipelineId pipeline = g.job.pipeline->info.id;
    if (holder == msg::kStored) {  // an earlier launch has made them
        const bool lossy = !world_.scenario().deaths.empty();
        const auto now = lossy ? world_.disk().known() : std::map<JobRef, Disk::Known>();
        for (const std::uint32_t p : producers)
            g.found[p] = world_.scenario().fault != Fault::lose_stored &&
                         (lossy ? now : world_.known()).at({pipeline, p}).state == JobState::succeeded;
        return;
    }
    if (holder == msg::kNobody || holder == rank_ || producers.empty()) {
        for (const std::uint32_t p : producers) g.found[p] = holder == rank_ && values_.contains({pipeline, p});
        return;
    }
    msg::Fetch question{next_request_++, pipeline, "out", {}};
    for (const std::uint32_t p : producers) question.jobs.push_back({pipeline, JobIndex(p), 1});
    fetching_[question.request] = {ticket, producers};
    ++g.outstanding;
    out.to_broker(holder, std::move(question));
}

void SimBroker::on_values(const msg::Fetch& m, std::uint32_t from, Outbox& out) {
    msg::Fetched answer{m.request, {}};
    for (const JobRun& run : m.jobs) {
        const JobRef job{m.pipeline, run.first.value};
        answer.bytes.push_back(std::byte(values_.contains(job) ? 1 : 0));
        if (world_.scenario().fault == Fault::early_release) values_.erase(job);
    }
    out.to_broker(from, std::move(answer));
}

void SimBroker::on_values(const msg::Fetched& m) {
    const auto [ticket, producers] = fetching_.at(m.request);
    fetching_.erase(m.request);
    if (!gathering_.contains(ticket)) return;
    Gathering& g = gathering_.at(ticket);
    for (std::size_t i = 0; i < producers.size(); ++i) g.found[producers[i]] = m.bytes.at(i) != std::byte(0);
    --g.outstanding;
    gathered(ticket);
}

void SimBroker::gathered(std::uint64_t ticket) {
    Gathering& g = gathering_.at(ticket);
    if (g.outstanding != 0) return;
    for (const JobRef& producer : g.wanted)
        world_.tell([&](Checker& c) { c.gathered(ref(g.job), producer, g.found[producer.job]); });
    gathering_.erase(ticket);
    inputs_.insert(ticket);
    arrived_.push_back(ticket);
}

void SimBroker::arrive() {
    for (const std::uint64_t ticket : std::exchange(arrived_, {})) broker_.inputs_arrived(ticket);
}

void SimBroker::release(const JobRun& jobs) {
    for (std::uint32_t i = 0; i < jobs.count; ++i) {
        const JobRef job{jobs.pipeline, jobs.first.value + i};
        const bool was_there = values_.contains(job) || forgotten_.contains(jobs.pipeline);
        world_.tell([&](Checker& c) { c.released(job, rank_, was_there); });
        values_.erase(job);
    }
}

std::vector<JobRun> SimBroker::held(PipelineId pipeline) {
    std::vector<JobRun> jobs;
    for (const JobRef& job : values_)
        if (job.pipeline == pipeline) jobs.push_back({pipeline, JobIndex(job.job), 1});
    return jobs;
}

void SimBroker::forget(PipelineId pipeline) {
    world_.tell([&](Checker& c) { c.forgotten(pipeline, rank_); });
    forgotten_.insert(pipeline);
    std::erase_if(values_, [pipeline](const JobRef& job) { return job.pipeline == pipeline; });
}

}  // namespace penstock::sim
