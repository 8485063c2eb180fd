#include "exec/command_job.hpp"

#include "exec/materialize.hpp"
#include "exec/process_tree.hpp"

#include <fmt/format.h>

#include <string.h>

#include <chrono>
#include <filesystem>

namespace penstock {
namespace {

constexpr std::size_t kLargeOutputBytes = 64 * 1024;  // parsing more would hold up other jobs
constexpr int kShellNotFound = 127;                   // bash's exit code
constexpr int kShellNotExecutable = 126;

Nanoseconds now() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

std::string signal_text(int number) {
    const char* name = sigabbrev_np(number);
    const char* meaning = sigdescr_np(number);
    if (!name) return fmt::format("signal {}", number);
    return fmt::format("SIG{} ({})", name, meaning ? meaning : "signal");
}

}  // namespace

CommandJob::CommandJob(std::uint32_t lane, Ticket ticket, std::shared_ptr<const CommandTemplate> shared,
                       JobLog& log_file, std::uint64_t log_bytes)
    : lane_(lane),
      ticket_(std::move(ticket)),
      shared_(std::move(shared)),
      log_file_(log_file),
      log_bytes_(log_bytes),
      started_(now()) {}

// Runs a step; its exception becomes the attempt's failure.
template <class Step>
void CommandJob::guard(const Step& step) {
    try {
        step();
    } catch (const CommandError& error) {
        error_ = {error.reason, error.what()};
    } catch (const MissingKey& error) {
        error_ = {EndReason::missing_key, error.what()};
    } catch (const std::exception& error) {
        error_ = {EndReason::exception, error.what()};
    }
}

void CommandJob::prepare() {
    guard([&] { prepared_ = shared_->prepare(ticket_, scratch_); });
}

void CommandJob::start(const CommandSurroundings& with, const cpu_set_t* cpus) {
    guard([&] {
        process_ = std::make_unique<CommandProcess>(*prepared_, log_file_, ticket_, log_bytes_);
        process_->start(with, cpus);
    });
}

void CommandJob::cancel(EndReason reason, std::string why) {
    if (cancelled_) return;
    cancelled_ = reason;
    cancelled_why_ = std::move(why);
}

void CommandJob::ended(bool left_running) {
    if (left_running && !cancelled_) {
        process_->add_to_log("\n[processes that the command left running, with its output open, were ended]\n");
    }
    end_ = process_->reap();
}

bool CommandJob::heavy_to_conclude() const {
    if (!prepared_) return !scratch_.empty();
    return !prepared_->scratch.empty() || shared_->heavy() ||
           (process_ && process_->output().text.size() + process_->error().text.size() > kLargeOutputBytes);
}

CommandJob::Failure CommandJob::cancellation() const {
    const std::string title = prepared_ ? prepared_->title() : "";
    switch (*cancelled_) {
        case EndReason::timeout: {
            const std::string text = fmt::format("the command `{}` {}.", title, timeout_text(ticket_.job->timeout_s));
            return {*cancelled_, process_ ? with_last_lines(text) : text};
        }
        case EndReason::memory:
            return {*cancelled_, fmt::format("{}: the command `{}`.", cancelled_why_, title)};
        default:
            return {*cancelled_, fmt::format("the command `{}` was ended before it was done.", title)};
    }
}

std::string CommandJob::with_last_lines(std::string text) const {
    const std::string lines = process_->last_lines();
    if (lines.empty()) return text + " It wrote nothing to stderr or stdout.";
    return text + " The last lines it wrote:\n" + lines;
}

void CommandJob::read_outputs() {
    if (end_.lost != 0) {
        throw CommandError(
            EndReason::exception,
            fmt::format("the exit status of the command is lost: {}. Something in this process waits for "
                        "children that are not its own, or ignores SIGCHLD.",
                        std::error_code(end_.lost, std::generic_category()).message()));
    }
    if (end_.signal != 0) {
        throw CommandError(EndReason::signal,
                           with_last_lines(fmt::format("the command `{}` was ended by {}.", prepared_->title(),
                                                       signal_text(end_.signal))));
    }
    if (end_.exit_code != 0) {
        std::string hint;
        if (end_.exit_code == kShellNotFound) hint = " (in a shell: a command was not found)";
        if (end_.exit_code == kShellNotExecutable) hint = " (in a shell: a command may not be run)";
        throw CommandError(EndReason::exit_code,
                           with_last_lines(fmt::format("the command `{}` ended with exit code {}{}.",
                                                       prepared_->title(), end_.exit_code, hint)));
    }
    if (!prepared_->results.empty()) {
        outputs_ = std::make_unique<Document>(read_results(*prepared_, process_->output(), process_->error()));
    }
}

Outcome CommandJob::conclude() {
    if (cancelled_)
        error_ = cancellation();
    else if (!error_)
        guard([&] { read_outputs(); });

    Outcome outcome;
    outcome.ticket = ticket_.id;
    outcome.lane = lane_;
    outcome.started = started_;
    outcome.succeeded = !error_;
    outcome.outputs = std::move(outputs_);
    outcome.details = std::make_unique<OutcomeDetails>();
    finish(outcome);
    outcome.finished = now();
    return outcome;
}

void CommandJob::finish(Outcome& outcome) {
    OutcomeDetails& details = *outcome.details;
    details.exit_code = end_.exit_code;
    details.signal = end_.signal;
    details.cpu_s = end_.cpu_s;
    details.peak_memory_bytes = std::max(end_.peak_memory_bytes, most_used_);
    if (process_) details.log = process_->finish_log();
    if (error_) {
        details.reason = error_->reason;
        details.error = std::move(error_->text);
        if (!scratch_.empty()) details.error += fmt::format("\nIts directory is kept: {}", scratch_.string());
        return;
    }
    if (!scratch_.empty()) {
        std::error_code left;  // what cannot be removed stays: the job did succeed
        std::filesystem::remove_all(scratch_, left);
    }
}

}  // namespace penstock
