// Who gets what.
#include "core/router.hpp"

#include <algorithm>

namespace penstock {

void Router::push_ready(const ReadyRun& run, const Pipeline& p) {
    const JobTemplate& job = p.plan->plan->templates[run.job.value];
    Level& level = levels_[job.priority];
    if ((run.past.failed != 0 && has_other(run.past.broker)) || has_last_chance(run.past))
        return look_elsewhere(run, level);
    if (job.resources.simple()) {
        level.simple.push(run);
        ready_simple_ += run.jobs.count;
    } else {
        level.reserved[job.resources].push(run);
    }
}

void Router::give_credit_entry(Broker& b) {
    if (b.has_credit_entry || b.lost) return;
    b.has_credit_entry = true;
    credit_.push_back(broker_index_.at(b.what.rank));
}

double Router::mean_ns(const ReadyRun& run) {
    const auto p = pipelines_.find(run.jobs.pipeline);
    return p == pipelines_.end() ? -1 : p->second.plan->times.mean_ns(*p->second.plan->plan, run.job);
}

void Router::add_ahead(Broker& b, Pipeline& p, TemplateIndex t, std::uint32_t jobs, double unknown_ns) {
    const Plan& plan = *p.plan->plan;
    const double mean = p.plan->times.mean_ns(plan, t);
    b.ahead.add({p.info.plan, p.plan->times.class_of(plan, t)}, jobs,
                std::max(0.0, mean < 0 ? unknown_ns : mean) * jobs);
}

void Router::remove_ahead(Broker& b, Pipeline& p, TemplateIndex t, std::uint32_t jobs) {
    b.ahead.remove({p.info.plan, p.plan->times.class_of(*p.plan->plan, t)}, jobs);
}

std::uint32_t Router::running_simple(std::uint32_t host) const {
    std::uint32_t running = 0;
    for (std::uint32_t i : brokers_of_host_[host]) running += std::min(brokers_[i].simple, brokers_[i].what.slots);
    return running;
}

void Router::schedule(Nanoseconds now, Outbox& out) {
    now_ = now;
    begin_pauses();
    if (options_.ends_at != 0) watch_time(out);
    if (draining_ || stopping_) return;
    forget_savings();
    end_pauses();
    place_streams(out);
    for (auto level = levels_.begin(); level != levels_.end();) {
        // The widest shape first: what it cannot get is saved up for it, and narrower ones take what is left.
        if (!level->second.elsewhere.empty()) place_elsewhere(level->second, out);
        auto& shapes = level->second.reserved;
        for (auto shape = shapes.end(); shape != shapes.begin();) {
            --shape;
            while (!shape->second.empty() && place_reserved(shape->first, shape->second, out)) {
            }
            if (shape->second.empty()) shape = shapes.erase(shape);
        }
        fill_free_slots(level->second.simple, out);
        place_simple(level->second.simple, out);
        level = level->second.empty() ? levels_.erase(level) : std::next(level);
    }
    if (ready_simple_ == 0) recall_if_unbalanced(out);
    if (any_lost_ && stuck()) {
        events_.cannot_go_on("what is left of the launch cannot hold jobs that are still to run");
        drain(out);
    }
    if (postponed_.empty())
        nothing_else_since_.reset();
    else
        drain_when_nothing_fits(out);
}

// ------------------------------------------------------------------------------------------ one-CPU jobs

std::uint32_t Router::credit(const Broker& b, const ReadyRun& run) {
    const std::uint32_t slots = b.what.slots;
    const std::uint32_t free_slots = slots - std::min(slots, b.simple);
    if (saving_[b.what.host].cpus || b.lost) return 0;
    if (const std::uint32_t reserved = options_.hosts.reserved_cpus(b.what.host); reserved != 0) {
        // Reserved jobs share the host: whatever is sent must be able to run beside them now.
        const std::uint32_t cpus = options_.hosts.host(b.what.host).cpus;
        const std::uint32_t used = reserved + running_simple(b.what.host);
        return std::min(free_slots, cpus - std::min(cpus, used));
    }
    const double mean = mean_ns(run);
    if (mean < 0 || mean >= static_cast<double>(kLongJob)) return free_slots;

    const double room = static_cast<double>(kHorizon) * slots - b.ahead.likely_ns();
    const double most = static_cast<double>(kMaxAheadPerSlot) * slots - b.simple;
    double ahead = std::min(most, std::max(room, 0.0) / std::max(mean, 1.0));
    ahead = std::max(ahead, 2.0 * slots - b.simple);  // one ahead of each slot
    // Near the end of the ready jobs, everybody gets a share.
    const double share = static_cast<double>(ready_simple_) * slots / (2.0 * total_slots_) + 1;
    if (brokers_.size() > 1) ahead = std::min(ahead, share);
    return std::max(free_slots, ahead <= 0 ? 0 : static_cast<std::uint32_t>(ahead));
}

// When there are few jobs: first each broker's free slots, with what has its inputs there if there is any, so that no
// busy broker takes as its next job what an idle one could start now, and no job leaves its inputs without need.
void Router::fill_free_slots(ReadyQueue& queue, Outbox& out) {
    if (queue.jobs() > 2ull * total_slots_) return;
    for (const bool own_only : {true, false}) {
        for (std::size_t i = 0; i < credit_.size() && !queue.empty(); ++i) {
            Broker& b = brokers_[credit_[i]];
            if (own_only && !queue.prefers(b.what.rank)) continue;
            const std::uint32_t free_slots = b.what.slots - std::min(b.what.slots, b.simple);
            const ReadyRun* const next = next_that_fits(queue, b.what.rank);
            if (next == nullptr) return;
            const std::uint32_t room = std::min(free_slots, credit(b, *next));
            if (room != 0) assign_simple(b, queue, room, out);
        }
    }
}

void Router::assign_simple(Broker& b, ReadyQueue& queue, std::uint32_t room, Outbox& out) {
    const ReadyRun run = queue.take(b.what.rank, room);
    ready_simple_ -= run.jobs.count;
    assign(b, run, false, out);
}

void Router::place_simple(ReadyQueue& queue, Outbox& out) {
    for (std::size_t looks = credit_.size(); looks != 0 && !queue.empty() && !credit_.empty();) {
        const std::uint32_t index = credit_.front();
        Broker& b = brokers_[index];
        const ReadyRun* const next = next_that_fits(queue, b.what.rank);
        if (next == nullptr) return;
        credit_.pop_front();
        const std::uint32_t room = credit(b, *next);
        if (room == 0) {
            --looks;
            b.has_credit_entry = false;  // comes back with the next job that ends there
            continue;
        }
        assign_simple(b, queue, room, out);
        credit_.push_back(index);
    }
}

// ------------------------------------------------------------------------------------------ reserved jobs

// Savings are of one pass of schedule(). Brokers that got nothing because of them may have room again.
void Router::forget_savings() {
    for (std::uint32_t host = 0; host < saving_.size(); ++host) {
        if (saving_[host].cpus)
            for (std::uint32_t i : brokers_of_host_[host]) give_credit_entry(brokers_[i]);
        saving_[host] = {};
    }
    saved_names_.clear();
    for (const auto& [host, resources] : set_aside_) {
        options_.hosts.release(host, resources);
        for (std::uint32_t i : brokers_of_host_[host]) give_credit_entry(brokers_[i]);
    }
    set_aside_.clear();
}

bool Router::saved_for_others(std::uint32_t host, const Resources& wanted) const {
    if (saving_[host].cpus || (saving_[host].memory && wanted.memory_bytes != 0)) return true;
    return std::any_of(wanted.named.begin(), wanted.named.end(),
                       [this](const auto& resource) { return saved_names_.contains(resource.first); });
}

std::optional<std::uint32_t> Router::host_for(const Resources& wanted, std::uint32_t holder) {
    const std::uint32_t hosts = options_.hosts.hosts();
    const auto fits_now = [&](std::uint32_t host) {
        return !brokers_of_host_[host].empty() && may_reserve(host, wanted);
    };
    if (const Broker* b = broker(holder); b != nullptr && fits_now(b->what.host)) return b->what.host;
    for (std::uint32_t i = 0; i < hosts; ++i) {
        const std::uint32_t host = (next_host_ + i) % hosts;
        if (!fits_now(host)) continue;
        next_host_ = (host + 1) % hosts;
        return host;
    }
    save_up(wanted);
    return std::nullopt;
}

// A large job waits only because smaller ones hold what it needs, and as long as more of them come it would wait
// forever: one host, the one that is nearest to being able to hold it, gives no more of what is short to others.
void Router::save_up(const Resources& wanted) {
    std::optional<std::uint32_t> nearest;
    std::pair<std::uint64_t, std::uint32_t> least;  // memory and CPUs in use
    for (std::uint32_t host = 0; host < options_.hosts.hosts(); ++host) {
        if (brokers_of_host_[host].empty() || saved_for_others(host, wanted)) continue;
        if (!options_.hosts.could_hold(host, wanted)) continue;
        const std::pair in_use(wanted.memory_bytes == 0 ? 0 : options_.hosts.reserved_memory(host),
                               options_.hosts.reserved_cpus(host) + running_simple(host));
        if (nearest && in_use >= least) continue;
        nearest = host;
        least = in_use;
    }
    if (nearest) save(*nearest, wanted, options_.hosts.fits(*nearest, wanted, running_simple(*nearest)));
}

void Router::save(std::uint32_t host, const Resources& wanted, HostLedger::Fit is_short) {
    switch (is_short) {
        case HostLedger::Fit::later_named:
            for (const auto& [name, amount] : wanted.named) saved_names_.insert(name);
            break;
        case HostLedger::Fit::later_memory:
            saving_[host].memory = true;
            break;
        case HostLedger::Fit::later_cpus:
            saving_[host].cpus = true;
            break;
        case HostLedger::Fit::now:
            break;
    }
}

bool Router::place_reserved(const Resources& wanted, ReadyQueue& queue, Outbox& out) {
    const ReadyRun* const next = next_that_fits(queue, kNoBroker);
    if (next == nullptr) return false;
    const std::uint32_t holder = next->holder;
    const std::optional<std::uint32_t> host = host_for(wanted, holder);
    if (!host) return false;

    const auto& candidates = brokers_of_host_[*host];
    std::uint32_t best = candidates.front();
    for (std::uint32_t i : candidates) {
        if (brokers_[i].what.rank == holder) {
            best = i;
            break;
        }
        if (brokers_[i].simple + brokers_[i].reserved < brokers_[best].simple + brokers_[best].reserved) best = i;
    }
    if (assign(brokers_[best], queue.take(kNoBroker, 1), true, out)) options_.hosts.reserve(*host, wanted);
    return true;
}

// ------------------------------------------------------------------------------------------ sending

// False when there is nothing to assign any more.
bool Router::assign(Broker& to, const ReadyRun& run, bool reserved, Outbox& out) {
    Pipeline* const known = pipeline(run.jobs.pipeline);
    if (known == nullptr) {  // told ready twice, and over by now
        ++counts_.ignored;
        return false;
    }
    Pipeline& p = *known;
    introduce(to, p, run, out);
    if (reserved) {
        to.reserved += 1;
    } else {
        to.simple += run.jobs.count;
        add_ahead(to, p, run.job, run.jobs.count);
    }
    counts_.assigned += run.jobs.count;
    to.assigned.add({run.jobs, run.job, run.attempt, run.past});
    const Broker* const holder = broker(run.holder);
    const bool holder_lost = holder != nullptr && holder->lost;  // since it was told ready
    out.to_broker(to.what.rank, msg::Assign{run.jobs, run.job, run.attempt, holder_lost ? msg::kNobody : run.holder,
                                            run.located && !holder_lost, reserved, run.past});
    return true;
}

void Router::introduce(Broker& to, Pipeline& p, const ReadyRun& run, Outbox& out) {
    std::vector<bool>& blocks = to.blocks[p.info.plan];
    const bool first = blocks.empty();
    const auto templates = static_cast<std::uint32_t>(p.plan->plan->templates.size());
    if (first) blocks.assign((templates + kBlockTemplates - 1) / kBlockTemplates, false);
    const std::uint32_t block = run.job.value / kBlockTemplates;
    if (!blocks[block]) {
        blocks[block] = true;
        out.to_broker(to.what.rank, msg::PlanBlock{p.info.plan, p.plan->plan, block * kBlockTemplates,
                                                   std::min(templates, (block + 1) * kBlockTemplates), first});
    }
    if (std::find(p.brokers.begin(), p.brokers.end(), to.what.rank) == p.brokers.end()) {
        if (!std::exchange(p.told, true)) events_.started(p.info.id);
        p.brokers.push_back(to.what.rank);
        out.to_broker(to.what.rank,
                      msg::IntroducePipeline{p.info, p.pipeliner, p.submitted_ns, p.history == nullptr, p.epoch});
    }
}

void Router::recall_if_unbalanced(Outbox& out) {
    const bool idle = std::any_of(brokers_.begin(), brokers_.end(), [&](const Broker& b) {
        return !b.lost && b.simple < b.what.slots && options_.hosts.reserved_cpus(b.what.host) == 0 &&
               !saving_[b.what.host].cpus;
    });
    if (!idle) return;
    Broker* busiest = nullptr;
    for (Broker& b : brokers_) {
        if (b.recalled || b.nothing_to_return || b.simple <= b.what.slots) continue;
        if (busiest == nullptr || b.simple - b.what.slots > busiest->simple - busiest->what.slots) busiest = &b;
    }
    if (busiest == nullptr) return;
    busiest->recalled = true;
    out.to_broker(busiest->what.rank, msg::Recall{(busiest->simple - busiest->what.slots + 1) / 2});
}

}  // namespace penstock
