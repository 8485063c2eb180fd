// Attempts that failed: how long the next one waits, and where it goes.
#include "core/router.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace penstock {

namespace {

constexpr Nanoseconds kLeastDelay = 100'000'000;

// A number that only depends on the job and the attempt, and looks like chance.
std::uint64_t scattered(const ReadyRun& run) {
    std::uint64_t x = (static_cast<std::uint64_t>(run.jobs.pipeline.value) << 32 | run.jobs.first.value) +
                      0x9e3779b97f4a7c15 * (run.attempt + 1ull);
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

}  // namespace

// The first pause is --retry-delay, each further one twice the one before, at most kLongestRetryDelay; of that a part
// between a half and the whole, so that jobs that failed together do not come back together.
Nanoseconds Router::retry_delay(const ReadyRun& run) const {
    const Nanoseconds longest = std::max(kLongestRetryDelay, options_.retry_delay);
    Nanoseconds delay = options_.retry_delay;
    for (std::uint32_t i = 1; i < run.past.failed && delay < longest; ++i) delay *= 2;
    delay = std::min(delay, longest);
    return delay / 2 + static_cast<Nanoseconds>(scattered(run) % (static_cast<std::uint64_t>(delay) / 2 + 1));
}

void Router::begin_pauses() {
    for (const ReadyRun& run : failed_) pausing_.emplace(now_ + retry_delay(run), run);
    failed_.clear();
}

void Router::end_pauses() {
    while (!pausing_.empty() && pausing_.begin()->first <= now_) {
        const ReadyRun run = pausing_.begin()->second;
        pausing_.erase(pausing_.begin());
        if (const Pipeline* p = pipeline(run.jobs.pipeline)) push_ready(run, *p);
    }
}

std::optional<Nanoseconds> Router::next_due() const {
    if (stopping_) return std::nullopt;
    if (draining_) return options_.ends_at != 0 && !ending_ ? std::optional(options_.ends_at) : std::nullopt;
    std::optional<Nanoseconds> next;
    const auto consider = [&](const std::multimap<Nanoseconds, ReadyRun>& waiting) {
        if (!waiting.empty() && (!next || waiting.begin()->first < *next)) next = waiting.begin()->first;
    };
    consider(pausing_);
    for (const auto& [priority, level] : levels_) consider(level.elsewhere);
    if (const auto look = next_look_at_time(); look && (!next || *look < *next)) next = look;
    return next;
}

// ------------------------------------------------------------------------------------------ another broker

// It looks for one as long again as it has paused at most; a broker that is busy all night must not hold it up.
void Router::look_elsewhere(const ReadyRun& run, Level& level) {
    ReadyRun one = run;
    one.jobs.count = 1;
    for (std::uint32_t i = 0; i < run.jobs.count; ++i) {
        level.elsewhere.emplace(now_ + retry_delay(one), one);
        ++one.jobs.first.value;
    }
}

void Router::place_elsewhere(Level& level, Outbox& out) {
    constexpr int kTried = 64;  // at once, so that thousands of them do not slow down all else
    int tried = 0;
    std::set<std::tuple<std::uint32_t, PipelineId, TemplateIndex>> hopeless;  // alike as far as room goes
    for (auto at = level.elsewhere.begin(); at != level.elsewhere.end();) {
        const ReadyRun run = at->second;
        const Pipeline* p = pipeline(run.jobs.pipeline);
        const bool patient = at->first > now_;
        if (patient && tried >= kTried) return;
        if (p == nullptr) {
            at = level.elsewhere.erase(at);
            continue;
        }
        if (!fits(run)) {
            postpone(run);
            at = level.elsewhere.erase(at);
            continue;
        }
        const Resources& wanted = p->plan->plan->templates[run.job.value].resources;
        const std::tuple alike(run.past.broker, run.jobs.pipeline, run.job);
        const bool worth_a_look = !hopeless.contains(alike) && ++tried <= kTried;
        Broker* to = worth_a_look ? another_broker(run, wanted) : nullptr;
        if (to == nullptr) hopeless.insert(alike);
        // The others may be lost, or unable to hold it.
        if (to == nullptr && !patient && has_last_chance(run.past)) to = another_broker(run, wanted, true);
        if (to == nullptr && patient) {
            ++at;
            continue;
        }
        at = level.elsewhere.erase(at);
        if (to == nullptr && has_last_chance(run.past)) {
            level.elsewhere.emplace(now_ + std::max<Nanoseconds>(retry_delay(run), kLeastDelay), run);
            continue;
        }
        if (to != nullptr) {
            if (!wanted.simple()) options_.hosts.reserve(to->what.host, wanted);
            assign(*to, run, !wanted.simple(), out);
        } else if (wanted.simple()) {
            level.simple.push_first(run);
            ++ready_simple_;
        } else {
            level.reserved[wanted].push_first(run);
        }
    }
}

// While nothing else is ready only a free slot will do: what queues behind others would be recalled for the broker that
// idles, which may be the one where it failed.
bool Router::may_take_one_more(const Broker& b, const ReadyRun& run) {
    return credit(b, run) != 0 && (ready_simple_ != 0 || b.simple < b.what.slots);
}

bool Router::may_reserve(std::uint32_t host, const Resources& wanted) const {
    return !saved_for_others(host, wanted) &&
           options_.hosts.fits(host, wanted, running_simple(host)) == HostLedger::Fit::now;
}

// One that has room for the job and, unless `even_there`, is not where it failed; first the one that has its inputs,
// then the least busy.
Router::Broker* Router::another_broker(const ReadyRun& run, const Resources& wanted, bool even_there) {
    Broker* best = nullptr;
    for (Broker& b : brokers_) {
        if (b.lost || (b.what.rank == run.past.broker && !even_there)) continue;
        if (has_last_chance(run.past) && has_one_with_a_last_chance(b)) continue;
        if (!(wanted.simple() ? may_take_one_more(b, run) : may_reserve(b.what.host, wanted))) continue;
        if (b.what.rank == run.holder) return &b;
        if (best == nullptr || b.simple + b.reserved < best->simple + best->reserved) best = &b;
    }
    return best;
}

}  // namespace penstock
