// One attempt of a `command` job from its ticket to its outcome, in three steps that the runner puts on threads:
// prepare (values, scratch directory), run (the process; in the runner's loop), conclude (outputs, error text).
#pragma once

#include "exec/command_process.hpp"
#include "exec/command_template.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

namespace penstock {

class CommandJob {
public:
    CommandJob(std::uint32_t lane, Ticket ticket, std::shared_ptr<const CommandTemplate> shared, JobLog& log_file,
               std::uint64_t log_bytes);

    const Ticket& ticket() const { return ticket_; }
    std::uint32_t lane() const { return lane_; }

    // prepare() on any thread. No exceptions: what goes wrong is kept for conclude(), and failed() says so.
    void prepare();
    void start(const CommandSurroundings& with, const cpu_set_t* cpus);
    void fail(EndReason reason, std::string text) { error_ = {reason, std::move(text)}; }
    bool failed() const { return error_.has_value(); }

    CommandProcess& process() { return *process_; }
    // The process has ended and nothing more is read from it. `left_running`: something still held its output open.
    void ended(bool left_running);
    // The attempt is to end, or must not start. `why`: for people, when there is more to say than the reason does.
    void cancel(EndReason reason, std::string why = {});
    bool cancelled() const { return cancelled_.has_value(); }
    Nanoseconds started() const { return started_; }
    void used(std::uint64_t bytes) { most_used_ = std::max(most_used_, bytes); }  // of memory, as seen from outside

    // prepare() or conclude() may take long.
    bool heavy_to_prepare() const { return shared_ && shared_->heavy(); }
    bool heavy_to_conclude() const;
    // Any thread, once. Removes the scratch directory when the attempt succeeded.
    Outcome conclude();

private:
    struct Failure {
        EndReason reason;
        std::string text;
    };

    template <class Step>
    void guard(const Step& step);
    void read_outputs();
    Failure cancellation() const;
    std::string with_last_lines(std::string text) const;
    void finish(Outcome& outcome);

    const std::uint32_t lane_;
    const Ticket ticket_;
    const std::shared_ptr<const CommandTemplate> shared_;  // null: its parameters are wrong
    JobLog& log_file_;
    const std::uint64_t log_bytes_;
    const Nanoseconds started_;

    std::unique_ptr<PreparedCommand> prepared_;
    std::unique_ptr<CommandProcess> process_;
    std::filesystem::path scratch_;
    CommandEnd end_;
    std::optional<EndReason> cancelled_;
    std::string cancelled_why_;
    std::uint64_t most_used_ = 0;
    std::optional<Failure> error_;
    std::unique_ptr<Document> outputs_;
};

}  // namespace penstock
