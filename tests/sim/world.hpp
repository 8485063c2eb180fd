// The simulated world: virtual time, what really happened to each job, and the checkers that watch it.
//
// Nothing of the roles' own bookkeeping is believed here: a job has started when a lane starts it, a record is durable
// when a writer has synced it.
#pragma once

#include "protocol/messages.hpp"
#include "sim/disk.hpp"
#include "sim/job_state.hpp"
#include "sim/scenario.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock::sim {

// Some promise was broken: by which checker it was seen, and what it saw.
class Violation : public std::runtime_error {
public:
    Violation(std::string checker, const std::string& what)
        : std::runtime_error(checker + ": " + what), checker_(std::move(checker)) {}
    const std::string& checker() const { return checker_; }

private:
    std::string checker_;
};

struct PipelineTruth {
    std::shared_ptr<const Plan> plan;
    std::vector<JobState> state;  // per job
    struct Tally {
        std::uint32_t ended = 0, succeeded = 0;  // ended: skipped ones too
    };
    std::vector<Tally> tally;  // per template

    // What earlier launches have left of it; both empty when that is nothing.
    std::vector<bool> kept_jobs;
    std::vector<std::uint32_t> attempts;

    bool ended(std::uint32_t job) const { return state[job] >= JobState::succeeded; }
    bool kept(std::uint32_t job) const { return !kept_jobs.empty() && kept_jobs[job]; }
    std::uint32_t attempts_before(std::uint32_t job) const { return attempts.empty() ? 0 : attempts[job]; }
};

class World;
class Cluster;

// One promise, watched. Each function is told before the world changes by it; fail() breaks off the simulation.
class Checker {
public:
    virtual ~Checker() = default;
    virtual std::string name() const = 0;
    // Whether it is also told of the jobs of streams, which are placed and end in a way of their own.
    virtual bool sees_streams() const { return false; }

    virtual void starts(const JobRef&, std::uint32_t /*broker*/) {}
    virtual void ends(const JobRef&, std::uint32_t /*broker*/, bool /*succeeded*/) {}
    // It will start in that lane, unless it is taken back; `choice`: there was another.
    virtual void gets_lane(const JobRef&, std::uint32_t /*broker*/, std::uint32_t /*lane*/, bool /*choice*/) {}
    // Beside starts() and ends(), which say nothing of attempts.
    virtual void attempt_starts(const JobRef&, std::uint32_t /*attempt*/, std::uint32_t /*broker*/) {}
    virtual void attempt_fails(const JobRef&, std::uint32_t /*attempt*/, std::uint32_t /*broker*/, bool /*crashed*/) {}
    virtual void is_tried_again(const JobRef&, std::uint32_t /*broker*/) {}  // instead of ends()
    virtual void told_again(const msg::AttemptFailed&, std::uint32_t /*broker*/) {}
    virtual void is_skipped(const JobRef&, std::uint32_t /*cause*/) {}     // a pipeliner decided so
    virtual void told_ran(const msg::Ended&, std::uint32_t /*broker*/) {}  // the router told its driver
    virtual void told_skipped(const JobRun&) {}                            // likewise
    virtual void recorded(const JobRef&, std::uint32_t /*writer*/, std::uint64_t /*record*/, bool /*final*/) {}
    virtual void synced(std::uint32_t /*writer*/, std::uint64_t /*up_to*/) {}
    virtual void is_over(PipelineId) {}
    virtual void closed(PipelineId) {}                                    // a stream, by the driver function
    virtual void stored(const Disk::Items&, std::uint32_t /*broker*/) {}  // not durable yet
    // By the lane of a stage's worker, with so many items.
    virtual void answered(PipelineId, JobIndex, std::uint64_t /*items*/, std::uint32_t /*broker*/) {}
    virtual void reached(PipelineId, const StreamPosition&) {}     // so far, as the router told its driver
    virtual void kept(const JobRef&, std::uint32_t /*broker*/) {}  // outputs, at the broker that made them
    virtual void released(const JobRef&, std::uint32_t /*broker*/, bool /*was_there*/) {}
    virtual void forgotten(PipelineId, std::uint32_t /*broker*/) {}
    // An input: what that attempt of the producer has made; 0: nothing.
    virtual void gathered(const JobRef&, const JobRef& /*producer*/, std::uint32_t /*attempt*/) {}
    virtual void given_up(const JobRef&) {}            // so many ranks were lost under it
    virtual void rank_lost(std::uint32_t /*rank*/) {}  // as rank 0 sees it
    virtual void sent(const Envelope&) {}
    virtual void received(const Envelope&) {}
    virtual void handed_out() {}  // the router has sent what it could
    virtual void finished(const Cluster&) {}

    void watch(const World& world) { world_ = &world; }

protected:
    const World& world() const { return *world_; }
    [[noreturn]] void fail(const std::string& what) const { throw Violation(name(), what); }

private:
    const World* world_ = nullptr;
};

class World {
public:
    // The "rank" of the writer of the router's own records.
    static constexpr std::uint32_t kRouterWriter = 0xffffffff;

    // `disk`: of the run, as earlier launches have left it.
    World(const Scenario& s, Disk& disk, std::vector<std::unique_ptr<Checker>> checkers);

    const Scenario& scenario() const { return scenario_; }
    Nanoseconds now() const { return now_; }
    Random& random() { return random_; }
    Disk& disk() { return disk_; }
    const Disk& disk() const { return disk_; }
    // Of the pipelines of this run, as the disk had them when the launch began.
    const std::map<JobRef, Disk::Known>& known() const { return known_; }

    void at(Nanoseconds time, std::function<void()> event);
    void after(Nanoseconds delay, std::function<void()> event) { at(now_ + delay, std::move(event)); }
    // Lets the next thing happen; false when nothing is left to happen.
    bool step();
    // When that is; none when there is nothing.
    std::optional<Nanoseconds> next() const {
        return events_.empty() ? std::nullopt : std::optional(events_.top().time);
    }

    void submit(PipelineId id, std::shared_ptr<const Plan> plan);
    void start(const JobRef& job, std::uint32_t broker);
    void again(const JobRef& job, std::uint32_t broker);
    void end(const JobRef& job, std::uint32_t broker, bool succeeded);
    void skip(const JobRef& job, std::uint32_t cause);

    const PipelineTruth& truth(PipelineId id) const { return truth_.at(id); }
    const std::unordered_map<PipelineId, PipelineTruth>& pipelines() const { return truth_; }

    template <class F>
    void tell(F&& f) {
        for (const auto& checker : checkers_) f(*checker);
    }

    bool may_be_closed(PipelineId id) const { return scenario_.submissions[id.value - 1].closed_after.has_value(); }
    bool is_stream(PipelineId id) const {
        const auto at = truth_.find(id);
        return at != truth_.end() && at->second.plan->is_stream();
    }
    // What is said of a job of that pipeline.
    template <class F>
    void tell_of(PipelineId id, F&& f) {
        const bool stream = is_stream(id);
        for (const auto& checker : checkers_)
            if (!stream || checker->sees_streams()) f(*checker);
    }

private:
    struct Event {
        Nanoseconds time = 0;
        std::uint64_t number = 0;  // what was planned first happens first
        std::function<void()> happen;
    };
    struct Later {
        bool operator()(const Event& a, const Event& b) const {
            return a.time != b.time ? a.time > b.time : a.number > b.number;
        }
    };
    void count_end(PipelineTruth& p, std::uint32_t job, JobState state);

    const Scenario& scenario_;
    Disk& disk_;
    const std::map<JobRef, Disk::Known> known_;
    Random random_;
    std::vector<std::unique_ptr<Checker>> checkers_;
    Nanoseconds now_ = 0;
    std::uint64_t planned_ = 0;
    std::priority_queue<Event, std::vector<Event>, Later> events_;
    std::unordered_map<PipelineId, PipelineTruth> truth_;
};

}  // namespace penstock::sim
