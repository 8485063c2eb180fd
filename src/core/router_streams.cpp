// Where the stages of a stream run. All of its jobs run at once: they are placed together or not at all.
#include "core/router.hpp"
#include "core/stream_places.hpp"

#include <algorithm>
#include <map>

namespace penstock {

// In order of submission: a stream that needs more CPUs than are free is not overtaken by later ones, nor for ever by
// jobs.
void Router::place_streams(Outbox& out) {
    while (!streams_.empty()) {
        const PipelineId id = streams_.front();
        Pipeline* p = pipeline(id);
        if (p != nullptr && p->stream && !p->stream->placed && !place_stream(id, *p, out))
            return save_up_for_stream(id, *p->plan->plan);
        streams_.pop_front();
    }
}

bool Router::place_stream(PipelineId id, Pipeline& p, Outbox& out) {
    const Plan& plan = *p.plan->plan;
    const std::optional<std::vector<std::uint32_t>> brokers = reserve_for_stream(id, plan);
    if (!brokers) return false;
    wanted_by_.reset();
    p.stream->placed = true;
    if (options_.marks_streams && !why_it_begins_again(plan)) p.stream->marks = std::make_unique<StreamPositions>(plan);
    msg::PlaceStream places{id, {}, p.epoch, p.stream->marks != nullptr, p.stream->from};
    for (const std::uint32_t b : *brokers) places.ranks.push_back(brokers_[b].what.rank);
    for (std::uint32_t job = 0; job < plan.job_count; ++job) {
        Broker& b = brokers_[(*brokers)[job]];
        held_by_streams_.reserve(b.what.host, plan.templates[plan.template_of(JobIndex(job)).value].resources);
        const std::uint32_t attempt = p.history == nullptr ? 1 : p.history->attempts_of(job) + 1;
        const ReadyRun run{{id, JobIndex(job), 1}, plan.template_of(JobIndex(job)), attempt, msg::kNobody, true};
        if (p.stream->unready.insert(b.what.rank).second) {
            introduce(b, p, run, out);
            out.to_broker(b.what.rank, places);
        }
        assign(b, run, true, out);
    }
    if (p.stream->closed) close_stream(id, out);
    return true;
}

namespace {

// Where a stage is that only passes items on: with (the first of) what it puts together. That has its place already;
// what was added between the two may not.
std::uint32_t first_input(const Plan& plan, std::uint32_t stage) {
    std::uint32_t at = stage;
    do at = plan.stages[at].from.front().value;
    while (at > stage);
    return at;
}

}  // namespace

// Over all hosts. To look for places costs workers times brokers, which would be too much for every turn of a wait.
bool Router::are_free(std::uint64_t cpus) const {
    std::uint64_t free = 0;
    for (std::uint32_t host = 0; host < options_.hosts.hosts() && free < cpus; ++host) {
        const std::uint32_t has = options_.hosts.host(host).cpus;
        free += has - std::min(has, options_.hosts.reserved_cpus(host) + running_simple(host));
    }
    return free >= cpus;
}

// By job; what the jobs need is reserved. Nothing when it is not all free now. They are spread evenly where that can be
// done, else by what they need.
std::optional<std::vector<std::uint32_t>> Router::reserve_for_stream(PipelineId id, const Plan& plan) {
    std::uint64_t cpus = 0;
    for (const JobTemplate& job : plan.templates) cpus += std::uint64_t{job.resources.cpus} * job.count;
    if (!are_free(cpus)) return std::nullopt;
    if (auto evenly = reserve_for_stream(plan, {})) return evenly;
    const auto& hosts = hosts_wanted(id, plan);
    return hosts ? reserve_for_stream(plan, *hosts) : std::nullopt;
}

// Where the stream that waits could be if no jobs ran. It stays there until other streams have something else, so that
// these hosts become free for it.
const std::optional<std::vector<std::uint32_t>>& Router::hosts_wanted(PipelineId id, const Plan& plan) {
    if (wanted_by_ != id)
        hosts_wanted_ = hosts_for_stream(plan, held_by_streams_, [this](std::uint32_t host) {
            return brokers_of_host_[host].empty() ? std::nullopt : std::optional(0u);
        });
    wanted_by_ = id;
    return hosts_wanted_;
}

// `hosts`: of each job; empty = any.
std::optional<std::vector<std::uint32_t>> Router::reserve_for_stream(const Plan& plan,
                                                                     const std::vector<std::uint32_t>& hosts) {
    std::vector<std::uint32_t> chosen;
    std::vector<std::uint32_t> given(brokers_.size(), 0);  // workers of this stream, by broker
    for (std::uint32_t t = 0; t < plan.templates.size(); ++t) {
        const JobTemplate& job = plan.templates[t];
        for (std::uint32_t i = 0; i < job.count; ++i) {
            std::optional<std::uint32_t> b;
            if (plan.stages[t].role != Stage::Role::worker && !plan.stages[t].from.empty())
                b = chosen[plan.templates[first_input(plan, t)].first_job.value];
            else
                b = broker_for_stage(job.resources, given, hosts.empty() ? kAnyHost : hosts[chosen.size()]);
            if (!b) {
                for (std::uint32_t j = 0; j < chosen.size(); ++j)
                    options_.hosts.release(brokers_[chosen[j]].what.host,
                                           plan.templates[plan.template_of(JobIndex(j)).value].resources);
                return std::nullopt;
            }
            if (plan.stages[t].role == Stage::Role::worker) ++given[*b];
            options_.hosts.reserve(brokers_[*b].what.host, job.resources);
            chosen.push_back(*b);
        }
    }
    return chosen;
}

// The broker with the fewest workers of this stream for its slots, the first of those: consecutive stages run at
// consecutive brokers.
std::optional<std::uint32_t> Router::broker_for_stage(const Resources& wanted, const std::vector<std::uint32_t>& given,
                                                      std::uint32_t host) const {
    std::optional<std::uint32_t> best;
    for (std::uint32_t i = 0; i < brokers_.size(); ++i) {
        const BrokerDescription& what = brokers_[i].what;
        if (brokers_[i].lost || (host != kAnyHost && what.host != host)) continue;
        if (!needs_nothing(wanted) &&
            options_.hosts.fits(what.host, wanted, running_simple(what.host)) != HostLedger::Fit::now)
            continue;
        const auto load = [&](std::uint32_t b) { return static_cast<double>(given[b]) / brokers_[b].what.slots; };
        if (!best || load(i) < load(*best)) best = i;
    }
    return best;
}

// A stream that waits because jobs hold what it needs would wait as long as more of them come: of the hosts that it
// would have without them, those that have room for its part keep it, and the others give no more of what is short to
// others. While other streams hold it, which may be for long, jobs go on.
void Router::save_up_for_stream(PipelineId id, const Plan& plan) {
    const auto& hosts = hosts_wanted(id, plan);
    if (!hosts) return;
    for (const JobTemplate& t : plan.templates)
        for (std::uint32_t i = 0; i < t.count; ++i) {
            const std::uint32_t host = (*hosts)[t.first_job.value + i];
            if (host == kAnyHost) continue;
            const HostLedger::Fit fit = options_.hosts.fits(host, t.resources, running_simple(host));
            if (fit != HostLedger::Fit::now) {
                save(host, t.resources, fit);
                continue;
            }
            options_.hosts.reserve(host, t.resources);
            set_aside_.emplace_back(host, t.resources);
        }
}

void Router::on(const msg::StreamReady& m, std::uint32_t from, Outbox& out) {
    Pipeline* p = pipeline(m.pipeline);
    if (p == nullptr || !p->stream || p->stream->unready.erase(from) == 0) {
        ++counts_.ignored;
        return;
    }
    if (p->stream->unready.empty() && !p->stream->stopped)
        for (const std::uint32_t rank : p->brokers) out.to_broker(rank, msg::OpenStream{m.pipeline});
}

void Router::on(const msg::StageProgress& m, std::uint32_t, Outbox&) {
    const Pipeline* p = pipeline(m.pipeline);
    if (p == nullptr || !p->stream || !p->stream->placed || m.job.value >= p->plan->plan->job_count) {
        ++counts_.ignored;
        return;
    }
    events_.counted(m.pipeline, m.job, m.counts);
}

void Router::on(const msg::StreamReached& m, std::uint32_t from, Outbox&) {
    Pipeline* p = pipeline(m.pipeline);
    if (p == nullptr || !p->stream || p->stream->marks == nullptr || p->epoch != m.epoch || broker(from) == nullptr) {
        ++counts_.ignored;
        return;
    }
    const Plan& plan = *p->plan->plan;
    if (m.mark == 0 || m.job.value >= plan.job_count || !reports_marks(plan, plan.template_of(m.job))) {
        ++counts_.ignored;
        return;
    }
    const auto stored = m.stores ? std::optional(StreamPosition::Stored{m.items, m.epoch + 1}) : std::nullopt;
    auto reached = p->stream->marks->report(m.job, m.mark, stored, m.state);
    if (reached == nullptr) return;
    p->stream->from = reached;
    events_.reached(m.pipeline, reached);
}

bool Router::forget_position(PipelineId id) {
    Pipeline* p = pipeline(id);
    return p != nullptr && p->stream && std::exchange(p->stream->from, nullptr) != nullptr;
}

void Router::close_stream(PipelineId id, Outbox& out) {
    Pipeline* p = pipeline(id);
    if (p == nullptr || !p->stream) return;
    p->stream->closed = true;
    stop_stream(id, *p, {{}, false, {}, "the driver function wants no more of it", true}, out);
}

void Router::stop_stream(PipelineId id, Pipeline& p, msg::StopStream why, Outbox& out) {
    if (!p.stream->placed) return;
    // What goes on behind a failure ends only when everything has to.
    const bool cut_short = ending_ && !why.failed && !why.closed && p.stream->goes_on;
    if (std::exchange(p.stream->stopped, true) && !cut_short) return;
    p.stream->goes_on = why.failed;
    why.pipeline = id;
    for (const std::uint32_t rank : p.brokers) out.to_broker(rank, why);
}

}  // namespace penstock
