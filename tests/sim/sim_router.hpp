// The router with a simulated writer and a feed of submissions: what src/run/router_node does with real ones.
#pragma once

#include "core/router.hpp"
#include "sim/sim_writer.hpp"
#include "sim/world.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace penstock::sim {

class SimRouter final : private RouterEvents {
public:
    SimRouter(World& world, std::function<void()> wake);

    void on(const RouterMessage& message, std::uint32_t from, Outbox& out);
    // Submits what is due, takes up what is durable, hands out work.
    void turn(Outbox& out);
    void drain() {
        drain_asked_ = true;
        wake_();
    }
    void end_now() {
        end_asked_ = true;
        wake_();
    }

    void kill() { writer_.kill(); }
    void lose(std::uint32_t rank, Outbox& out) { router_.lose(rank, out); }
    bool gave_up() const { return gave_up_; }

    bool finished() const { return router_.over(); }
    const Router& router() const { return router_; }
    std::uint64_t refused() const { return refused_; }

private:
    void started(PipelineId) override {}
    void ran(PipelineId pipeline, const msg::Ended& ended, std::uint32_t broker) override;
    void attempt_failed(PipelineId pipeline, const msg::AttemptFailed& failed, std::uint32_t broker) override;
    void skipped(PipelineId pipeline, const JobRun& jobs, JobIndex cause) override;
    void refused(PipelineId pipeline, const msg::Refused& refused, std::uint32_t broker) override;
    void pipeline_over(PipelineId pipeline) override;
    void reached(PipelineId pipeline, const std::shared_ptr<const StreamPosition>& position) override;
    void plan_forgotten(PlanId, const Plan&) override {}
    void store_failed(std::uint32_t, const std::string&) override {}

    void recover(PipelineId pipeline, std::uint32_t epoch, const std::vector<HeldOutputs>& held) override;
    void lost(PipelineId pipeline, const std::vector<AssignedJobs::Run>& attempts, std::uint32_t rank,
              bool final) override;
    void cannot_go_on(const std::string&) override { gave_up_ = true; }

    struct ToRecover {
        PipelineId pipeline;
        std::uint32_t epoch = 0;
        std::vector<HeldOutputs> held;
        std::uint64_t own_records = 0;  // have to be durable first
    };
    void recover_further(Outbox& out);
    JobHistory found(const ToRecover& what) const;
    void answer(const msg::FindStored& question, std::uint32_t from, Outbox& out) const;

    void plan_next_submission();
    void plan_next_look();
    void close_streams(Outbox& out);
    Nanoseconds clock() const;
    void submit_next(Outbox& out);
    std::shared_ptr<const JobHistory> history(PipelineId id, const Plan& plan);

    World& world_;
    std::function<void()> wake_;
    SimWriter writer_;
    Router router_;
    std::size_t submitted_ = 0;
    std::uint64_t over_ = 0, refused_ = 0;
    std::uint64_t own_durable_ = 0;
    std::map<PipelineId, std::shared_ptr<const Resumption>> kept_;  // where outputs are that are not at a broker
    std::vector<PipelineId> to_close_;                              // streams
    std::vector<ToRecover> to_recover_;
    std::vector<std::pair<ToRecover, JobHistory>> found_;
    bool gave_up_ = false;
    std::optional<Nanoseconds> looks_at_;  // when it is waked because something is due
    bool due_ = false, waits_for_previous_ = false, closed_ = false, drain_asked_ = false, end_asked_ = false;
};

}  // namespace penstock::sim
