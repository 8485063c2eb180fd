// What a driver function has started, and what became of it.
//
// Threads: started pipelines are added and waited for by the program's threads; pipeline_ended() is the pump's. A
// pipeline may end before add() has heard its number: that is remembered, never missed.
#pragma once

#include "cli/submitter.hpp"
#include "report/observer.hpp"

#include <penstock/pipeline_manager.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace penstock {

class PipelineLedger : public RunObserver {
public:
    // `submit` is Submitter::submit for one, `stopping` Submitter::stopping.
    using Submit = std::function<PipelineId(Submission)>;
    using Stopping = std::function<bool()>;

    PipelineNumber start(Submission submission, const Submit& submit);

    void pipeline_ended(const PipelineEnded& ended) override;

    // Each throws PipelineError for a pipeline that was not started here.
    PipelineStatus status(PipelineNumber pipeline) const;
    std::shared_ptr<const Plan> plan(PipelineNumber pipeline) const;
    PipelineStatus wait(PipelineNumber pipeline, const Stopping& stopping);

    std::optional<PipelineStatus> wait_any(const Stopping& stopping);
    std::vector<PipelineStatus> wait_all(const Stopping& stopping);
    enum class Which { all, running, finished };
    std::vector<PipelineStatus> list(Which which) const;
    std::optional<PipelineNumber> find(const std::string& name, const std::string& instance) const;
    // How many have finished: results may have changed when this has.
    std::uint64_t finished() const;

private:
    struct Entry {
        PipelineStatus status;
        std::shared_ptr<const Plan> plan;
    };
    using Entries = std::map<PipelineNumber, Entry>;

    const Entry& entry(PipelineNumber pipeline) const;
    void finish(Entry& entry, const PipelineStatus& outcome);
    void wait_until(std::unique_lock<std::mutex>& lock, const Stopping& stopping, const std::function<bool()>& done);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    Entries entries_;
    std::map<std::pair<std::string, std::string>, PipelineNumber> by_name_;
    std::deque<PipelineNumber> unreturned_;  // finished, not returned by wait_any() yet
    std::uint64_t finished_ = 0;
    std::uint64_t starting_ = 0;                      // calls of start() under way
    std::map<PipelineNumber, PipelineStatus> early_;  // ended while they were
};

}  // namespace penstock
