// One run, from plans to durable results: what the command line, Application and PipelineManager start.
//
// run() is called in every process of the launch, with the same request but for what only rank 0 uses. It makes the
// roles, pumps them until everything submitted has ended and is durable, and returns. Collection into the final file is
// the caller's next step, at rank 0.
#pragma once

#include "exec/lanes.hpp"
#include "language/load.hpp"
#include "report/observer.hpp"

#include <penstock/store.hpp>
#include <penstock/worker.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace penstock {

struct RunRequest {
    std::filesystem::path run_directory;  // X.h5.run; exists and is claimed (store/run_directory.hpp) at rank 0
    std::uint32_t incarnation = 1;
    std::uint32_t pipeliners = 1;
    std::optional<std::uint32_t> slots;              // per broker; default: CPUs of the host shared by its brokers
    std::map<std::string, std::uint64_t> resources;  // named, for the whole run
    std::string store;                               // "" = HDF5 segments; else passed to make_store
    std::function<std::unique_ptr<Store>(const std::string& spec)> make_store;
    bool dry_run = false;  // roles are told, nothing runs
    bool fail_fast = false;
    double retry_delay_s = 0.5;     // see RouterOptions::retry_delay
    std::uint32_t crash_limit = 3;  // a job that crashed so often in a row is not tried again
    // Of rank 0 alone: when what runs is ended, on its steady clock, and who said so. 0 = no end is known.
    Nanoseconds ends_at = 0;
    std::string ends_by;
    double broker_timeout_s = 30;  // a rank that says nothing for so long is lost
    // Rank 0: that writer is taken for dead (store/run_directory.hpp). Any thread. Throws StoreError.
    std::function<void(std::uint32_t rank, std::uint32_t epoch)> fence;
};

class FeedStopped : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Submits pipelines while the run goes on. Threads: any. The run ends when every feed is closed and all has ended.
class Feed {
public:
    virtual ~Feed() = default;
    // Returns the id the observer's events will carry. Blocks while too many pipelines wait (a bounded queue).
    // Throws FeedStopped when the run ends early.
    virtual PipelineId submit(Submission submission) = 0;
    virtual void close() = 0;
    // The run ends early (a signal, a full disk, --fail-fast): nothing more is taken. A feeder that waits for something
    // else (a line, a pipeline) looks here a few times a second, so that the run need not wait for it.
    virtual bool stopping() const { return false; }
};

// Runs on a thread of its own at rank 0; must close the feed (returning closes it).
using Feeder = std::function<void(Feed&)>;

// How this launch is laid out, known before anything runs: for --dry-run and for refusing jobs that fit nowhere.
struct Launch {
    std::uint32_t ranks = 1;
    std::uint32_t rank = 0;
    std::vector<RoleLine> roles;
    struct Host {
        std::string name;
        std::uint32_t cpus = 1;
        std::uint64_t memory_bytes = 0;
        std::uint32_t slots = 0;  // over its brokers
        // Where a launcher binds ranks to CPUs: those it has bound the ranks here to, and what else the launch may use.
        std::uint32_t bound_cpus = 0;
        std::uint32_t unused_cpus = 0;
    };
    std::vector<Host> hosts;
};

// The process's part in a launch. With MPI when a launcher started us, without when not.
class Session {
public:
    virtual ~Session() = default;
    virtual const Launch& launch() const = 0;

    // Sends a decision of rank 0 (the exit code and the request of the run, or "do not run") to all ranks.
    // Rank 0 passes the request; others receive it. A null request means: nothing runs, leave.
    virtual std::optional<RunRequest> agree(const std::optional<RunRequest>& request) = 0;

    // At rank 0 with observer and feeder; elsewhere both are ignored. Returns the summary (rank 0 only has one).
    virtual RunSummary run(const RunRequest& request, RunObserver& observer, const Feeder& feeder) = 0;

    // Nothing more will be asked of the other ranks: lets them leave (MPI_Finalize), so that they do not wait at full
    // speed while rank 0 collects. launch() stays valid.
    virtual void close() {}

    // The last call. After ranks were lost MPI may never let go of this process: then it does not return.
    virtual void leave(int /*exit_code*/) {}
};

// True when mpirun, srun or another launcher started this process (before MPI is initialized).
bool started_by_launcher();

// `zygote` must have been forked before. Initializes MPI when started by a launcher.
std::unique_ptr<Session> open_session(const WorkerTypes& types, std::unique_ptr<Zygote> zygote,
                                      std::uint32_t pipeliners, std::optional<std::uint32_t> slots);

}  // namespace penstock
