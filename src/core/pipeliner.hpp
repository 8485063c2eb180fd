// The pipeliner: knows which job follows which.
//
// A pure state machine: messages in, messages out; no clock, no input or output. For each pipeline given to it, it
// tells the router what is ready, learns from brokers what has ended, skips what can no longer run, and says when
// outputs can be forgotten. Per job it keeps one byte of status, and two or four more where outputs or per-instance
// dependencies exist (PipelineProgress).
#pragma once

#include "core/pipeline_progress.hpp"
#include "protocol/messages.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace penstock {

class Pipeliner {
public:
    static constexpr std::uint32_t kMostAtOnce = 4096;  // pipelines in a StartPipelines; more make no sense

    void on(const msg::StartPlan& m, std::uint32_t from, Outbox& out);
    void on(const msg::Earlier& m, std::uint32_t from, Outbox& out);
    void on(const msg::StartPipelines& m, std::uint32_t from, Outbox& out);
    void on(const msg::Restart& m, std::uint32_t from, Outbox& out);
    void on(const msg::Ended& m, std::uint32_t from, Outbox& out);
    void on(const msg::Locate& m, std::uint32_t from, Outbox& out);
    void on(const msg::ForgetPlan& m, std::uint32_t from, Outbox& out);
    void on(const msg::Alive&, std::uint32_t, Outbox&) {}  // these three are its driver's
    void on(const msg::RankLost&, std::uint32_t, Outbox&) {}
    void on(const msg::Leave&, std::uint32_t, Outbox&) {}
    void on(const msg::Stop& m, std::uint32_t from, Outbox& out);

    // True after Stop: nothing will be sent any more.
    bool stopped() const { return stopped_; }
    std::size_t active_pipelines() const { return pipelines_.size(); }
    std::size_t known_plans() const { return plans_.size(); }
    // What is known of pipelines beside how far they are.
    std::size_t remembers() const { return histories_.size() + epochs_.size() + early_.size(); }
    // Messages that spoke of jobs this pipeliner does not have; counted, never fatal.
    std::uint64_t ignored() const { return ignored_; }

private:
    // A follower that was taken back runs at another broker than its producer, and that broker may be heard first.
    struct Early {
        msg::Ended ended;
        std::uint32_t from = 0;
    };
    enum class Taken { yes, too_early, nonsense };
    void start(PipelineId id, PlanId plan, Outbox& out);
    void forget(PipelineId id);
    std::uint32_t epoch_of(PipelineId id) const;
    static Taken take(const msg::Ended& m, std::uint32_t from, PipelineProgress& progress, Changes& changes);
    void take_early(std::vector<Early>& early, PipelineProgress& progress, Changes& changes);
    void tell(PipelineId id, PipelineProgress& progress, const Changes& changes, Outbox& out);
    void tell_ready(PipelineId id, const Changes::ReadyRun& run, Outbox& out) const;

    std::unordered_map<PlanId, std::shared_ptr<const Structure>> plans_;
    std::unordered_map<PipelineId, PipelineProgress> pipelines_;
    std::unordered_map<PipelineId, std::shared_ptr<const JobHistory>> histories_;  // of those resumed, not done
    std::unordered_map<PipelineId, std::vector<Early>> early_;  // no more than followers under way; never empty lists
    std::unordered_map<PipelineId, std::uint32_t> epochs_;      // of those that were restarted
    std::uint64_t ignored_ = 0;
    bool stopped_ = false;
};

}  // namespace penstock
