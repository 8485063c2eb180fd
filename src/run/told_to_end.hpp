// Commands that a scheduler has told to end have not failed.
//
// When an allocation ends, its scheduler signals all processes in it: ranks, and the commands they run. So a command
// that was running when its rank was sent a stop signal, and then ended by a signal or with an exit code, is not
// judged: the attempt is recorded, and the job runs again. As the command may be seen dead before the rank's own signal
// has come, one that ended by such a signal is judged only a moment later. Thread: the pump's. Bounds: what it keeps
// are attempts that have ended within kSignalPatience.
#pragma once

#include "exec/task.hpp"

#include <atomic>
#include <vector>

namespace penstock {

class ToldToEnd {
public:
    static constexpr Nanoseconds kSignalPatience = 1'000'000'000;

    // When this rank was last sent a stop signal (StopSignals::last_at()); null = it never is.
    explicit ToldToEnd(const std::atomic<Nanoseconds>* signal_at) : signal_at_(signal_at) {}

    // Takes out of `outcomes` those that it is too early to judge, and adds those that it kept and can be judged now.
    void sort(std::vector<Outcome>& outcomes, Nanoseconds now);
    // The attempt has not failed, it was ended. Its error says so from now on.
    bool was_ended(Outcome& outcome) const;
    // Likewise of a stage of a stream: whatever became of it after the signal, the stream starts again.
    bool stage_was_ended(const Outcome& outcome) const;

private:
    bool too_early(const Outcome& outcome, Nanoseconds now) const;
    bool had_signal(const Outcome& outcome) const { return signal_at() != 0 && signal_at() >= outcome.started; }
    Nanoseconds signal_at() const { return signal_at_ == nullptr ? 0 : signal_at_->load(std::memory_order_relaxed); }

    const std::atomic<Nanoseconds>* signal_at_;
    std::vector<Outcome> kept_;
};

}  // namespace penstock
