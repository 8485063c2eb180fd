#include "run/told_to_end.hpp"

#include "exec/signal_text.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <signal.h>

namespace penstock {

namespace {

constexpr int kShellSaysSignal = 128;  // added to the number of the signal that ended what a shell ran

constexpr std::array kStopSignals{SIGTERM, SIGINT, SIGUSR1};

bool is_stop_signal(int number) {
    return std::find(kStopSignals.begin(), kStopSignals.end(), number) != kStopSignals.end();
}

// Also what a worker ran for itself: then its error says so.
bool ended_by_stop_signal(const OutcomeDetails& how) {
    switch (how.reason) {
        case EndReason::signal:
            return is_stop_signal(how.signal);
        case EndReason::exit_code:
            return is_stop_signal(how.exit_code - kShellSaysSignal);
        case EndReason::exception:
            return std::any_of(kStopSignals.begin(), kStopSignals.end(),
                               [&](int number) { return how.error.find(signal_text(number)) != std::string::npos; });
        default:
            return false;
    }
}

}  // namespace

void ToldToEnd::sort(std::vector<Outcome>& outcomes, Nanoseconds now) {
    if (signal_at_ == nullptr || (outcomes.empty() && kept_.empty())) return;
    std::vector<Outcome> before = std::exchange(kept_, {});
    const auto keep_early_ones = [&](std::vector<Outcome>& all) {
        const auto early = std::stable_partition(all.begin(), all.end(),
                                                 [&](const Outcome& outcome) { return !too_early(outcome, now); });
        std::move(early, all.end(), std::back_inserter(kept_));
        all.erase(early, all.end());
    };
    keep_early_ones(before);
    keep_early_ones(outcomes);
    std::move(before.begin(), before.end(), std::back_inserter(outcomes));
}

bool ToldToEnd::too_early(const Outcome& outcome, Nanoseconds now) const {
    if (outcome.succeeded || outcome.details == nullptr || now - outcome.finished >= kSignalPatience) return false;
    return !had_signal(outcome) && ended_by_stop_signal(*outcome.details);
}

bool ToldToEnd::was_ended(Outcome& outcome) const {
    if (outcome.succeeded || outcome.details == nullptr) return false;
    OutcomeDetails& how = *outcome.details;
    if (how.reason == EndReason::cancelled) return true;
    const bool by_itself =
        how.reason != EndReason::signal && how.reason != EndReason::exit_code && !ended_by_stop_signal(how);
    if (by_itself || !had_signal(outcome)) return false;
    how.error +=
        "\nIts rank was sent a stop signal while it ran, and most likely so was it: that is no failure, and the job "
        "runs again.";
    return true;
}

bool ToldToEnd::stage_was_ended(const Outcome& outcome) const { return !outcome.succeeded && had_signal(outcome); }

}  // namespace penstock
