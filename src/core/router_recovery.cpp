// A rank is lost: what it had, and how its pipelines go on.
//
//   lose()        what was assigned there is free; of each pipeline that had to do with the rank, all that waits here
//   is
//                 dropped, and every broker that has something of it is told to Withdraw it
//   Withdrawn     from all of them: what has ended there is durable, and what runs there is known
//   rebuilt()     the driver has read what is durable: the pipeliner (another one, if that was lost) starts again from
//   it Restarted     from the pipeliner: brokers may Continue, and its Ready count again
//
// Another loss meanwhile begins it anew, with the next epoch of the pipeline.
#include "core/router.hpp"

#include <algorithm>

namespace penstock {

namespace {

using Tried = JobHistory::Tried;
using Kept = JobHistory::Kept;

// The higher number of each job; both in order.
std::vector<Tried> merged(const std::vector<Tried>& a, const std::vector<Tried>& b) {
    const JobHistory one{{}, a, {}}, other{{}, b, {}};
    std::vector<std::uint32_t> bounds;
    for (const auto* list : {&a, &b})
        for (const Tried& run : *list) {
            bounds.push_back(run.first);
            bounds.push_back(run.first + run.count);
        }
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    std::vector<Tried> all;
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
        const std::uint32_t attempts = std::max(one.attempts_of(bounds[i]), other.attempts_of(bounds[i]));
        if (attempts != 0) all.push_back({bounds[i], bounds[i + 1] - bounds[i], attempts});
    }
    return all;
}

// Without the jobs of `out`, which are in order.
std::vector<Kept> without(const std::vector<Kept>& kept, const std::vector<JobHistory::Running>& out) {
    std::vector<Kept> rest;
    auto next = out.begin();
    for (Kept run : kept) {
        const std::uint32_t end = run.first + run.count;
        while (next != out.end() && next->first + next->count <= run.first) ++next;
        for (auto hole = next; hole != out.end() && hole->first < end; ++hole) {
            if (hole->first > run.first)
                rest.push_back({run.first, hole->first - run.first, run.succeeded, run.holder});
            run.first = std::max(run.first, hole->first + hole->count);
        }
        if (run.first < end) rest.push_back({run.first, end - run.first, run.succeeded, run.holder});
    }
    return rest;
}

bool is_kept(const JobHistory& history, std::uint32_t job) {
    const auto next = std::upper_bound(history.kept.begin(), history.kept.end(), job,
                                       [](std::uint32_t j, const Kept& run) { return j < run.first; });
    return next != history.kept.begin() && job - std::prev(next)->first < std::prev(next)->count;
}

// What was known before of attempts stays known, on the disk or not.
void take_attempts(JobHistory& history, const std::map<std::uint32_t, std::uint32_t>& attempts,
                   const JobHistory* before) {
    std::vector<Tried> tried;
    for (const auto& [job, highest] : attempts) tried.push_back({job, 1, highest});
    history.tried = merged(history.tried, tried);
    if (before != nullptr) history.tried = merged(history.tried, before->tried);
}

template <class Run>
void sort_by_first(std::vector<Run>& runs) {
    std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.first < b.first; });
}

}  // namespace

// ------------------------------------------------------------------------------------------ the loss

void Router::lose(std::uint32_t rank, Outbox& out) {
    any_lost_ = true;
    wanted_by_.reset();
    Broker* const b = broker(rank);
    if (b != nullptr && !std::exchange(b->lost, true)) {
        if (!std::exchange(b->gone, true)) ++byes_;
        total_slots_ -= b->what.slots;
        std::erase(brokers_of_host_[b->what.host], broker_index_.at(rank));
        b->blocks.clear();
    }
    if (active_.erase(rank) != 0) std::erase(options_.pipeliners, rank);
    if (active_.empty() && options_.spare_pipeliner) active_[*options_.spare_pipeliner] = 0;
    for (auto& [id, plan] : plans_) plan.pipeliners_told.erase(rank);
    if (stopping_) return;

    std::vector<AssignedJobs::Run> lost;
    if (b != nullptr) lost = take_lost(*b);
    if (draining_) return stop_if_done(out);
    if (active_.empty() || byes_ == brokers_.size()) {
        events_.cannot_go_on(active_.empty() ? "no rank is left that knows what follows what"
                                             : "no rank is left that runs jobs");
        return drain(out);
    }

    std::vector<PipelineId> touched;
    for (auto& [id, p] : pipelines_) {
        if (p.begun && is_touched_by(p, rank))
            touched.push_back(id);
        else
            std::erase(p.brokers, rank);  // should another loss touch it, nobody waits for this one to withdraw it
    }
    std::sort(touched.begin(), touched.end());
    for (const PipelineId id : touched) begin_recovery(id, pipelines_.at(id), rank, out);
    for (const AssignedJobs::Run& run : lost)
        if (Pipeline* p = pipeline(run.jobs.pipeline); p != nullptr && p->recovery)
            p->recovery->lost.emplace_back(rank, run);
    for (const PipelineId id : touched) ask_if_withdrawn(id, pipelines_.at(id));
}

// The attempts that may be lost with it: those it had, and those that have ended there since its last sync.
std::vector<AssignedJobs::Run> Router::take_lost(Broker& b) {
    const bool all_ran = b.simple <= b.what.slots;
    std::vector<AssignedJobs::Run> lost = b.assigned.take_all();
    for (AssignedJobs::Run& run : lost) {
        Pipeline* const p = pipeline(run.jobs.pipeline);
        if (p == nullptr) continue;
        free_room(b, *p, run.job, run.jobs.count);
        const bool ran = all_ran || !p->plan->plan->templates[run.job.value].resources.simple();
        if (ran) run.past.lost = static_cast<std::uint16_t>(std::min(run.past.lost + 1, 0xffff));
    }
    b.simple = b.reserved = 0;
    for (auto& [record, run] : b.not_durable) lost.push_back(run);
    b.not_durable.clear();
    return lost;
}

void Router::note_not_durable(Broker& b, std::uint64_t last_record, const AssignedJobs::Run& run) {
    if (last_record <= b.durable) return;  // its Durable was faster
    if (!b.not_durable.empty()) {
        auto& [record, last] = b.not_durable.back();
        if (last.jobs.pipeline == run.jobs.pipeline && last.job == run.job && last.attempt == run.attempt &&
            last.jobs.first.value + last.jobs.count == run.jobs.first.value) {
            last.jobs.count += run.jobs.count;
            record = last_record;
            return;
        }
    }
    b.not_durable.emplace_back(last_record, run);
}

bool Router::is_touched_by(const Pipeline& p, std::uint32_t rank) const {
    if (p.recovery && p.recovery->awaited.contains(rank)) return true;
    if (!p.all_ended)
        return p.pipeliner == rank || std::find(p.brokers.begin(), p.brokers.end(), rank) != p.brokers.end();
    const auto last = p.last_record.find(rank);
    return last != p.last_record.end() && last->second > durable_of(rank);
}

void Router::begin_recovery(PipelineId id, Pipeline& p, std::uint32_t lost, Outbox& out) {
    if (p.recovery == nullptr) {
        p.recovery = std::make_unique<Pipeline::Recovery>();
        ++recovering_;
    }
    p.recovery->rank = lost;
    p.recovery->running.clear();
    p.recovery->held.clear();
    ++p.epoch;
    const bool same_pipeliner = active_.contains(p.pipeliner);
    if (!same_pipeliner) p.pipeliner = least_busy_pipeliner();
    if (!same_pipeliner || p.all_ended) ++active_[p.pipeliner];
    for (auto& [writer, waiting] : waiting_durable_)
        std::erase_if(waiting, [id = id](const auto& entry) { return entry.second == id; });
    std::erase(p.brokers, lost);
    p.recovery->awaited.erase(lost);
    p.recovery->awaited.insert(p.brokers.begin(), p.brokers.end());
    for (const std::uint32_t rank : p.recovery->awaited) out.to_broker(rank, msg::Withdraw{id, p.epoch, p.pipeliner});
    if (p.all_ended) {  // brokers and pipeliner have forgotten it
        p.all_ended = false;
        p.brokers.clear();
    }
    drop_ready(id, p);
    if (p.stream) {
        Pipeline::Stream again;
        again.closed = p.stream->closed;
        again.from = std::move(p.stream->from);
        *p.stream = std::move(again);
    }
}

// It becomes ready again when the pipeline has been rebuilt; what is known of its attempts is kept.
void Router::drop_ready(PipelineId id, Pipeline& p) {
    const auto of_it = [id](const ReadyRun& run) { return run.jobs.pipeline == id; };
    for (auto& [priority, level] : levels_) {
        for (const ReadyRun& run : level.simple.take_all_of(id)) {
            ready_simple_ -= run.jobs.count;
            remember(p, run);
        }
        for (auto& [shape, queue] : level.reserved)
            for (const ReadyRun& run : queue.take_all_of(id)) remember(p, run);
        std::erase_if(level.elsewhere, [&](const auto& entry) {
            if (!of_it(entry.second)) return false;
            remember(p, entry.second);
            return true;
        });
    }
    std::erase_if(pausing_, [&](const auto& entry) {
        if (!of_it(entry.second)) return false;
        remember(p, entry.second);
        return true;
    });
    std::erase_if(failed_, [&](const ReadyRun& run) {
        if (!of_it(run)) return false;
        remember(p, run);
        return true;
    });
    drop_postponed(id, p);
    std::erase(streams_, id);
}

void Router::remember(Pipeline& p, const ReadyRun& run) {
    if (run.past == PastAttempts()) return;
    for (std::uint32_t i = 0; i < run.jobs.count; ++i) p.past[run.jobs.first.value + i] = run.past;
}

void Router::push_remembered(ReadyRun run, Pipeline& p) {
    if (p.past.empty()) return push_ready(run, p);
    const std::uint32_t end = run.jobs.first.value + run.jobs.count;
    for (std::uint32_t job = run.jobs.first.value; job < end;) {
        const auto next = p.past.lower_bound(job);
        ReadyRun part = run;
        part.jobs.first = JobIndex(job);
        if (next != p.past.end() && next->first == job) {
            part.jobs.count = 1;
            part.past = next->second;
            p.past.erase(next);
        } else {
            part.jobs.count = (next == p.past.end() ? end : std::min(end, next->first)) - job;
        }
        push_ready(part, p);
        job += part.jobs.count;
    }
}

// ------------------------------------------------------------------------------------------ what is left

void Router::on(const msg::Withdrawn& m, std::uint32_t from, Outbox& out) {
    Broker* const b = broker(from);
    Pipeline* const p = pipeline(m.pipeline);
    // It was asked before the run was told to end: nothing goes on, but what it has dropped is nobody's any more.
    if (draining_ && b != nullptr && p != nullptr && !p->recovery && m.epoch == p->epoch) {
        free_but(*b, m.pipeline, *p, m.running);
        give_credit_entry(*b);
        return stop_if_done(out);
    }
    if (b == nullptr || p == nullptr || !p->recovery || m.epoch != p->epoch || p->recovery->awaited.erase(from) == 0) {
        ++counts_.ignored;
        return;
    }
    free_but(*b, m.pipeline, *p, m.running);
    give_credit_entry(*b);
    auto& running = p->recovery->running;
    running.insert(running.end(), m.running.begin(), m.running.end());
    p->recovery->held.push_back({from, m.held});
    ask_if_withdrawn(m.pipeline, *p);
}

// What it had of the pipeline beside these jobs, which are in order.
void Router::free_but(Broker& b, PipelineId id, Pipeline& p, const std::vector<JobRun>& running) {
    for (const AssignedJobs::Run& run : b.assigned.of(id)) {
        const std::uint32_t end = run.jobs.first.value + run.jobs.count;
        const auto free = [&](std::uint32_t first, std::uint32_t behind) {
            if (first >= behind) return;
            const JobRun gone{id, JobIndex(first), behind - first};
            b.assigned.remove(gone);
            free_room(b, p, run.job, gone.count);
            ReadyRun dropped{gone, run.job, run.attempt, msg::kNobody, true, run.past};
            remember(p, dropped);
        };
        std::uint32_t next = run.jobs.first.value;
        for (const JobRun& r : running) {
            if (r.first.value + r.count <= next || r.first.value >= end) continue;
            free(next, r.first.value);
            next = std::min(end, r.first.value + r.count);
        }
        free(next, end);
    }
}

void Router::ask_if_withdrawn(PipelineId id, Pipeline& p) {
    if (p.recovery && p.recovery->awaited.empty()) events_.recover(id, p.epoch, p.recovery->held);
}

void Router::rebuilt(PipelineId id, std::uint32_t epoch, const JobHistory& durable, Outbox& out) {
    Pipeline* const p = pipeline(id);
    if (p == nullptr || !p->recovery || epoch != p->epoch || !p->recovery->awaited.empty() ||
        !durable.fits(p->plan->plan->job_count))
        return;
    auto history = std::make_shared<JobHistory>(durable);
    for (const JobRun& run : p->recovery->running) history->running.push_back({run.first.value, run.count});
    sort_by_first(history->running);
    history->kept = without(history->kept, history->running);  // their end is told when the pipeline goes on
    write_lost(id, *p, *history);

    counts_.succeeded -= p->succeeded;
    counts_.failed -= p->failures;
    counts_.skipped -= p->skipped;
    p->succeeded = static_cast<std::uint32_t>(history->succeeded());
    p->failures = static_cast<std::uint32_t>(history->failed());
    p->skipped = 0;
    counts_.succeeded += p->succeeded;
    counts_.failed += p->failures;
    p->failed = p->failures != 0;
    p->left = p->plan->plan->job_count - static_cast<std::uint32_t>(history->jobs());
    p->history = history;
    events_.rebuilt(id, history);
    tell_plan(*p, out);
    out.to_pipeliner(p->pipeliner, msg::Restart{id, p->info.plan, p->epoch, std::move(history)});
}

// It may have gone on with followers before it was lost, and nobody have heard of it.
void Router::note_unheard_followers(const Plan& plan, const AssignedJobs::Run& run,
                                    std::map<std::uint32_t, std::uint32_t>& attempts) {
    const std::uint32_t instance = run.jobs.first.value - plan.templates[run.job.value].first_job.value;
    for (std::uint32_t t = plan.templates[run.job.value].follower; t != JobTemplate::kNoFollower;
         t = plan.templates[t].follower)
        for (std::uint32_t i = 0; i < run.jobs.count; ++i)
            attempts.try_emplace(plan.templates[t].first_job.value + instance + i, 1);
}

// The next rank that is lost under this job ends it.
bool Router::has_last_chance(const PastAttempts& past) const {
    return past.lost != 0 && past.lost + 1u >= options_.crash_limit;
}

bool Router::has_one_with_a_last_chance(const Broker& b) const {
    return b.assigned.any([this](const AssignedJobs::Run& run) { return has_last_chance(run.past); });
}

// Attempts that were lost with a rank are recorded, and their numbers are used up. A job under which one rank after the
// other is lost is given up. Before that it has run apart from others of its kind: of those that a rank had, most are
// innocent.
void Router::write_lost(PipelineId id, Pipeline& p, JobHistory& history) {
    const Plan& plan = *p.plan->plan;
    const bool all_given_up = p.stream && !events_.may_restart(id);
    p.last_record.clear();
    std::map<std::uint32_t, LostWith> by_rank;
    std::map<std::uint32_t, std::uint32_t> attempts;  // the highest of each job
    std::vector<Kept> failed;
    for (const auto& [rank, run] : p.recovery->lost) {
        for (std::uint32_t i = 0; i < run.jobs.count; ++i) {
            AssignedJobs::Run one = run;
            one.jobs = {id, JobIndex(run.jobs.first.value + i), 1};
            const std::uint32_t job = one.jobs.first.value;
            if (is_kept(history, job)) continue;
            std::uint32_t& highest = attempts[job];
            highest = std::max(highest, one.attempt);
            const bool given_up = all_given_up || (!p.stream && one.past.lost >= options_.crash_limit);
            (given_up ? by_rank[rank].for_good : by_rank[rank].again).push_back(one);
            if (given_up)
                failed.push_back({job, 1, false});
            else if (one.past != PastAttempts())
                p.past[job] = one.past;
        }
        note_unheard_followers(plan, run, attempts);
    }
    if (all_given_up) failed = give_up(id, plan, history, attempts, by_rank[p.recovery->rank]);
    for (auto& [rank, lost] : by_rank) {
        own_records_ += lost.again.size() + lost.for_good.size();
        if (!lost.again.empty()) events_.lost(id, lost.again, rank, false);
        if (!lost.for_good.empty()) events_.lost(id, lost.for_good, rank, true);
    }
    if (!by_rank.empty()) p.last_record[kOwn] = own_records_;
    take_attempts(history, attempts, p.history.get());
    history.kept.insert(history.kept.end(), failed.begin(), failed.end());
    sort_by_first(history.kept);
    p.recovery->lost.clear();
}

// No job of a stream is worth anything without the others: those that no rank took with it have failed as well.
std::vector<JobHistory::Kept> Router::give_up(PipelineId id, const Plan& plan, JobHistory& history,
                                              const std::map<std::uint32_t, std::uint32_t>& attempts, LostWith& lost) {
    history.kept.clear();
    std::vector<Kept> failed;
    for (std::uint32_t job = 0; job < plan.job_count; ++job) {
        failed.push_back({job, 1, false});
        if (attempts.contains(job)) continue;
        const TemplateIndex t = plan.template_of(JobIndex(job));
        lost.for_good.push_back({{id, JobIndex(job), 1}, t, history.attempts_of(job) + 1});
    }
    return failed;
}

// ------------------------------------------------------------------------------------------ going on

void Router::on(const msg::Restarted& m, std::uint32_t from, Outbox& out) {
    Pipeline* const p = pipeline(m.pipeline);
    if (p == nullptr || !p->recovery || m.epoch != p->epoch || from != p->pipeliner)
        return;  // of an epoch that is over
    end_recovery(m.pipeline, *p, out);
    if (p->left == 0) all_ended(m.pipeline, *p, out);
}

void Router::end_recovery(PipelineId id, Pipeline& p, Outbox& out) {
    p.recovery.reset();
    --recovering_;
    for (const std::uint32_t rank : p.brokers) out.to_broker(rank, msg::Continue{id, p.epoch});
}

// Nothing runs, nothing will come, and what is ready fits nowhere.
bool Router::stuck() {
    if (recovering_ != 0 || !nothing_running() || !pausing_.empty() || !failed_.empty()) return false;
    // Those that look for a broker of their own would look for ever.
    const auto has_no_place = [this](const auto& entry) {
        const Pipeline* const p = pipeline(entry.second.jobs.pipeline);
        return p != nullptr && has_last_chance(entry.second.past) &&
               another_broker(entry.second, p->plan->plan->templates[entry.second.job.value].resources, true) ==
                   nullptr;
    };
    return !streams_.empty() || std::any_of(levels_.begin(), levels_.end(), [&](const auto& level) {
        const Level& l = level.second;
        return !l.simple.empty() || !l.reserved.empty() ||
               std::any_of(l.elsewhere.begin(), l.elsewhere.end(), has_no_place);
    });
}

}  // namespace penstock
