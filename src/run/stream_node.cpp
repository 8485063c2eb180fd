#include "run/stream_node.hpp"

#include "run/clock.hpp"

#include <algorithm>

namespace penstock {

namespace {
constexpr Nanoseconds kOverdueInterval = 10'000'000;  // between looks for items whose time is up
constexpr Nanoseconds kProgressInterval = 250'000'000;
// A stream that goes on makes again what it made within so long, and what was on its way.
constexpr Nanoseconds kMarkInterval = 500'000'000;
}  // namespace

StreamNode::Stream* StreamNode::stream(PipelineId id) {
    const auto at = streams_.find(id);
    return at == streams_.end() ? nullptr : &at->second;
}

StreamNode::Entry* StreamNode::entry(PipelineId id, JobIndex job) {
    Stream* s = stream(id);
    if (s == nullptr) return nullptr;
    const auto at = s->jobs.find(job);
    return at == s->jobs.end() || at->second.ended ? nullptr : &at->second;
}

bool StreamNode::has_ended(PipelineId id, JobIndex job) {
    const Stream* s = stream(id);
    if (s == nullptr) return false;
    const auto at = s->jobs.find(job);
    return at != s->jobs.end() && at->second.ended;
}

void StreamNode::look_at(PipelineId id, JobIndex job, Entry& e) {
    if (std::exchange(e.waits, true)) return;
    waiting_.emplace_back(id, job);
}

void StreamNode::look_at_all(Stream& s) {
    for (auto& [index, e] : s.jobs) look_at(s.id, index, e);
}

// ------------------------------------------------------------------------------------------ beginning and stopping

void StreamNode::on(const msg::PlaceStream& m, std::uint32_t, Outbox&) {
    Stream& s = streams_[m.pipeline];
    s.id = m.pipeline;
    s.ranks = m.ranks;
    s.epoch = m.epoch;
    s.marks = m.marks;
    s.from = m.from;
    s.expected = static_cast<std::uint32_t>(std::count(m.ranks.begin(), m.ranks.end(), rank_));
}

void StreamNode::start(std::uint32_t lane, JobStart start) {
    const PipelineId id = start.pipeline->info.id;
    Stream& s = streams_[id];
    auto job = std::make_unique<StageJob>(std::move(start), lane, s.from, clock_);
    timeouts_ |= job->job().timeout_s > 0;
    const JobIndex index = job->index();
    Entry& e = s.jobs[index];
    e.job = std::move(job);
    e.started = clock_();
    if (s.from != nullptr)
        if (const auto stored = s.from->stored.find(index.value); stored != s.from->stored.end())
            e.stored = stored->second.items;
    look_at(id, index, e);
}

void StreamNode::on(const msg::OpenStream& m, std::uint32_t, Outbox& out) {
    Stream* s = stream(m.pipeline);
    if (s == nullptr) {
        ++ignored_;
        return;
    }
    s->open = true;
    look_at_all(*s);
    for (const auto& [index, e] : s->jobs)
        if (s->marks && !e.ended && e.job->stage().from.empty())
            e.job->out().put_marks(s->from == nullptr ? 0 : s->from->items);
    // The driver function learns where its items go.
    for (const auto& [index, e] : s->jobs)
        if (!e.ended && e.job->stage().role == Stage::Role::input)
            out.to_broker(kDriverRank, msg::StreamTaken{m.pipeline, kDriver, index, 0, 0, -1, s->epoch});
}

// Stages behind the one that failed get what was made before, and are told that it is not all; its other workers do
// what they have. Everything else stops.
void StreamNode::on(const msg::StopStream& m, std::uint32_t, Outbox&) {
    Stream* s = stream(m.pipeline);
    if (s == nullptr) return;
    s->stop_told = true;
    s->stopped = m.reason;
    s->closed = m.closed;
    s->run_ends = !m.failed && !m.closed;
    for (auto& [index, e] : s->jobs) {
        if (e.ended) continue;
        const Plan& plan = *e.job->start().pipeline->plan;
        e.broke = e.job->failure().has_value();
        look_at(m.pipeline, index, e);
        if (m.failed && goes_on(plan, e.job->start().job, plan.template_of(m.cause))) continue;
        e.cancelled = true;
        e.job->stop();
        for (const std::uint64_t ticket : e.job->tickets()) host_.cancel(e.job->lane(), ticket, EndReason::cancelled);
    }
}

void StreamNode::abandon(PipelineId id, Outbox& out) {
    on(msg::StopStream{id, false, {}, "a rank was lost", false}, 0, out);
}

bool StreamNode::goes_on(const Plan& plan, TemplateIndex stage, TemplateIndex failed) {
    return (stage == failed && !plan.stages[stage.value].from.empty()) || behind(plan, stage, failed);
}

// Whether items of `failed` reach `stage`.
bool StreamNode::behind(const Plan& plan, TemplateIndex stage, TemplateIndex failed) {
    const auto& from = plan.stages[stage.value].from;
    return std::any_of(from.begin(), from.end(),
                       [&](TemplateIndex f) { return f == failed || behind(plan, f, failed); });
}

// ------------------------------------------------------------------------------------------ items

// Not from before a rank was lost and the stream started again.
template <class Message>
bool StreamNode::of_now(const Message& m) {
    const Stream* s = stream(m.pipeline);
    if (s == nullptr || s->epoch == m.epoch) return true;
    ++ignored_;
    return false;
}

void StreamNode::on(const msg::StreamItems& m, std::uint32_t, Outbox& out) {
    if (!of_now(m)) return;
    Entry* e = entry(m.pipeline, m.to);
    if (e == nullptr && has_ended(m.pipeline, m.to)) {  // whoever sends them must be able to end too
        give_back(*stream(m.pipeline), m.to, {m.from, m.items->count(), m.items->bytes.size()}, -1, out);
        return;
    }
    if (e == nullptr || !e->job->in().push(m.from, {m.batch, m.last, m.items, m.first, m.mark})) {
        ++ignored_;
        return;
    }
    look_at(m.pipeline, m.to, *e);
}

void StreamNode::on(const msg::StreamEnd& m, std::uint32_t, Outbox&) {
    if (!of_now(m)) return;
    Entry* e = entry(m.pipeline, m.to);
    if (e == nullptr && has_ended(m.pipeline, m.to)) return;  // it needed no more of that
    if (e == nullptr || !e->job->in().end(m.from, m.items, m.failed)) {
        ++ignored_;
        return;
    }
    look_at(m.pipeline, m.to, *e);
}

void StreamNode::on(const msg::StreamTaken& m, std::uint32_t, Outbox&) {
    if (!of_now(m)) return;
    Entry* e = entry(m.pipeline, m.from);
    if (e == nullptr) return;  // it has ended: nobody needs the credit
    if (!e->job->out().taken(m.to, m.items, m.bytes, m.each_ns)) {
        ++ignored_;
        return;
    }
    look_at(m.pipeline, m.from, *e);
}

bool StreamNode::take(Outcome& outcome) {
    if ((outcome.ticket & kStreamTicket) == 0) return false;
    const auto at = tickets_.find(outcome.ticket);
    if (at == tickets_.end()) return true;
    const auto [id, job] = at->second;
    tickets_.erase(at);
    if (Entry* e = entry(id, job)) {
        e->job->take(outcome);
        wakes_ |= e->job->wants_to_wake();
        look_at(id, job, *e);
    }
    return true;
}

// ------------------------------------------------------------------------------------------ going on

bool StreamNode::work(Outbox& out, std::vector<Outcome>& ended) {
    if (timeouts_ || wakes_) {
        const Nanoseconds now = clock_();
        if (now >= next_overdue_) {
            next_overdue_ = now + kOverdueInterval;
            for (auto& [id, s] : streams_)
                for (auto& [index, e] : s.jobs) {
                    if (e.ended) continue;
                    if (const auto late = e.job->overdue(now)) host_.cancel(e.job->lane(), *late, EndReason::timeout);
                    if (e.job->is_to_wake(now)) look_at(id, index, e);
                }
        }
    }
    if (!streams_.empty()) {
        put_marks();
        tell_progress(out);
        tell_durable_marks(out);
    }
    bool any = false;
    for (const auto& [id, job] : std::exchange(waiting_, {})) {
        Entry* e = entry(id, job);
        if (e == nullptr) continue;
        e->waits = false;
        if (e->stalled && !e->cancelled && !host_.may_store()) {  // the writer wakes the pump: nothing to spin for
            look_at(id, job, *e);
            continue;
        }
        any = true;
        advance(*stream(id), *e, out, ended);
    }
    return any;
}

void StreamNode::advance(Stream& s, Entry& e, Outbox& out, std::vector<Outcome>& ended) {
    StageJob& job = *e.job;
    if (s.expected != 0 && s.jobs.size() == s.expected) {
        s.expected = 0;
        out.to_router(msg::StreamReady{s.id});
    }
    e.stalled = false;
    send(s, job, out);  // first: a job with something to send is given nothing to do
    switch (job.stage().role) {
        case Stage::Role::worker:
            if (!e.cancelled) keep_lane_busy(s, e, out);
            break;
        case Stage::Role::order:
        case Stage::Role::input:
            put_in_order(s, job, out);
            break;
        case Stage::Role::sample:
            pass_some_on(s, job, out);
            break;
        case Stage::Role::buffer:
            if (!e.cancelled && !job.failure()) keep(s, e, out);
            break;
        case Stage::Role::results:
            e.stalled = !e.cancelled && store(s, e, out);
            break;
    }
    send(s, job, out);
    give_back(s, job, out);
    for (const auto& of : job.in().drop_behind_gaps()) {
        give_back(s, job.index(), of, -1, out);
        look_at(s.id, job.index(), e);  // what is dropped may have been waited for
    }
    tell_marks(s, job, out);
    job.note_state(s.open, e.stalled);
    if (e.stalled) look_at(s.id, job.index(), e);
    end(s, e, out, ended);
}

// What needs no lane (a mark, the end of a batch) leaves at once, and makes room for what is behind it.
void StreamNode::keep_lane_busy(Stream& s, Entry& e, Outbox& out) {
    StageJob& job = *e.job;
    bool was_full = false;
    do {
        while (auto ticket = job.next(s.open, next_ticket_)) {
            tickets_[next_ticket_++] = {s.id, job.index()};
            host_.run(job.lane(), std::move(*ticket));
        }
        was_full = job.out().full();
        send(s, job, out);
    } while (was_full && !job.out().full());
}

void StreamNode::put_in_order(Stream& s, StageJob& job, Outbox& out) {
    while (!job.out().full()) {
        auto work = job.in().pop();
        if (!work) return;
        if (work->batch.mark != 0) {
            job.out().add_mark(work->batch.mark, 0);
            send(s, job, out);
            continue;
        }
        StreamItemsPtr items = work->batch.items;
        if (work->zipped > 1) items = std::make_shared<const StreamItems>(zipped(*items, work->zipped));
        job.passed_on(*work);
        job.out().add(std::move(items), 0, true);
        send(s, job, out);
    }
}

void StreamNode::pass_some_on(Stream& s, StageJob& job, Outbox& out) {
    while (!job.out().full()) {
        auto work = job.in().pop();
        if (!work) return;
        if (work->zipped > 1)
            work->batch.items = std::make_shared<const StreamItems>(zipped(*work->batch.items, work->zipped));
        job.pass_some_on(*work);
        send(s, job, out);
    }
}

// Takes all there is: whoever sends it must not wait for what the merge behind this buffer waits for.
void StreamNode::keep(Stream& s, Entry& e, Outbox& out) try {
    StageJob& job = *e.job;
    if (e.kept == nullptr) e.kept = std::make_unique<ItemSpool>(spill_folder_, kKept);
    while (auto work = job.in().pop()) {
        job.passed_on(*work);
        if (e.kept->empty() && !job.out().full()) {
            job.out().add(std::move(work->batch.items), 0, true);
            send(s, job, out);
        } else {
            e.kept->push(std::move(work->batch.items));
        }
    }
    while (!e.kept->empty() && !job.out().full()) {
        job.out().add(e.kept->pop().load(), 0, true);
        send(s, job, out);
    }
} catch (const std::runtime_error& error) {
    e.kept.reset();
    e.job->fail(EndReason::store, error.what());
}

// True when there may be more to store, but not now.
bool StreamNode::store(Stream& s, Entry& e, Outbox& out) {
    StageJob& job = *e.job;
    const Plan& plan = *job.start().pipeline->plan;
    const JobTemplate& stage = plan.templates[job.stage().from.front().value];
    const bool stored = job.stage().stored, delivered = job.stage().delivered;
    if (stored && !std::exchange(e.stores, true)) host_.store(job.start().pipeline, stage, s.attempt(), e.stored, {});
    for (;;) {
        if (job.out().full()) return false;  // credit will come
        if (stored && !host_.may_store()) return true;
        auto work = job.in().pop();
        if (!work) return false;
        if (work->batch.mark != 0) {
            e.marks.push_back({work->batch.mark, e.stored, host_.stored()});
            ++marks_waiting_;
            continue;
        }
        const std::size_t n = work->batch.items->count();
        if (n != 0 && stored) host_.store(job.start().pipeline, stage, s.attempt(), e.stored, *work->batch.items);
        e.stored += n;
        job.passed_on(*work);
        if (delivered) {
            job.out().add(work->batch.items, 0, true);
            send(s, job, out);
        }
    }
}

std::uint32_t StreamNode::rank_of(const Stream& s, JobIndex job) {
    return job == kDriver ? kDriverRank : s.ranks[job.value];
}

void StreamNode::send(Stream& s, StageJob& job, Outbox& out) {
    for (StreamOutput::Sent& sent : job.out().take_sendable())
        out.to_broker(rank_of(s, sent.to), msg::StreamItems{s.id, job.index(), sent.to, sent.batch, sent.last,
                                                            std::move(sent.items), sent.first, s.epoch, sent.mark});
}

void StreamNode::give_back(Stream& s, StageJob& job, Outbox& out) {
    for (const auto& of : job.take_done()) give_back(s, job.index(), of, job.each_ns(), out);
}

void StreamNode::give_back(Stream& s, JobIndex job, const StreamInput::Work::Of& of, Nanoseconds each, Outbox& out) {
    if (of.from == kDriver || of.from.value < s.ranks.size())
        out.to_broker(rank_of(s, of.from), msg::StreamTaken{s.id, of.from, job, of.items, of.bytes, each, s.epoch});
}

// ------------------------------------------------------------------------------------------ how far it is

void StreamNode::tell_progress(Outbox& out) {
    const Nanoseconds now = clock_();
    if (now < next_progress_) return;
    next_progress_ = now + kProgressInterval;
    for (auto& [id, s] : streams_)
        for (auto& [index, e] : s.jobs) {
            if (e.ended || e.job->items_moved() == e.told) continue;
            tell_counts(s, e, e.job->counts(), out);
        }
}

void StreamNode::tell_counts(const Stream& s, Entry& e, StageCounts counts, Outbox& out) {
    if (e.job->stage().role == Stage::Role::order || e.job->stage().role == Stage::Role::buffer) return;
    if (e.job->stage().role == Stage::Role::results) counts.items_out = e.stored;
    e.told = e.job->items_moved();
    out.to_router(msg::StageProgress{s.id, e.job->index(), counts});
}

// ------------------------------------------------------------------------------------------ where it could go on

void StreamNode::put_marks() {
    const Nanoseconds now = clock_();
    if (now < next_marks_) return;
    next_marks_ = now + kMarkInterval;
    for (auto& [id, s] : streams_)
        for (auto& [index, e] : s.jobs) {
            if (!s.marks || e.ended || !e.job->stage().from.empty()) continue;
            e.job->out().put_mark();
            look_at(id, index, e);
        }
}

void StreamNode::tell_marks(const Stream& s, StageJob& job, Outbox& out) {
    for (StageJob::Reached& reached : job.take_reached())
        out.to_router(msg::StreamReached{s.id, job.index(), s.epoch, reached.mark, false, 0, std::move(reached.state)});
}

void StreamNode::tell_durable_marks(Outbox& out) {
    if (marks_waiting_ == 0) return;
    const std::uint64_t durable = host_.durable();
    marks_waiting_ = 0;
    for (auto& [id, s] : streams_)
        for (auto& [index, e] : s.jobs) {
            for (; !e.marks.empty() && e.marks.front().calls <= durable; e.marks.pop_front())
                out.to_router(
                    msg::StreamReached{id, index, s.epoch, e.marks.front().mark, true, e.marks.front().items, {}});
            marks_waiting_ += e.marks.size();
        }
}

// ------------------------------------------------------------------------------------------ the end

void StreamNode::end(Stream& s, Entry& e, Outbox& out, std::vector<Outcome>& ended) {
    StageJob& job = *e.job;
    if (e.cancelled || job.failure()) {
        if (!job.tickets().empty()) return;  // their outcomes are still to come
        // What was made before is sent first; but a buffer that has lost some must not wait for the merge behind it.
        const bool lost = job.stage().role == Stage::Role::buffer;
        if (job.failure() && job.out().full() && !e.cancelled && !lost) return;
        job.out().drop();
    } else if (!job.finished() || job.out().full() || (job.in().failed() && !s.stop_told) ||
               (e.kept != nullptr && !e.kept->empty())) {
        return;
    }
    // What was stopped on purpose has not failed, whatever that made of its worker.
    const bool incomplete = e.cancelled || job.failure() || job.in().failed();
    for (const StreamOutput::Total& total : job.out().totals())
        out.to_broker(rank_of(s, total.to),
                      msg::StreamEnd{s.id, job.index(), total.to, total.items, incomplete, s.epoch});
    for (const auto& of : job.in().drop_rest()) give_back(s, job.index(), of, -1, out);
    tell_counts(s, e, job.counts(), out);
    Outcome outcome;
    outcome.ticket = job.start().ticket;
    outcome.started = e.started;
    outcome.finished = clock_();
    outcome.lane = job.lane();
    const bool closed = s.closed && !e.broke;
    outcome.succeeded = closed || (!incomplete && job.in().damage().empty());
    std::string log = job.skipped_text();
    if (closed && incomplete) log += "the driver function stopped the stream before its end\n";
    outcome.details = std::make_unique<OutcomeDetails>();
    outcome.details->log = std::move(log);
    outcome.details->cpu_s = job.cpu_s();
    outcome.details->peak_memory_bytes = job.peak_memory_bytes();
    if (!outcome.succeeded) {
        outcome.details->reason = job.failure() ? job.failure_reason() : EndReason::cancelled;
        outcome.details->error =
            job.failure() ? *job.failure()
            : !job.in().damage().empty() && !incomplete
                ? "items were lost: " + job.in().damage() + "; this is a bug of Penstock"
                : "the stream was stopped: " + (s.stopped.empty() ? "a stage before this one failed" : s.stopped);
    }
    ended.push_back(std::move(outcome));
    e.ended = true;
    e.kept.reset();
    // What is at other lanes of this broker is told by them.
    e.job.reset();
}

}  // namespace penstock
