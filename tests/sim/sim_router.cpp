#include "sim/sim_router.hpp"

#include "run/stored_places.hpp"

#include <algorithm>

namespace penstock::sim {

namespace {

constexpr Nanoseconds kFastClock = 1000;

RouterOptions options_of(const Scenario& s) {
    RouterOptions options;
    options.pipeliners = s.pipeliners;
    options.brokers = s.brokers;
    std::vector<HostDescription> hosts = s.hosts;
    if (s.fault == Fault::large_hosts)
        for (HostDescription& h : hosts) h.cpus += 3;
    options.hosts = HostLedger(std::move(hosts), s.named);
    options.fail_fast = s.fail_fast;
    options.retry_delay = s.retry_delay;
    if (s.fault != Fault::no_end) options.ends_at = s.ends_at.value_or(0);
    options.crash_limit = s.crash_limit;
    if (!s.deaths.empty()) options.spare_pipeliner = 0;
    options.idle_plans = s.idle_plans;
    options.idle_plan_jobs = s.idle_plan_jobs;
    options.active_pipelines = s.active_pipelines;
    return options;
}

}  // namespace

SimRouter::SimRouter(World& world, std::function<void()> wake)
    : world_(world),
      wake_(wake),
      writer_(world, World::kRouterWriter, std::move(wake)),
      router_(options_of(world.scenario()), *this) {
    plan_next_submission();
}

void SimRouter::on(const RouterMessage& message, std::uint32_t from, Outbox& out) {
    if (const auto* const question = std::get_if<msg::FindStored>(&message)) answer(*question, from, out);
    std::visit([&](const auto& m) { router_.on(m, from, out); }, message);
}

void SimRouter::answer(const msg::FindStored& question, std::uint32_t from, Outbox& out) const {
    const auto kept = kept_.find(question.pipeline);
    out.to_broker(from, stored_at(question, kept == kept_.end() ? nullptr : kept->second.get()));
}

void SimRouter::turn(Outbox& out) {
    if (due_) submit_next(out);
    close_streams(out);
    if (drain_asked_) router_.drain(out);
    if (end_asked_) router_.end_now(out);
    if (writer_.durable() > own_durable_) {
        own_durable_ = writer_.durable();
        router_.own_records_durable(own_durable_, out);
    }
    recover_further(out);
    if (world_.scenario().fault == Fault::idle_router && world_.random().chance(0.5)) return;
    router_.schedule(clock(), out);
    plan_next_look();
}

// ------------------------------------------------------------------------------------------ after the loss of a rank

void SimRouter::recover(PipelineId pipeline, std::uint32_t epoch, const std::vector<HeldOutputs>& held) {
    to_recover_.push_back({pipeline, epoch, held, writer_.added()});
    writer_.flush_soon();
    wake_();
}

// The disk is read some time after what is to count is on it.
void SimRouter::recover_further(Outbox& out) {
    std::erase_if(to_recover_, [this](const ToRecover& what) {
        if (own_durable_ < what.own_records) return false;
        world_.after(world_.random().time(1000, 100'000'000), [this, what] {
            found_.emplace_back(what, found(what));
            kept_[what.pipeline] = world_.disk().with_places(nullptr, what.pipeline);
            wake_();
        });
        return true;
    });
    for (const auto& [what, history] : std::exchange(found_, {}))
        router_.rebuilt(what.pipeline, what.epoch, history, out);
}

JobHistory SimRouter::found(const ToRecover& what) const {
    const Plan& plan = *world_.truth(what.pipeline).plan;
    const auto all = world_.disk().history(world_.disk().known(), what.pipeline, plan);
    JobHistory history;
    if (all == nullptr) return history;
    std::map<std::uint32_t, std::uint32_t> holder;
    for (const HeldOutputs& of : what.held)
        for (const JobRun& run : of.jobs)
            for (std::uint32_t i = 0; i < run.count; ++i) holder[run.first.value + i] = of.rank;
    history.tried = all->tried;
    for (const JobHistory::Kept& run : all->kept)
        for (std::uint32_t job = run.first; job < run.first + run.count; ++job) {
            const auto held = holder.find(job);
            const bool is_held = run.succeeded && held != holder.end();
            history.keep(job, run.succeeded, is_held ? held->second : JobHistory::kInFiles);
        }
    return history;
}

void SimRouter::lost(PipelineId pipeline, const std::vector<AssignedJobs::Run>& attempts, std::uint32_t, bool final) {
    for (const AssignedJobs::Run& run : attempts)
        for (std::uint32_t i = 0; i < run.jobs.count; ++i) {
            const JobRef job{pipeline, run.jobs.first.value + i};
            if (final) world_.tell_of(pipeline, [&](Checker& c) { c.given_up(job); });
            writer_.add({job, run.attempt, final ? JobState::failed : JobState::again});
        }
}

void SimRouter::plan_next_look() {
    const auto due = router_.next_due();
    if (!due) return;
    const Nanoseconds rate = world_.scenario().fault == Fault::fast_clock ? kFastClock : 1;
    const Nanoseconds at = std::max(world_.now(), *due / rate + 1);
    if (looks_at_ && *looks_at_ > world_.now() && *looks_at_ <= at) return;
    looks_at_ = at;
    world_.at(at, [this] { wake_(); });
}

Nanoseconds SimRouter::clock() const {
    return world_.now() * (world_.scenario().fault == Fault::fast_clock ? kFastClock : 1);
}

// ------------------------------------------------------------------------------------------ submissions

void SimRouter::plan_next_submission() {
    const auto& all = world_.scenario().submissions;
    if (submitted_ < all.size() && all[submitted_].after_previous && over_ < submitted_) {
        waits_for_previous_ = true;
        return;
    }
    waits_for_previous_ = false;
    const Nanoseconds delay = submitted_ < all.size() ? all[submitted_].at : world_.random().time(0, 1'000'000);
    world_.after(delay, [this] {
        due_ = true;
        wake_();
    });
}

void SimRouter::submit_next(Outbox& out) {
    due_ = false;
    const Scenario& s = world_.scenario();
    if (submitted_ == s.submissions.size()) {
        router_.close(out);
        return;
    }
    const std::uint32_t index = s.submissions[submitted_].plan;
    ++submitted_;
    // The router may have something to tell of it before submit() returns: an empty pipeline is over at once.
    world_.submit(PipelineId(static_cast<std::uint32_t>(submitted_)), s.plans[index]);
    const PipelineId id = router_.submit(PlanId(index + 1), s.plans[index], PipelineInfo{}, world_.now(), out,
                                         history(PipelineId(static_cast<std::uint32_t>(submitted_)), *s.plans[index]),
                                         world_.disk().position_of(PipelineId(static_cast<std::uint32_t>(submitted_))));
    if (id != PipelineId(static_cast<std::uint32_t>(submitted_)))
        throw Violation("cluster", "pipelines are not numbered in order of submission");
    if (const auto after = s.submissions[submitted_ - 1].closed_after)
        world_.after(*after, [this, id] {
            to_close_.push_back(id);
            wake_();
        });
    plan_next_submission();
}

void SimRouter::close_streams(Outbox& out) {
    for (const PipelineId id : std::exchange(to_close_, {})) {
        router_.close_stream(id, out);
        world_.tell_of(id, [&](Checker& c) { c.closed(id); });
    }
}

std::shared_ptr<const JobHistory> SimRouter::history(PipelineId id, const Plan& plan) {
    const Fault fault = world_.scenario().fault;
    auto history = world_.disk().history(world_.known(), id, plan);
    if (history == nullptr) return nullptr;
    kept_[id] = world_.disk().with_places(history, id);
    if (fault == Fault::forget_kept && !history->kept.empty()) history->kept.erase(history->kept.begin());
    if (fault == Fault::forget_tried) history->tried.clear();
    return history;
}

// ------------------------------------------------------------------------------------------ what the router tells

void SimRouter::ran(PipelineId pipeline, const msg::Ended& ended, std::uint32_t broker) {
    world_.tell_of(pipeline, [&](Checker& c) { c.told_ran(ended, broker); });
}

void SimRouter::attempt_failed(PipelineId, const msg::AttemptFailed& failed, std::uint32_t broker) {
    world_.tell([&](Checker& c) { c.told_again(failed, broker); });
}

void SimRouter::skipped(PipelineId pipeline, const JobRun& jobs, JobIndex) {
    world_.tell([&](Checker& c) { c.told_skipped(jobs); });
    for (std::uint32_t i = 0; i < jobs.count; ++i)
        writer_.add({{pipeline, jobs.first.value + i}, 0, JobState::skipped});
}

// Written down some time later.
void SimRouter::reached(PipelineId pipeline, const std::shared_ptr<const StreamPosition>& position) {
    world_.tell([&](Checker& c) { c.reached(pipeline, *position); });
    world_.after(world_.random().time(1000, 250'000'000), [this, pipeline, position] {
        const auto last = world_.disk().position_of(pipeline);
        if (last == nullptr || last->items < position->items) world_.disk().put(pipeline, position);
    });
}

void SimRouter::refused(PipelineId, const msg::Refused& refused, std::uint32_t) { refused_ += refused.jobs.count; }

void SimRouter::pipeline_over(PipelineId pipeline) {
    const auto& states = world_.truth(pipeline).state;
    const bool well = std::all_of(states.begin(), states.end(), [](JobState s) { return s == JobState::succeeded; });
    if (world_.is_stream(pipeline) && (well || !router_.draining())) world_.disk().end_stream(pipeline);
    world_.tell_of(pipeline, [&](Checker& c) { c.is_over(pipeline); });
    if (world_.scenario().fault == Fault::over_twice)
        world_.tell_of(pipeline, [&](Checker& c) { c.is_over(pipeline); });
    ++over_;
    if (waits_for_previous_ && over_ == submitted_) plan_next_submission();
}

}  // namespace penstock::sim
