// A broker with simulated lanes, values and writer: what src/run/broker_node does with real ones.
#pragma once

#include "core/broker.hpp"
#include "sim/sim_streams.hpp"
#include "sim/sim_values.hpp"
#include "sim/sim_writer.hpp"
#include "sim/world.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace penstock::sim {

class SimBroker final : private BrokerHost {
public:
    // `wake` asks for a turn of this rank.
    SimBroker(World& world, const BrokerDescription& what, std::function<void()> wake);

    void on(const BrokerMessage& message, std::uint32_t from, Outbox& out);
    // Takes up what lanes and writer have done since, and settles.
    void turn(Outbox& out);

    bool finished() const { return finished_ || killed_; }
    const Broker& broker() const { return broker_; }
    const SimValues& values() const { return values_; }
    const SimStreams& streams() const { return streams_; }
    void break_store() { writer_.break_down(); }
    void kill() {
        killed_ = true;
        streams_.kill();
        writer_.kill();
    }
    bool killed() const { return killed_; }

private:
    struct LaneJob {
        JobStart start;
        std::unique_ptr<FetchedInputs> inputs;
    };
    struct Lane {
        std::deque<LaneJob> jobs;  // the front one runs while busy
        bool busy = false;
        std::uint64_t run = 0;      // of its jobs; the end of an earlier one means nothing
        std::uint32_t claimed = 0;  // at the front: can no longer be taken back
    };
    struct Outcome {
        std::uint64_t ticket = 0;
        bool succeeded = true;
        bool crashed = false;
        Nanoseconds busy = 0;
        bool told_to_end = false;
    };

    void start(std::uint32_t lane, std::vector<JobStart> jobs) override;
    std::vector<std::uint64_t> take_back(std::uint32_t lane) override;
    bool may_start() const override { return !writer_.full() && !writer_.broken(); }
    void fetch(const JobStart& job, std::uint32_t holder, bool located, std::uint32_t pipeliner) override;
    void forget_inputs(std::uint64_t ticket) override { values_.forget_inputs(ticket); }
    void release(const JobRun& jobs) override;
    std::vector<JobRun> held(PipelineId pipeline) override;
    void abandon_stream(PipelineId pipeline) override { streams_.abandon(pipeline, *out_); }
    void forget(PipelineId pipeline) override;
    void forget(PlanId plan) override {
        plans_.erase(plan);
        values_.forget(plan);
    }
    void flush() override { writer_.flush_soon(); }
    void stop() override { stopping_ = true; }

    void receive_plan(const msg::PlanBlock& m, Outbox& out, std::uint32_t from);

    JobRef ref(const JobStart& s) const;
    void begin(std::uint32_t lane);
    void look_for_idle_lane() const;
    void finish(std::uint32_t lane, std::uint64_t run, Nanoseconds busy);
    void end_attempt(std::uint32_t lane, std::uint64_t ticket) override;
    void end_soon(std::uint32_t lane);
    JobStart take_first(std::uint32_t lane);
    void take_outcomes(Outbox& out);
    void take_stage(const penstock::Outcome& outcome, Outbox& out);
    void take_durable(Outbox& out);
    void arrive();

    World& world_;
    std::uint32_t rank_;
    std::uint32_t slots_;
    std::function<void()> wake_;
    SimWriter writer_;
    SimValues values_;
    SimStreams streams_;
    Broker broker_;
    Outbox* out_ = nullptr;  // of the call being served
    std::deque<Lane> lanes_;
    std::vector<Outcome> outcomes_;
    std::set<std::uint64_t> ending_;                 // tickets of jobs that are to be ended as soon as they run
    std::map<PlanId, std::shared_ptr<Plan>> plans_;  // as far as it was sent
    std::set<PipelineId> forgotten_;
    std::uint64_t durable_told_ = 0;
    bool failure_told_ = false, stopping_ = false, finished_ = false;
    bool killed_ = false;
};

}  // namespace penstock::sim
