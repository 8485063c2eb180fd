#include "run/pump.hpp"

#include "run/clock.hpp"
#include "run/short_turns.hpp"

#include <algorithm>

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace penstock {

namespace {
// After the last message a rank looks again and again for this long before it sleeps: an answer usually comes sooner,
// and waking from sleep costs 50 us or more. Ranks whose answers never come that soon stop spinning (spin_worth_).
constexpr Nanoseconds kSpin = 200'000;
constexpr Nanoseconds kFirstNap = 20'000;
// The first nap is longer where pauses between messages are: a part of the mean of so many. Naps from 20 us upwards
// took 11 % of a core at 2,000 messages a second.
constexpr Nanoseconds kLooksAPause = 4;
constexpr Nanoseconds kPausesMeant = 8;
constexpr Nanoseconds kLongestNap = 1'000'000;  // with ranks of other hosts: MPI wakes nobody
// While something large is on its way. Between processes of a host it needs nobody but the receiver; elsewhere MPI
// moves it only when it is called. To look again and again instead took the time of those who were to receive it.
constexpr Nanoseconds kLongestNapUnderway = 100'000;
constexpr Nanoseconds kQuiet = 200'000'000;          // after this long without a message, naps are twice as long
constexpr Nanoseconds kLongestRungNap = 10'000'000;  // with ranks that wake us: MPI may hold on to a message, so look
constexpr Nanoseconds kLongestLoneNap = 50'000'000;  // without: everything that happens wakes us
// One failed probe only makes progress inside MPI; the message shows at the next (measured: see docs/architecture.md).
constexpr int kProbesPerNap = 3;
}  // namespace

namespace {

constexpr Nanoseconds kMostAliveInterval = 1'000'000'000;
constexpr Nanoseconds kAlivesATimeout = 10;
constexpr Nanoseconds kLeaveInterval = 1'000'000'000;
// Rank 0 may be slow to hear of others, and others of it: they give it longer than it gives them.
constexpr Nanoseconds kPatienceWithRouter = 2;
constexpr int kExitResume = 75;

// Rank 0 watches everybody, the others rank 0.
std::vector<RankWatch::Peer> watched_by(std::uint32_t rank, const std::vector<RankWatch::Peer>& peers) {
    if (rank == 0) return peers;
    std::vector<RankWatch::Peer> router;
    for (const RankWatch::Peer& peer : peers)
        if (peer.rank == 0) router.push_back(peer);
    return router;
}

[[noreturn]] void leave_at_once(std::uint32_t rank, const std::string& why) {
    const std::string text = "penstock: rank " + std::to_string(rank) + " leaves: " + why + "\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
    _exit(kExitResume);
}

}  // namespace

Pump::Pump(std::uint32_t rank, Roles roles, Transport& transport, Waker& waker, const std::atomic<int>& interrupted,
           PumpOptions options)
    : rank_(rank),
      roles_(roles),
      transport_(transport),
      waker_(waker),
      interrupted_(interrupted),
      options_(std::move(options)),
      watch_(watched_by(rank, options_.peers), (rank == 0 ? 1 : kPatienceWithRouter) * options_.rank_timeout),
      alive_(std::min(kMostAliveInterval, options_.rank_timeout / kAlivesATimeout)),
      out_(rank) {
    prctl(PR_SET_TIMERSLACK, 1);
    ask_for_short_turns();
}

bool Pump::run() {
    while (!finished()) step();
    return finish();
}

void Pump::step() {
    if (!turn()) return idle();
    if (spinning_) spin_worth_ = spin_worth_ * 0.9 + 0.1;
    spinning_ = false;
    if (idle_since_ != 0) learn_pause(steady_now() - idle_since_);
    idle_since_ = 0;
    nap_ = 0;
}

// A rank that has finished stays, and shows that it lives, until rank 0 lets all go: another may be at its last sync
// for minutes, and a launcher ends all of them when one leaves early.
bool Pump::finish() {
    if (rank_ == 0) {
        leaving_ = true;
        for (const RankWatch::Peer& peer : options_.peers)
            if (!lost_.contains(peer.rank)) transport_.post({0, peer.rank, Message(BrokerMessage(msg::Leave{}))});
    }
    while (!leaving_) step();
    return transport_.finish();
}

// ------------------------------------------------------------------------------------------ other ranks

void Pump::watch() {
    const Nanoseconds now = steady_now();
    for (const RankWatch::Loss& loss : watch_.look(now)) {
        if (rank_ != 0)
            leave_at_once(rank_, "rank 0, which leads the run, is lost (" + loss.how +
                                     "). What is durable is kept; go on with --resume.");
        lose(loss.rank, loss.how);
    }
    if (rank_ != 0 && alive_.is_due(now)) out_.to_router(msg::Alive{});
}

void Pump::lose(std::uint32_t rank, const std::string& how) {
    if (!lost_.insert(rank).second) return;
    transport_.forget(rank);
    for (const RankWatch::Peer& peer : options_.peers)
        if (!lost_.contains(peer.rank)) out_.to_broker(peer.rank, msg::RankLost{rank});
    roles_.router->lose(rank, how, out_);
}

bool Pump::take(const msg::RankLost& m) {
    if (lost_.insert(m.rank).second) transport_.forget(m.rank);
    return true;
}

bool Pump::take(const msg::Leave&) {
    if (!roles_finished())
        leave_at_once(rank_,
                      "it was silent for so long that the others took it for lost, and its jobs went elsewhere. "
                      "Nothing is lost by that.");
    leaving_ = true;
    return true;
}

bool Pump::take(const msg::Alive&, std::uint32_t from) {
    if (rank_ == 0) out_.to_broker(from, msg::Alive{});
    return true;
}

bool Pump::finished() const { return local_.empty() && roles_finished(); }

// What they may still have said to one another does not matter then.
bool Pump::roles_finished() const {
    return (roles_.router == nullptr || roles_.router->finished()) &&
           (roles_.broker == nullptr || roles_.broker->finished()) &&
           (roles_.pipeliner == nullptr || roles_.pipeliner->stopped());
}

bool Pump::turn() {
    bool busy = transport_.receive(inbox_);
    for (const Envelope& e : inbox_)
        if (admission_ == nullptr || admission_->admits(e)) dispatch(e);
    if (transport_.connected() && !leaving_) watch();
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
    if (lost_.contains(e.from)) {
        Nanoseconds& told = told_to_leave_[e.from];
        if (rank_ != 0 || steady_now() - told < kLeaveInterval) return;
        told = steady_now();
        transport_.post({0, e.from, Message(BrokerMessage(msg::Leave{}))});
        return;
    }
    watch_.heard(e.from);
    if (e.from == 0 && rank_ != 0) alive_.heard(steady_now());
    if (for_the_pump(e)) return;
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

bool Pump::for_the_pump(const Envelope& e) {
    return std::visit(
        [&](const auto& inbox) {
            return std::visit(
                [&]<class M>(const M& m) {
                    if constexpr (std::is_same_v<M, msg::RankLost> || std::is_same_v<M, msg::Leave>)
                        return take(m);
                    else if constexpr (std::is_same_v<M, msg::Alive>)
                        return take(m, e.from);
                    else
                        return false;
                },
                inbox);
        },
        e.message);
}

bool Pump::route() {
    if (out_.empty()) return false;
    for (Envelope& e : out_.take()) {
        if (e.to == rank_) {
            local_.push_back(std::move(e));
        } else if (!lost_.contains(e.to)) {
            if (e.to == 0) alive_.spoke(steady_now());
            transport_.post(std::move(e));
        }
    }
    return true;
}

void Pump::idle() {
    const Nanoseconds now = steady_now();
    if (idle_since_ == 0) {
        idle_since_ = now;
        turns_since_nap_ = 0;
    }
    if (options_.may_spin && transport_.connected() && now - idle_since_ < kSpin && spin_worth_ > 0.2) {
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
