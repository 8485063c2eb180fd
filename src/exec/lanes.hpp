// The lanes of one broker: the only door between the broker's pump and everything that runs user code.
//
// Threads: all functions but the constructor's threads' own work are called by the pump thread and never block.
// Outcomes are collected with drain(); `wake` is called from any thread when there is something to drain (once until
// drained).
#pragma once

#include "exec/task.hpp"

#include <penstock/worker.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

namespace penstock {

class ExternalRunner;
class LiveGroups;

// From which commands are given theirs, see command_cpus.hpp. Empty = all commands run where this process may.
struct CpusForCommands {
    std::vector<std::uint32_t> of_rank;  // which this process may use
    std::vector<std::uint32_t> of_host;  // which any broker of this host may use
    std::filesystem::path lock_file;     // how brokers of this host agree; empty = there is no other
};

struct LaneOptions {
    std::uint32_t lanes = 1;              // slots of this broker; more are made when a reserved job needs one
    std::filesystem::path scratch_root;   // run directory / "scratch": made on first use
    std::filesystem::path log_directory;  // run directory / "logs": full output of commands, see job_log.hpp
    std::filesystem::path launch_directory;
    CpusForCommands cpus;
    std::shared_ptr<LiveGroups> groups;   // what ends with this process, see live_groups.hpp; make_lanes() makes it
    std::uint64_t log_bytes = 64 * 1024;  // kept of a job's output in OutcomeDetails::log
    std::function<void()> wake;

    // Serves Binding::From::store keys. Called from the lanes' threads, several at once; null = there are none.
    std::function<Document(const Ticket& ticket, const std::vector<std::string>& keys)> retrieve;
    // Makes what runs external jobs; null = make_external_runner (external_runner.hpp).
    std::function<std::unique_ptr<ExternalRunner>(const LaneOptions&, std::function<void(Outcome)> done,
                                                  std::function<void()> later)>
        external;
};

// The process from which worker processes are forked. It must be made before MPI_Init and before any thread, because
// a fork then inherits nothing that hurts (platform.md: 18 descriptors of MPI otherwise).
class Zygote {
public:
    // Forks. In the child this never returns: it serves until the parent closes its end or dies.
    static std::unique_ptr<Zygote> fork_now(const WorkerTypes& types);
    virtual ~Zygote() = default;
};

// To be called first thing in main(). In a process that was started to be the zygote (a running launch starts the
// program anew as one when its zygote died, or when it had none) this does not return; otherwise it does nothing but
// note that this program can be started like that, and returns false. `arguments` are those of main().
bool serve_if_zygote(int argument_count, char** arguments, const WorkerTypes& types);

class Lanes {
public:
    virtual ~Lanes() = default;

    // Appends tickets to the lane's queue. A lane may be given tickets while it runs others; it runs them in order.
    virtual void run(std::uint32_t lane, std::vector<Ticket> tickets) = 0;

    // Gives back the tickets of a lane that nobody has started; they are not run.
    virtual std::vector<Ticket> take_back(std::uint32_t lane) = 0;

    // Ends one attempt: its worker process or command is killed (an inline job only sees Context::cancelled()).
    virtual void cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) = 0;

    // Outcomes since the last call, appended. True when there were any.
    virtual bool drain(std::vector<Outcome>& out) = 0;

    // Asks everything to end and waits for it; worker processes that do not end within a second are killed. Every
    // ticket that was not taken back has an outcome then (EndReason::cancelled when it could not end by itself), but
    // for inline jobs that do not return within the second: nothing can stop them, and their thread is left behind.
    virtual void stop() = 0;

    // What the running job of the lane last told Context::progress(), 0 when it told nothing.
    virtual double progress(std::uint32_t lane) const {
        (void)lane;
        return 0;
    }
};

// `zygote` may be null: it is then forked on the first job that needs one (single-process runs without MPI).
std::unique_ptr<Lanes> make_lanes(const WorkerTypes& types, std::unique_ptr<Zygote> zygote, LaneOptions options);

}  // namespace penstock
