// The streams at a simulated broker: its own stream_node, with lanes that do in virtual time what the script of each
// stage says, and worker processes that die.
#pragma once

#include "run/stream_node.hpp"
#include "sim/sim_writer.hpp"
#include "sim/stage_scripts.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

namespace penstock::sim {

class SimStreams final : private StreamHost, private test::StageScripts {
public:
    SimStreams(World& world, std::uint32_t rank, SimWriter& writer, std::function<void()> wake);

    template <class M>
    void on(const M& m, std::uint32_t from, Outbox& out) requires requires(StreamNode& node) {
        node.on(m, from, out);
    }
    { node_.on(m, from, out); }
    void start(std::uint32_t lane, JobStart start) { node_.start(lane, std::move(start)); }
    void abandon(PipelineId id, Outbox& out) { node_.abandon(id, out); }
    void forget(PipelineId id) { node_.forget(id); }
    // Outcomes of stages' workers that have ended are appended.
    void turn(Outbox& out, std::vector<penstock::Outcome>& ended);
    void kill() { killed_ = true; }

    // It was stopped because the run ends.
    bool ended_with_the_run(PipelineId id) const { return node_.ended_with_the_run(id); }
    std::size_t streams() const { return node_.streams(); }
    std::uint64_t ignored() const { return node_.ignored(); }

private:
    struct Lane {
        std::deque<Ticket> tickets;  // the front one runs while busy
        bool busy = false;
        std::uint64_t run = 0;  // of its tickets; the end of an earlier one means nothing
    };

    void run(std::uint32_t lane, Ticket ticket) override;
    void cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) override;
    void store(const std::shared_ptr<const PipelineContext>& pipeline, const JobTemplate& stage, std::uint32_t attempt,
               std::uint64_t first, StreamItems items) override;
    bool may_store() const override { return !writer_.full() && !writer_.broken(); }
    std::uint64_t stored() const override { return writer_.items_added(); }
    std::uint64_t durable() const override { return writer_.items_durable(); }

    void begin(std::uint32_t lane);
    void finish(std::uint32_t lane, std::uint64_t run, Nanoseconds started);
    void come(penstock::Outcome outcome);
    void look_now_and_then();

    World& world_;
    std::uint32_t rank_;
    SimWriter& writer_;
    std::function<void()> wake_;
    Random random_;
    std::map<std::uint32_t, Lane> lanes_;
    std::vector<penstock::Outcome> outcomes_;
    bool killed_ = false, will_look_ = false;
    StreamNode node_;
};

}  // namespace penstock::sim
