#include "run/pump.hpp"

#include "run/clock.hpp"

#include <algorithm>

#include <sched.h>
#include <sys/prctl.h>

namespace penstock {

namespace {
// After the last message a rank looks again and again for this long before it sleeps: an answer usually comes sooner, and
// waking from sleep costs 50 us or more. Ranks whose answers never come that soon stop spinning (spin_worth_).
constexpr Nanoseconds kSpin = 200'000;
constexpr Nanoseconds kFirstNap = 20'000;
// The first nap is longer where pauses between messages are: a part of the mean of so many. Naps from 20 us upwards took
// 11 % of a core at 2,000 messages a second.
constexpr Nanoseconds kLooksAPause = 4;
constexpr Nanoseconds kPausesMeant = 8;
constexpr Nanoseconds kLongestNap = 1'000'000;       // with ranks of other hosts: MPI wakes nobody
// While something large is on its way. Between processes of a host it needs nobody but the receiver; elsewhere MPI moves
// it only when it is called. To look again and again instead took the time of those who were to receive it.
constexpr Nanoseconds kLongestNapUnderway = 100'000;
constexpr Nanoseconds kQuiet = 200'000'000;          // after this long without a message, naps are twice as long
constexpr Nanoseconds kLongestRungNap = 10'000'000;  // with ranks that wake us: MPI may hold on to a message, so look
constexpr Nanoseconds kLongestLoneNap = 50'000'000;  // without: everything that happens wakes us
// One failed probe only makes progress inside MPI; the message shows at the next (measured: see docs/architecture.md).
constexpr int kProbesPerNap = 3;
}  // namespace

Pump::Pump(std::uint32_t rank, Roles roles, Transport& transport, Waker& waker, const std::atomic<int>& interrupted,
           bool may_spin)
    : rank_(rank),
      roles_(roles),
      transport_(transport),
      waker_(waker),
      interrupted_(interrupted),
      may_spin_(may_spin),
      out_(rank) {
    prctl(PR_SET_TIMERSLACK, 1);
}

void Pump::run() {
    while (!finished()) {
        if (turn()) {
            if (spinning_) spin_worth_ = spin_worth_ * 0.9 + 0.1;
            spinning_ = false;
            if (idle_since_ != 0) learn_pause(steady_now() - idle_since_);
            idle_since_ = 0;
            nap_ = 0;
        } else {
            idle();
        }
    }
    transport_.finish();
}

bool Pump::finished() const {
    if (!local_.empty()) return false;
    return (roles_.router == nullptr || roles_.router->finished()) &&
           (roles_.broker == nullptr || roles_.broker->finished()) &&
           (roles_.pipeliner == nullptr || roles_.pipeliner->stopped());
}

bool Pump::turn() {
    bool busy = transport_.receive(inbox_);
    for (const Envelope& e : inbox_) dispatch(e);
    inbox_.clear();
    if (!local_.empty()) {
        busy = true;
        const std::vector<Envelope> now = std::exchange(local_, {});
        for (const Envelope& e : now) dispatch(e);
    }
    if (roles_.router != nullptr) {
        if (const int signals = interrupted_.load(std::memory_order_relaxed); signals > signals_seen_) {
            signals_seen_ = signals;
            roles_.router->interrupt(signals, out_);
        }
        busy |= roles_.router->work(out_);
        roles_.router->settle(out_);
    }
    if (roles_.broker != nullptr) {
        busy |= roles_.broker->work(out_);
        if (!roles_.broker->finished()) roles_.broker->settle(out_);
    }
    busy |= route();
    transport_.flush();
    return busy;
}

void Pump::dispatch(const Envelope& e) {
    std::visit(
        [&]<class Inbox>(const Inbox& message) {
            if constexpr (std::is_same_v<Inbox, RouterMessage>) {
                if (roles_.router != nullptr) roles_.router->on(message, e.from, out_);
            } else if constexpr (std::is_same_v<Inbox, PipelinerMessage>) {
                if (roles_.pipeliner != nullptr)
                    std::visit([&](const auto& m) { roles_.pipeliner->on(m, e.from, out_); }, message);
            } else {
                if (roles_.router != nullptr && roles_.router->take(message, e.from, out_)) return;
                if (roles_.broker != nullptr) roles_.broker->on(message, e.from, out_);
            }
        },
        e.message);
}

bool Pump::route() {
    if (out_.empty()) return false;
    for (Envelope& e : out_.take()) {
        if (e.to == rank_)
            local_.push_back(std::move(e));
        else
            transport_.post(std::move(e));
    }
    return true;
}

void Pump::idle() {
    const Nanoseconds now = steady_now();
    if (idle_since_ == 0) {
        idle_since_ = now;
        turns_since_nap_ = 0;
    }
    if (may_spin_ && transport_.connected() && now - idle_since_ < kSpin && spin_worth_ > 0.2) {
        spinning_ = true;
        sched_yield();
        return;
    }
    if (spinning_) spin_worth_ *= 0.9;
    spinning_ = false;
    if (transport_.connected() && ++turns_since_nap_ < kProbesPerNap) return;
    turns_since_nap_ = 0;
    const bool underway = transport_.underway();
    // At rank 0 something may be due by time alone.
    const auto due = roles_.router != nullptr ? roles_.router->next_due() : std::nullopt;
    const Nanoseconds until_due = due ? std::max(*due - now, kFirstNap) : kLongestLoneNap;
    if (transport_.wakes() && !underway) {
        waker_.sleep(std::min(until_due, transport_.connected() ? kLongestRungNap : kLongestLoneNap));
        return;
    }
    const Nanoseconds longest = underway                     ? kLongestNapUnderway
                                : now - idle_since_ > kQuiet ? 2 * kLongestNap
                                                             : kLongestNap;
    nap_ = nap_ == 0 ? std::clamp(mean_pause_ / kLooksAPause, kFirstNap, longest / 2) : std::min(longest, nap_ * 2);
    // Spinning is tried again now and then, or one quiet hour would slow all that comes after it.
    if (nap_ == longest) spin_worth_ = std::min(1.0, spin_worth_ + 0.01);
    waker_.sleep(std::min(until_due, nap_));
}

void Pump::learn_pause(Nanoseconds pause) {
    mean_pause_ += (std::min(pause, kLongestNap) - mean_pause_) / kPausesMeant;
}

}  // namespace penstock
