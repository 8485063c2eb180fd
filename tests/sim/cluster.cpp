#include "sim/cluster.hpp"

#include "sim/faults.hpp"

#include <algorithm>

namespace penstock::sim {

Cluster::Cluster(const Scenario& s, Disk& disk, std::vector<std::unique_ptr<Checker>> checkers, Transcript transcript)
    : world_(s, disk, std::move(checkers)), transcript_(std::move(transcript)), ranks_(s.ranks) {
    ranks_[0].router = std::make_unique<SimRouter>(world_, [this] { wake(0); });
    for (const std::uint32_t rank : s.pipeliners) ranks_[rank].pipeliner = std::make_unique<Pipeliner>();
    for (const BrokerDescription& b : s.brokers)
        ranks_[b.rank].broker = std::make_unique<SimBroker>(world_, b, [this, rank = b.rank] { wake(rank); });
    if (s.drain_at) world_.at(*s.drain_at, [this] { ranks_[0].router->drain(); });
    if (s.end_now_at) world_.at(*s.end_now_at, [this] { ranks_[0].router->end_now(); });
    if (s.store_fails_at) {
        const std::uint32_t victim = s.brokers[world_.random().below(s.brokers.size())].rank;
        world_.at(*s.store_fails_at, [this, victim] { ranks_[victim].broker->break_store(); });
    }
    for (const Stop& stop : s.stops)
        world_.at(stop.at, [this, stop] { ranks_[stop.rank].stopped_until = world_.now() + stop.length; });
    if (!s.deaths.empty() && ranks_[0].pipeliner == nullptr) ranks_[0].pipeliner = std::make_unique<Pipeliner>();
    for (const Death& death : s.deaths) plan_death(death);
    for (auto& [writer, rows] : disk.take_late())
        world_.after(world_.random().time(1000, 500'000'000),
                     [&disk, w = writer, late = std::move(rows)] { disk.add(w, late); });
}

bool Cluster::run() {
    // Far more than any run here needs; one that does not end would go on forever.
    const Scenario& s = world_.scenario();
    const std::uint64_t most = 20'000 + 600ull * s.jobs + (s.streams.empty() ? 0 : 300'000 * s.submissions.size());
    std::uint64_t steps = 0;
    const std::optional<Nanoseconds> killed_at = world_.scenario().killed_at;
    while (!finished()) {
        if (killed_at && world_.next() && *world_.next() >= *killed_at) {
            kill();
            return false;
        }
        if (!world_.step()) throw Violation("liveness", "nothing is left to happen, but " + unfinished());
        if (++steps > most) throw Violation("liveness", "after " + std::to_string(steps) + " steps " + unfinished());
    }
    while (world_.step()) {  // what is still on its way
    }
    world_.tell([this](Checker& c) { c.finished(*this); });
    return true;
}

void Cluster::kill() {
    for (const Rank& r : ranks_) {
        if (r.router != nullptr) r.router->kill();
        if (r.broker != nullptr) r.broker->kill();
    }
}

void Cluster::plan_death(const Death& death) {
    world_.at(death.at, [this, death] {
        if (finished()) return;
        if (death.back_after == 0) {
            die(death.rank);
        } else {
            ranks_[death.rank].stopped_until = world_.now() + death.back_after;
            // It is told to leave when it speaks.
            world_.after(death.back_after + world_.random().time(1000, 1'000'000'000),
                         [this, rank = death.rank] { die(rank); });
        }
        world_.after(death.noticed_after, [this, rank = death.rank] {
            to_lose_.push_back(rank);
            wake(0);
        });
    });
}

void Cluster::die(std::uint32_t rank) {
    Rank& r = ranks_[rank];
    if (std::exchange(r.dead, true)) return;
    if (r.broker != nullptr) r.broker->kill();
    r.inbox.clear();
}

// In a turn of rank 0, which may have heard of other things in the same one.
void Cluster::lose(std::uint32_t rank, Outbox& out) {
    if (std::exchange(ranks_[rank].lost, true)) return;
    const Fault fault = world_.scenario().fault;
    if (fault != Fault::unfenced_zombie) world_.disk().fence(Disk::Writer{world_.scenario().launch, rank});
    world_.tell([&](Checker& c) { c.rank_lost(rank); });
    ranks_[0].router->lose(rank, out);
}

bool Cluster::finished() const {
    return std::all_of(ranks_.begin(), ranks_.end(), [](const Rank& r) {
        if (r.dead || r.lost) return true;
        return (r.router == nullptr || r.router->finished()) && (r.broker == nullptr || r.broker->finished()) &&
               (r.pipeliner == nullptr || r.pipeliner->stopped());
    });
}

std::string Cluster::unfinished() const {
    const RouterCounts& c = router().router().counts();
    std::string text = std::to_string(c.jobs - c.ended()) + " jobs have not ended, " + std::to_string(c.assigned) +
                       " are assigned, " + std::to_string(c.pipelines - c.pipelines_over) + " pipelines are not over";
    for (const Rank& r : ranks_)
        if (r.broker != nullptr && !r.lost && !r.broker->finished()) text += "; a broker has not ended";
    return text;
}

std::vector<const Pipeliner*> Cluster::pipeliners() const {
    std::vector<const Pipeliner*> all;
    for (const Rank& r : ranks_)
        if (r.pipeliner != nullptr) all.push_back(r.pipeliner.get());
    return all;
}

std::vector<const SimBroker*> Cluster::brokers() const {
    std::vector<const SimBroker*> all;
    for (const Rank& r : ranks_)
        if (r.broker != nullptr) all.push_back(r.broker.get());
    return all;
}

// ------------------------------------------------------------------------------------------ the pump of each rank

void Cluster::wake(std::uint32_t rank) {
    if (ranks_[rank].turn_planned) return;
    ranks_[rank].turn_planned = true;
    world_.after(world_.random().time(100, 50'000), [this, rank] { turn(rank); });
}

void Cluster::turn(std::uint32_t rank) {
    Rank& r = ranks_[rank];
    if (r.dead) return;
    if (r.stopped_until > world_.now()) {
        world_.at(r.stopped_until, [this, rank] { turn(rank); });
        return;
    }
    r.turn_planned = false;
    Outbox out(rank);
    // A turn takes what has arrived, or a part of it.
    for (std::uint32_t frames = world_.random().between(1, 8); frames != 0 && !r.inbox.empty(); --frames) {
        const Frame frame = std::move(r.inbox.front());
        r.inbox.pop_front();
        for (const Envelope& e : frame) dispatch(rank, e, out);
    }
    if (rank == 0)
        for (const std::uint32_t lost : std::exchange(to_lose_, {})) lose(lost, out);
    if (r.router != nullptr) r.router->turn(out);
    if (r.broker != nullptr) r.broker->turn(out);
    post(out);
    if (r.router != nullptr) world_.tell([](Checker& c) { c.handed_out(); });
    if (!r.inbox.empty()) wake(rank);
}

void Cluster::dispatch(std::uint32_t rank, const Envelope& original, Outbox& out) {
    Envelope e = original;
    if (world_.scenario().fault == Fault::stale_ends) make_current(e, epochs_);
    if (world_.scenario().fault == Fault::old_epochs) make_items_current(e, epochs_);
    Rank& r = ranks_[rank];
    if (rank == 0 && ranks_[e.from].lost && world_.scenario().fault != Fault::heard_zombie) return;
    if (transcript_) transcript_(world_.now(), e);
    told_of(e, [&](Checker& c) { c.received(e); });
    if (const auto* to_router = std::get_if<RouterMessage>(&e.message)) {
        if (r.router == nullptr) throw Violation("cluster", "no router there: " + describe(e));
        r.router->on(*to_router, e.from, out);
    } else if (const auto* to_pipeliner = std::get_if<PipelinerMessage>(&e.message)) {
        if (r.pipeliner == nullptr) throw Violation("cluster", "no pipeliner there: " + describe(e));
        std::visit([&](const auto& m) { r.pipeliner->on(m, e.from, out); }, *to_pipeliner);
    } else {
        if (r.broker == nullptr) throw Violation("cluster", "no broker there: " + describe(e));
        r.broker->on(std::get<BrokerMessage>(e.message), e.from, out);
    }
}

// What is said of the jobs of a stream concerns those checkers only that see streams.
template <class F>
void Cluster::told_of(const Envelope& e, F&& f) {
    const auto pipeline = std::visit(
        [](const auto& inbox) {
            return std::visit(
                []<class M>(const M& m) {
                    if constexpr (requires { m.jobs.pipeline; })
                        return std::optional(m.jobs.pipeline);
                    else
                        return std::optional<PipelineId>();
                },
                inbox);
        },
        e.message);
    if (pipeline)
        world_.tell_of(*pipeline, std::forward<F>(f));
    else
        world_.tell(std::forward<F>(f));
}

// There are as many of these as items ask for.
bool Cluster::is_of_items(const Envelope& e) {
    if (const auto* m = std::get_if<RouterMessage>(&e.message))
        return std::holds_alternative<msg::StageProgress>(*m) || std::holds_alternative<msg::StreamReached>(*m);
    const auto* m = std::get_if<BrokerMessage>(&e.message);
    return m != nullptr && (std::holds_alternative<msg::StreamItems>(*m) ||
                            std::holds_alternative<msg::StreamTaken>(*m) || std::holds_alternative<msg::StreamEnd>(*m));
}

// ------------------------------------------------------------------------------------------ links

void Cluster::post(Outbox& out) {
    std::map<std::uint32_t, Frame> frames;
    for (Envelope& e : out.take()) {
        if (e.to >= ranks_.size()) throw Violation("cluster", "no such rank: " + describe(e));
        if (!is_of_items(e)) ++messages_;
        note_skips(e);
        told_of(e, [&](Checker& c) { c.sent(e); });
        frames[e.to].push_back(std::move(e));
    }
    for (auto& [to, frame] : frames) {
        const std::uint32_t from = frame.front().from;
        spoil(world_.scenario().fault, frame, world_.random(), fault_done_);
        deliver(from, to, std::move(frame));
    }
}

void Cluster::deliver(std::uint32_t from, std::uint32_t to, Frame frame) {
    Nanoseconds& last = last_arrival_[{from, to}];
    const Nanoseconds arrival = world_.now() + world_.random().time(500, world_.scenario().longest_delay);
    const bool in_order = world_.scenario().fault != Fault::reordered_link;
    last = in_order ? std::max(last, arrival) : arrival;
    world_.at(last, [this, to, moved = std::move(frame)]() mutable {
        if (ranks_[to].dead) return;
        ranks_[to].inbox.push_back(std::move(moved));
        wake(to);
    });
}

// A job is skipped at the moment its pipeliner says so.
void Cluster::note_skips(const Envelope& e) {
    const auto* to_router = std::get_if<RouterMessage>(&e.message);
    const auto* m = to_router == nullptr ? nullptr : std::get_if<msg::Skipped>(to_router);
    if (m == nullptr) return;
    for (std::uint32_t i = 0; i < m->jobs.count; ++i)
        world_.skip({m->jobs.pipeline, m->jobs.first.value + i}, m->cause.value);
}

}  // namespace penstock::sim
