// Lanes: who runs what next, and what is given back.
#include "core/broker.hpp"

#include <algorithm>

namespace penstock {

void Broker::to_lane(std::uint32_t lane, std::uint64_t ticket, std::vector<JobStart>& starts) {
    Ticketed& t = *find(ticket);
    t.lane = lane;
    Lane& l = lanes_[lane];
    ++l.in_hand;
    ++in_lanes_;
    t.likely_ns = static_cast<float>(
        std::max(0.0, t.pipeline->plan->times.mean_ns(*t.pipeline->context->plan, TemplateIndex(t.job_template))));
    l.likely_ns += static_cast<double>(t.likely_ns);
    starts.push_back(start_of(ticket, t));
}

void Broker::start_reserved(std::uint64_t ticket) {
    const PastAttempts& past = find(ticket)->past;
    const std::uint32_t avoided = past.failed != 0 && past.broker == rank_ ? past.slot : kNoLane;
    std::uint32_t lane = slots_;
    while (lane < lanes_.size() && (lanes_[lane].in_hand != 0 || lane == avoided)) ++lane;
    if (lane == lanes_.size()) lanes_.push_back({.reserved = true});
    std::vector<JobStart> starts;
    to_lane(lane, ticket, starts);
    host_.start(lane, std::move(starts));
}

// How many of the next queued jobs this lane should take now.
std::uint32_t Broker::room(const Lane& lane, Queued& next) const {
    const double mean = next.pipeline->plan->times.mean_ns(*next.pipeline->context->plan, next.what.job);
    if (lane.in_hand == 0 && (mean < 0 || mean >= static_cast<double>(kLongJob))) return 1;
    if (mean < 0 || mean >= static_cast<double>(kLongJob)) return 0;
    const double time = static_cast<double>(kLaneHorizon) - lane.likely_ns;
    const double wanted = std::clamp(time / std::max(mean, 1.0), lane.in_hand < 2 ? 2.0 - lane.in_hand : 0.0,
                                     static_cast<double>(kMaxInLane - std::min(kMaxInLane, lane.in_hand)));
    // Refilling by ones would cost a hand-over a job: wait until the lane is half empty.
    if (lane.in_hand > 2 && wanted < lane.in_hand) return 0;
    return static_cast<std::uint32_t>(wanted);
}

// A job that failed in this lane goes to another that idles, when one does. False: there is nothing else for this one.
bool Broker::next_one_for(std::uint32_t lane) {
    constexpr std::size_t kLook = 16;  // entries of the queue
    const auto avoids = [&](const Queued& q) {
        return q.what.past.failed != 0 && q.what.past.slot == lane && q.what.past.broker == rank_;
    };
    if (!avoids(queue_.front())) return true;
    for (std::uint32_t other = 0; other < slots_; ++other) {
        if (other == lane || lanes_[other].in_hand != 0) continue;
        const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(kLook, queue_.size()));
        const auto fitting = std::find_if_not(queue_.begin(), end, avoids);
        if (fitting == end) return false;
        std::rotate(queue_.begin(), fitting, fitting + 1);
        return true;
    }
    return true;
}

bool Broker::fill_lane(std::uint32_t lane) {
    std::vector<JobStart> starts;
    std::uint64_t share = (queued_jobs_ + slots_ - 1) / slots_;  // the last jobs are spread over the lanes
    while (!queue_.empty() && share != 0) {
        if (!next_one_for(lane)) break;
        Queued& next = queue_.front();
        const auto n = static_cast<std::uint32_t>(
            std::min<std::uint64_t>({room(lanes_[lane], next), next.what.jobs.count, share}));
        if (n == 0) break;
        share -= n;
        queued_jobs_ -= n;
        if (next.ticket != 0) {
            to_lane(lane, next.ticket, starts);
            queue_.pop_front();
            continue;
        }
        if (starts.empty()) starts.reserve(n);  // once: one reserve a job would move all of them each time
        for (std::uint32_t i = 0; i < n; ++i)
            to_lane(lane, make_ticket(*next.pipeline, next.what, next.what.jobs.first.value + i), starts);
        next.what.jobs.first.value += n;
        next.what.jobs.count -= n;
        if (next.what.jobs.count == 0) queue_.pop_front();
    }
    if (starts.empty()) return false;
    host_.start(lane, std::move(starts));
    return true;
}

void Broker::fill_lanes() {
    if (!host_.may_start()) return;
    hand_out();
    while (queue_.empty() && unqueue_for_idle_lane()) hand_out();
}

// Idle lanes first.
void Broker::hand_out() {
    for (bool any = true; any && !queue_.empty();) {
        any = false;
        for (std::uint32_t lane = 0; lane < slots_ && !queue_.empty(); ++lane)
            if (lanes_[lane].in_hand == 0) any |= fill_lane(lane);
        for (std::uint32_t lane = 0; lane < slots_ && !queue_.empty(); ++lane) any |= fill_lane(lane);
    }
}

// Takes back what a lane has not started; it goes to the front of the queue. Returns how many.
std::uint32_t Broker::unqueue(std::uint32_t lane) {
    const std::vector<std::uint64_t> back = host_.take_back(lane);
    std::uint32_t taken = 0;
    for (auto ticket = back.rbegin(); ticket != back.rend(); ++ticket) {
        Ticketed* const found = find(*ticket);
        if (found == nullptr || found->lane != lane) {  // ended already, or given back before
            ++ignored_;
            continue;
        }
        Ticketed& t = *found;
        ++taken;
        t.lane = kNoLane;
        lanes_[lane].likely_ns = std::max(0.0, lanes_[lane].likely_ns - static_cast<double>(t.likely_ns));
        --lanes_[lane].in_hand;
        --in_lanes_;
        queue_.push_front({t.pipeline, assign_of(t), *ticket});
        ++queued_jobs_;
    }
    return taken;
}

// A lane idles while another holds jobs behind the one it runs: they are queued again, to be shared.
bool Broker::unqueue_for_idle_lane() {
    std::uint32_t fullest = 0;
    bool idle = false;
    for (std::uint32_t lane = 0; lane < slots_; ++lane) {
        idle |= lanes_[lane].in_hand == 0;
        if (lanes_[lane].in_hand > lanes_[fullest].in_hand) fullest = lane;
    }
    return idle && lanes_[fullest].in_hand > 1 && unqueue(fullest) != 0;
}

// ------------------------------------------------------------------------------------------ giving back

void Broker::on(const msg::Recall& m, std::uint32_t, Outbox& out) {
    draining_ |= m.count == kEverything;
    ending_ |= m.end_running;
    no_followers_ |= m.no_followers;
    owed_ = std::max(owed_, m.count);
    answer_recall(out);
}

// Returns what is owed, the latest first. When there is nothing but jobs whose inputs are on their way, the answer
// waits for those: "nothing" would have the router ask elsewhere, or again, while the job then sits here behind a long
// one.
void Broker::answer_recall(Outbox& out) {
    if (owed_ == 0) return;
    for (std::uint32_t lane = 0; lane < slots_ && queued_jobs_ < owed_; ++lane)
        if (lanes_[lane].in_hand > 1) unqueue(lane);
    if (queue_.empty() && waiting_for_inputs_ != 0) return;
    msg::Returned answer;
    std::uint32_t left = owed_;
    while (left != 0 && !queue_.empty()) {
        Queued& last = queue_.back();
        const std::uint32_t n = std::min(left, last.what.jobs.count);
        msg::Assign what = last.what;
        what.jobs.first.value += last.what.jobs.count - n;
        what.jobs.count = n;
        add_returned(answer, what);
        left -= n;
        queued_jobs_ -= n;
        last.pipeline->in_hand -= n;
        last.what.jobs.count -= n;
        if (last.ticket != 0) {
            host_.forget_inputs(last.ticket);
            drop(last.ticket);
        }
        if (last.what.jobs.count == 0) queue_.pop_back();
    }
    owed_ = draining_ && waiting_for_inputs_ != 0 ? kEverything : 0;
    send_ended(out);  // in the order it happened
    out.to_router(std::move(answer));
}

// Also what comes to a lane later: a reserved job whose inputs were on their way. Streams are stopped by StopStream.
void Broker::end_what_runs() {
    for (std::uint32_t i = 0; i < tickets_.size(); ++i) {
        Ticketed& t = tickets_[i];
        if (!t.used || t.lane == kNoLane || t.told_to_end || t.pipeline->context->plan->is_stream()) continue;
        t.told_to_end = true;
        host_.end_attempt(t.lane, static_cast<std::uint64_t>(t.generation) << 32 | (i + 1));
    }
}

// Jobs come one by one from the last: together they are a run again.
void Broker::add_returned(msg::Returned& answer, const msg::Assign& what) {
    if (!answer.items.empty()) {
        msg::Returned::Item& after = answer.items.back();
        if (after.jobs.pipeline == what.jobs.pipeline && after.job == what.job && after.attempt == what.attempt &&
            after.holder == what.holder && after.located == what.located && after.past == what.past &&
            what.jobs.first.value + what.jobs.count == after.jobs.first.value) {
            after.jobs.first = what.jobs.first;
            after.jobs.count += what.jobs.count;
            return;
        }
    }
    answer.items.push_back({what.jobs, what.job, what.attempt, what.holder, what.located, what.past});
}

}  // namespace penstock
