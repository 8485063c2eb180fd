// A rank was lost: what has not started of its pipelines is dropped, and nothing is told until everybody knows again
// how far they are.
#include "core/broker.hpp"

#include <algorithm>

namespace penstock {

void Broker::on(const msg::Withdraw& m, std::uint32_t, Outbox& out) {
    msg::Withdrawn answer{m.pipeline, m.epoch, {}, {}};
    send_ended(out);
    const auto at = pipelines_.find(m.pipeline);
    if (at == pipelines_.end()) {  // forgotten, but perhaps not durable
        withdrawals_.push_back({std::move(answer), records_});
        host_.flush();
        return;
    }
    Pipeline& p = at->second;
    p.epoch = m.epoch;
    p.pipeliner = m.pipeliner;
    p.follows = false;
    p.withheld = true;
    take_back_all();
    drop_queued(p);
    drop_waiting(p);
    if (p.context->plan->is_stream()) {
        p.abandoned = true;
        host_.abandon_stream(m.pipeline);
    } else {
        answer.running = running_of(p);
        answer.held = host_.held(m.pipeline);
    }
    std::erase_if(withdrawals_, [&](const Withdrawal& w) { return w.answer.pipeline == m.pipeline; });
    withdrawals_.push_back({std::move(answer), records_});
    host_.flush();
}

void Broker::take_back_all() {
    for (std::uint32_t lane = 0; lane < slots_; ++lane)
        if (lanes_[lane].in_hand != 0) unqueue(lane);
}

void Broker::drop_queued(const Pipeline& p) {
    std::erase_if(queue_, [&](Queued& q) {
        if (q.pipeline != &p) return false;
        queued_jobs_ -= q.what.jobs.count;
        q.pipeline->in_hand -= q.what.jobs.count;
        if (q.ticket != 0) {
            host_.forget_inputs(q.ticket);
            drop(q.ticket);
        }
        return true;
    });
}

void Broker::drop_waiting(const Pipeline& p) {
    for (std::uint32_t index = 0; index < tickets_.size(); ++index) {
        Ticketed& t = tickets_[index];
        if (!t.used || t.pipeline != &p || !t.waits_for_inputs) continue;
        const std::uint64_t ticket = static_cast<std::uint64_t>(t.generation) << 32 | (index + 1);
        --waiting_for_inputs_;
        --t.pipeline->in_hand;
        host_.forget_inputs(ticket);
        drop(ticket);
    }
}

// What lanes have, and what has ended since an earlier Withdraw and was not told.
std::vector<JobRun> Broker::running_of(const Pipeline& p) const {
    const PipelineId id = p.context->info.id;
    std::vector<JobRun> jobs;
    for (const Ticketed& t : tickets_)
        if (t.used && t.pipeline == &p && t.lane != kNoLane) jobs.push_back({id, JobIndex(t.job), 1});
    for (const RouterMessage& m : p.later) {
        if (const auto* ended = std::get_if<msg::Ended>(&m)) jobs.push_back(ended->jobs);
        if (const auto* failed = std::get_if<msg::AttemptFailed>(&m)) jobs.push_back(failed->jobs);
    }
    std::sort(jobs.begin(), jobs.end(), [](const JobRun& a, const JobRun& b) { return a.first < b.first; });
    std::vector<JobRun> runs;
    for (const JobRun& job : jobs) {
        if (!runs.empty() && runs.back().first.value + runs.back().count == job.first.value)
            runs.back().count += job.count;
        else
            runs.push_back(job);
    }
    return runs;
}

void Broker::answer_withdrawals(Outbox& out) {
    std::erase_if(withdrawals_, [&](Withdrawal& w) {
        const auto at = pipelines_.find(w.answer.pipeline);
        const bool abandoned = at != pipelines_.end() && at->second.abandoned;
        if (abandoned && at->second.in_hand != 0) return false;
        if (abandoned) {
            at->second.abandoned = false;
            host_.forget(w.answer.pipeline);
            w.records = records_;  // of the attempts that ended just now
            host_.flush();
        }
        if (durable_ < w.records) return false;
        out.to_router(std::move(w.answer));
        return true;
    });
}

void Broker::on(const msg::Continue& m, std::uint32_t, Outbox& out) {
    const auto at = pipelines_.find(m.pipeline);
    if (at == pipelines_.end() || at->second.epoch != m.epoch) {
        ++ignored_;
        return;
    }
    send_ended(out);
    at->second.withheld = false;
    for (RouterMessage& told : std::exchange(at->second.later, {})) send(at->second, std::move(told), out);
}

void Broker::tell(Pipeline& p, RouterMessage m, Outbox& out) {
    if (p.withheld)
        p.later.push_back(std::move(m));
    else
        send(p, std::move(m), out);
}

void Broker::send(const Pipeline& p, RouterMessage m, Outbox& out) {
    if (auto* ended = std::get_if<msg::Ended>(&m)) {
        ended->epoch = p.epoch;
        out.to_pipeliner(p.pipeliner, *ended);
    }
    out.to_router(std::move(m));
}

// After the Ended of that record.
void Broker::refused(msg::Refused refused, Outbox& out) {
    const auto at = pipelines_.find(refused.jobs.pipeline);
    const bool untold = at != pipelines_.end() &&
                        std::any_of(at->second.later.begin(), at->second.later.end(), [&](const RouterMessage& m) {
                            const auto* ended = std::get_if<msg::Ended>(&m);
                            return ended != nullptr && refused.jobs.first >= ended->jobs.first &&
                                   refused.jobs.first.value - ended->jobs.first.value < ended->jobs.count;
                        });
    if (untold)
        at->second.later.push_back(std::move(refused));
    else
        out.to_router(std::move(refused));
}

}  // namespace penstock
