// What one seed decides: the cluster, how it behaves, and what is submitted when.
#pragma once

#include "core/host_ledger.hpp"
#include "core/router.hpp"
#include "sim/random.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::test {
struct Tree;
}

namespace penstock::sim {

// What a simulation can be told to do wrong, to see that the checkers see it.
enum class Fault {
    none,
    drop_ended,        // an Ended on its way to the router is lost
    drop_ready,        // a Ready is lost
    double_ended,      // an Ended is delivered twice
    double_ready,      // a Ready is delivered twice
    reordered_link,    // a frame overtakes an earlier one between the same ranks
    hidden_failure,    // the pipeliner is told that a failed job succeeded
    early_release,     // a broker forgets outputs when they are first asked for
    no_release,        // Release messages are lost
    no_forget_plan,    // ForgetPlan messages are lost
    inputs_unasked,    // jobs start without their inputs
    early_durable,     // a writer calls durable what is not synced
    over_twice,        // the router's driver hears twice that a pipeline is over
    start_twice,       // a lane runs a job twice
    keep_returned,     // a broker runs what it has given back
    large_hosts,       // the router believes that hosts have more CPUs than they have
    crowded_broker,    // a broker has more lanes than the slots the router knows of
    deaf_broker,       // a broker never hears of Stop
    deaf_to_end,       // a broker does not hear that what runs is to be ended
    idle_router,       // the router is not asked to schedule after some messages
    drop_attempt,      // an AttemptFailed is lost
    double_attempt,    // an AttemptFailed is delivered twice
    fast_clock,        // the router's clock goes a thousand times as fast
    blind_broker,      // a broker does not see that a job has crashed
    same_attempt,      // a broker runs an attempt under the number of the one before
    drop_returned,     // a Returned is lost: credit that nobody gives back
    drop_fetched,      // values on their way to a job are lost
    forget_kept,       // a resumed launch is not told of a job that is done
    forget_tried,      // a resumed launch is not told of the attempts there were
    lose_stored,       // values of earlier launches are not found
    count_zombies,     // segments that a dead launch brings after the fence count
    merge_early,       // the inputs of a merge are deleted before the merged segment is there
    no_end,            // the router does not know when the launch ends
    unfenced_zombie,   // what a rank brings to the disk after it was given up counts
    deaf_to_withdraw,  // a broker answers Withdraw before what has ended there is durable
    stale_ends,        // an Ended of an earlier epoch is taken for one of now
    heard_zombie,      // rank 0 goes on listening to a lost rank
    no_taken,          // StreamTaken messages are lost: no credit comes back
    early_open,        // a stream is opened as soon as it is placed
    early_items,       // a position of a stream counts before its items are durable
    old_epochs,        // what is sent to a stream from before a loss counts as of now
};

struct Submission {
    std::uint32_t plan = 0;                                  // index
    Nanoseconds at = 0;                                      // after the one before it
    bool after_previous = false;                             // and only once all before it are over
    std::optional<Nanoseconds> closed_after = std::nullopt;  // of a stream: nobody wants more of it
};

struct Stop {  // a process that stands still for a while
    std::uint32_t rank = 0;
    Nanoseconds at = 0, length = 0;
};

struct Death {  // of one rank; the others live on
    std::uint32_t rank = 0;
    Nanoseconds at = 0;
    Nanoseconds noticed_after = 0;
    Nanoseconds back_after = 0;  // it only stood still, and speaks again then; 0: it is dead
};

struct Scenario {
    std::uint64_t seed = 0;
    std::uint32_t launch = 1;  // of the run; the later ones go on with it
    Fault fault = Fault::none;

    std::uint32_t ranks = 3;
    std::vector<std::uint32_t> pipeliners;
    std::vector<BrokerDescription> brokers;
    std::vector<HostDescription> hosts;
    std::map<std::string, std::uint64_t> named;

    std::vector<std::shared_ptr<const Plan>> plans;
    std::vector<Submission> submissions;
    // Of the plans that are streams, by name: what their stages do, and what a model says that comes of it.
    std::map<std::string, std::shared_ptr<const test::Tree>> streams;
    std::uint32_t jobs = 0;   // of all submissions
    bool only_simple = true;  // no job is reserved

    double failing = 0;   // chance of a job to fail, in the templates that can fail
    double crashing = 0;  // chance of a failing attempt to end its worker process
    std::uint32_t crash_limit = 3;
    Nanoseconds retry_delay = 500'000'000;
    double refusing = 0;  // chance of a success not to be storable
    Nanoseconds shortest_job = 1000;
    Nanoseconds longest_job = 1'000'000'000;
    bool uneven = false;                  // of some templates they are far shorter than of others
    bool crowded = false;                 // many small jobs beside a few that need much; all as long
    Nanoseconds longest_delay = 100'000;  // of a message
    Nanoseconds longest_sync = 50'000'000;
    std::uint64_t writer_limit = 0xffffffff;  // records waiting to be synced
    std::uint32_t claimed = 1;                // jobs a lane claims at once
    bool fail_fast = false;
    std::size_t output_bytes = 0;            // of an output, beside what it says
    std::uint64_t cache_bytes = 1ull << 30;  // of outputs a broker keeps in memory
    std::uint32_t idle_plans = 64;
    std::uint64_t idle_plan_jobs = 100'000;
    std::uint32_t active_pipelines = 4096;
    std::optional<Nanoseconds> drain_at;    // a signal
    std::optional<Nanoseconds> end_now_at;  // a second one: what runs is ended
    std::optional<Nanoseconds> store_fails_at;
    std::optional<Nanoseconds> ends_at;    // the launch, as the router knows; then nothing else ends it early
    std::optional<Nanoseconds> killed_at;  // all of its processes
    std::vector<Stop> stops;
    std::vector<Death> deaths;  // then an attempt's fate is that of the job's first one

    // The run may end before all is done.
    bool may_end_early() const { return fail_fast || drain_at || store_fails_at || ends_at; }
};

// By what jobs of that template are shorter than others.
std::uint32_t shortened_by(const Scenario& s, std::uint32_t t);

Scenario random_scenario(std::uint64_t seed);
// The same without its streams.
Scenario without_streams(Scenario s);
// One launch that loses ranks, and comes to its end.
Scenario random_losses(std::uint64_t seed);
// The launch that goes on with the run when `before` has ended early or was killed: perhaps on other brokers. The last
// of kMostLaunches is left alone.
inline constexpr std::uint32_t kMostLaunches = 4;
Scenario next_launch(const Scenario& before);
// The same for one that lost ranks: this one loses none, and comes to the end.
Scenario undisturbed_launch(const Scenario& before);

// Whether an attempt fails is a matter of the seed and the job alone, so that a model knows it too. `before`: attempts
// in earlier launches, which do not count for what a job may have.
struct AttemptFate {
    bool fails = false, crashes = false;
};
AttemptFate fate_of_attempt(const Scenario& s, const Plan& plan, PipelineId pipeline, std::uint32_t job,
                            std::uint32_t attempt);
bool is_last_attempt(const Scenario& s, const Plan& plan, PipelineId pipeline, std::uint32_t job, std::uint32_t attempt,
                     std::uint32_t before);
// All of its attempts.
bool fails(const Scenario& s, const Plan& plan, PipelineId pipeline, std::uint32_t job, std::uint32_t before);

}  // namespace penstock::sim
