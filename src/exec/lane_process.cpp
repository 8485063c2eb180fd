#include "exec/lane.hpp"

#include "exec/signal_text.hpp"
#include "exec/stage_batch.hpp"
#include "exec/worker_setup.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

namespace penstock {

namespace {

constexpr std::size_t kMaxAttached = 2;  // of them with a large document: one runs, one is ready
constexpr int kMaxBarrenEnds = 3;
constexpr std::size_t kTextStep = 64 * 1024;
constexpr std::size_t kMostBetween = 1 << 20;  // printed between two tickets of a stage, and kept
constexpr int kMaxTextSteps = 16;              // at once, of a job that prints without end

std::string end_text(const ProcessEnd& end) {
    if (end.unknown)
        return "the worker process ended; how is not known, since other code of this program waited for it";
    if (end.signal == 0 && end.exit_code == kDeafExit)
        return "the worker process was given up: this job closed file descriptors that are not its own";
    if (end.signal == 0)
        return fmt::format(
            "the worker process called exit({}); a job ends by returning from process(), or by an "
            "exception",
            end.exit_code);
    std::string text = fmt::format("the worker process was killed by {}", signal_text(end.signal));
    if (end.signal == SIGKILL) text += "; when nobody sent it, memory ran out and the kernel did";
    return text;
}

}  // namespace

// A result that cannot be taken: the channel is damaged, or there is no memory or descriptor for a large document.
std::string damage_text(const std::exception& error) {
    if (dynamic_cast<const ChannelDamage*>(&error) == nullptr)
        return fmt::format("what the job returned could not be taken: {}", error.what());
    return fmt::format(
        "the worker process was given up because its channel to the broker is damaged ({}): this job, "
        "or one before it in the same process, writes to memory that is not its own",
        error.what());
}

// ---------------------------------------------------------------------------------------------- jobs in

bool Lane::may_feed() {
    if (in_flight_.size() >= WorkerProcess::kMaxAhead || attached_ >= kMaxAttached) return false;
    wants_room_ = worker_ != nullptr && !worker_->has_room();
    return !wants_room_;
}

void Lane::feed(LaneJob job) {
    if (ended_in_between(job)) {
        const ProcessEnd end = *std::exchange(ended_between_, std::nullopt);
        InFlight not_begun;
        not_begun.job = std::move(job);
        return fail_crashed(std::move(not_begun), end, std::nullopt, {}, steady_now());
    }
    ended_between_.reset();
    try {
        const Materialized input = materialize_job(job);
        if (worker_ == nullptr) {
            auto fresh =
                std::make_unique<WorkerProcess>(world_->workers, notices_.bell(), world_->options.scratch_root);
            const Lock lock(mutex_);
            worker_ = std::move(fresh);
            worker_ending_ = text_closed_ = false;
        }
        const StagedJob staged = worker_->stage(job.ticket, job.info, input);
        give(std::move(job), staged);
    } catch (const MissingKey& error) {
        fail(job, EndReason::missing_key, error.what());
    } catch (const StoreFailure& error) {
        fail(job, EndReason::store, error.what());
    } catch (const WorkerGone&) {
        put_back(std::move(job));
        worker_ended();
    } catch (const ChannelDamage& error) {
        put_back(std::move(job));
        worker_damaged(damage_text(error));
    } catch (const std::system_error& error) {
        fail(job, EndReason::exception,
             fmt::format("the job could not be given to a worker process: {}; a limit of this host is reached "
                         "(processes, open files, memory)",
                         error.what()));
    } catch (const std::exception& error) {
        fail(job, EndReason::exception, error.what());
    }
}

// It was not begun; those in flight, which are before it, come back after this.
void Lane::put_back(LaneJob job) {
    Lock lock(mutex_);
    is_current_ = false;
    const auto stopped_by = stopping_ ? EndReason::cancelled : current_stopped_;
    if (!stopped_by) return queue_.push_front(std::move(job));
    lock.unlock();
    tell(stopped(job.ticket.id, *stopped_by));
}

void Lane::give(LaneJob job, const StagedJob& staged) {
    const std::uint64_t ticket = job.ticket.id;
    std::optional<EndReason> stopped_by;
    {
        const Lock lock(mutex_);
        is_current_ = false;
        stopped_by = stopping_ ? EndReason::cancelled : current_stopped_;
        if (stopped_by) {
            revoke(*staged.state);
        } else {
            attached_ += staged.attached ? 1 : 0;
            in_flight_.push_back({std::move(job), staged.state, staged.sequence, staged.attached, nullptr});
        }
        worker_->submit();
    }
    if (stopped_by) tell(stopped(ticket, *stopped_by));
}

// ---------------------------------------------------------------------------------------------- results out

bool Lane::take_results() {
    if (worker_ == nullptr) return false;
    bool any = false;
    try {
        while (std::optional<WorkerResult> result = worker_->take_result()) {
            settle(std::move(*result));
            any = true;
        }
    } catch (const std::exception& error) {
        worker_damaged(damage_text(error));
    }
    return any;
}

void Lane::settle(WorkerResult result) {
    Lock lock(mutex_);
    if (in_flight_.empty() || in_flight_.front().sequence != result.sequence)
        throw ChannelDamage("a result of a job that does not run");
    const InFlight done = std::move(in_flight_.front());
    in_flight_.pop_front();
    attached_ -= done.attached ? 1 : 0;
    lock.unlock();
    barren_ends_ = 0;

    Outcome outcome;
    outcome.ticket = done.job.ticket.id;
    outcome.started = result.started;
    outcome.finished = result.finished;
    outcome.lane = number_;
    outcome.succeeded = result.reason == EndReason::succeeded;
    if (!result.outputs.empty()) outcome.outputs = std::make_unique<Document>(std::move(result.outputs));
    const bool printed = done.log != nullptr || !result.text.empty() || has_printed_between(done.job);
    if (!outcome.succeeded || printed || result.cpu_s > 0 || result.peak_memory_bytes > 0) {
        outcome.details = make_details(result.reason, bounded_error(result.error));
        outcome.details->cpu_s = result.cpu_s;
        outcome.details->peak_memory_bytes = result.peak_memory_bytes;
    }
    if (printed) {
        AttemptLog log = done.log != nullptr ? std::move(*done.log) : begin_log(done.job);
        log.add(result.text);
        outcome.details->log = log.finish();
    }
    last_stage_.reset();
    if (done.job.ticket.batch != nullptr) last_stage_ = log_key(done.job);
    between_.clear();
    tell(std::move(outcome));
}

bool Lane::has_printed_between(const LaneJob& job) const {
    return !between_.empty() && last_stage_ && job.ticket.batch != nullptr && *last_stage_ == log_key(job);
}

// With what the worker of a stage printed before this ticket: its source may have gone on by itself.
AttemptLog Lane::begin_log(const LaneJob& job) {
    AttemptLog log = make_log(job);
    if (has_printed_between(job)) log.add(std::exchange(between_, {}));
    return log;
}

void Lane::read_text() {
    text_.resize(kTextStep);
    for (int i = 0; i < kMaxTextSteps; ++i) {
        const WorkerProcess::Printed printed = worker_->read_text(text_);
        if (printed.bytes == 0) return;
        const std::string_view text(text_.data(), printed.bytes);
        const Lock lock(mutex_);
        // Not always the first: results of jobs before it may wait to be taken. The pump takes no claimed job away.
        const auto found = std::find_if(in_flight_.begin(), in_flight_.end(),
                                        [&](const InFlight& job) { return job.sequence == printed.sequence; });
        if (found == in_flight_.end()) {  // printed between two jobs
            if (last_stage_ && between_.size() < kMostBetween) between_ += text;
            continue;
        }
        InFlight& job = *found;
        if (job.log == nullptr) job.log = std::make_unique<AttemptLog>(begin_log(job.job));
        job.log->add(text);
        job.log->flush();  // for those who look at a job that runs
    }
}

// ---------------------------------------------------------------------------------------------- the end of a process

void Lane::worker_damaged(std::string what) {
    damage_ = std::move(what);
    worker_ended();
}

// It has ended, or is to: what it had done counts, the job it was at is charged, the others run in another one.
void Lane::worker_ended() {
    try {
        while (damage_.empty()) {
            std::optional<WorkerResult> result = worker_->take_result();
            if (!result) break;
            settle(std::move(*result));
        }
    } catch (const std::exception& error) {
        damage_ = damage_text(error);
    }
    worker_->kill();  // what it started must not print on
    read_text();
    const std::int64_t started = worker_->current_started();
    {
        const Lock lock(mutex_);
        worker_ending_ = true;
    }
    const ProcessEnd end = worker_->reap();

    Lock lock(mutex_);
    std::vector<InFlight> held(std::make_move_iterator(in_flight_.begin()), std::make_move_iterator(in_flight_.end()));
    in_flight_.clear();
    attached_ = 0;
    std::optional<InFlight> crashed = take_charged(held);
    std::vector<LaneJob> cancelled;
    for (auto job = held.rbegin(); job != held.rend(); ++job) {
        if (stopping_)
            cancelled.push_back(std::move(job->job));
        else
            queue_.push_front(std::move(job->job));
    }
    const std::optional<EndReason> because = std::exchange(killed_because_, std::nullopt);
    const std::string why = std::exchange(killed_why_, {});
    worker_.reset();
    lock.unlock();
    if (!crashed && !because && last_stage_) ended_between_ = end;
    for (const LaneJob& job : cancelled) tell(stopped(job.ticket.id, EndReason::cancelled));
    if (crashed) fail_crashed(std::move(*crashed), end, because, why, started);
    damage_.clear();
}

// The job that pays for the end of the process, taken out of `held`: the one it had begun, unless it was killed to end
// another one that was faster; or the first, when process after process ends before it begins anything.
std::optional<Lane::InFlight> Lane::take_charged(std::vector<InFlight>& held) {
    if (held.empty()) return std::nullopt;
    if (held.front().state->load() == JobState::claimed) {
        if (killed_because_ && held.front().job.ticket.id != killed_for_) return std::nullopt;
    } else if (killed_because_ || stopping_ || ++barren_ends_ < kMaxBarrenEnds) {
        return std::nullopt;
    }
    barren_ends_ = 0;
    InFlight first = std::move(held.front());
    held.erase(held.begin());
    return first;
}

// Of a ticket that asks for the rest of what a stage's worker makes: its process goes on between two tickets, and may
// have ended there. Then this one pays, or nobody would say how.
bool Lane::ended_in_between(const LaneJob& job) {
    return ended_between_ && last_stage_ && job.ticket.batch != nullptr && goes_on(*job.ticket.batch) &&
           *last_stage_ == log_key(job);
}

void Lane::fail_crashed(InFlight job, const ProcessEnd& end, std::optional<EndReason> because, const std::string& why,
                        std::int64_t started) {
    Outcome outcome;
    outcome.ticket = job.job.ticket.id;
    outcome.finished = steady_now();
    outcome.started = std::min(started, outcome.finished);
    outcome.lane = number_;
    outcome.succeeded = false;
    if (because)
        outcome.details = make_details(*because, why.empty() ? stop_text(*because) : why);
    else if (!damage_.empty())
        outcome.details = make_details(EndReason::bad_output, bounded_error(damage_));
    else
        outcome.details = make_details(end.signal != 0 ? EndReason::signal : EndReason::exit_code, end_text(end));
    outcome.details->crashed = !because;
    outcome.details->exit_code = end.exit_code;
    outcome.details->signal = end.signal;
    outcome.details->peak_memory_bytes = end.peak_memory_bytes;
    if (job.log == nullptr && has_printed_between(job.job)) job.log = std::make_unique<AttemptLog>(begin_log(job.job));
    if (job.log != nullptr) outcome.details->log = job.log->finish();
    tell(std::move(outcome));
}

// ---------------------------------------------------------------------------------------------- stop()

bool Lane::stop_step() {
    if (!stopping_ || worker_ == nullptr) return false;
    worker_->tell_to_stop();
    if (steady_now() < deadline_) return false;
    {
        const Lock lock(mutex_);
        killed_because_ = EndReason::cancelled;
        if (!in_flight_.empty()) killed_for_ = in_flight_.front().job.ticket.id;
    }
    worker_ended();
    return true;
}

}  // namespace penstock
