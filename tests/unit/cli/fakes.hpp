// Stand-ins for the run: a feed that only takes note, a session that plays a script, plans without a definition.
#pragma once

#include "cli/streams.hpp"
#include "run/run.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace penstock {

inline std::shared_ptr<const Plan> plan_named(const std::string& name, const std::vector<std::string>& jobs = {"job"}) {
    auto plan = std::make_shared<Plan>();
    plan->name = name;
    for (const std::string& job : jobs) {
        JobTemplate one;
        one.name = job;
        one.worker = "noop";
        one.first_job = JobIndex(plan->job_count++);
        plan->templates.push_back(one);
    }
    return plan;
}

class FakeFeed : public Feed {
public:
    PipelineId submit(Submission submission) override {
        if (stops) throw FeedStopped("the run ends early");
        const PipelineId id(next_id++);
        if (on_submit) on_submit(id, submission);
        const std::scoped_lock lock(mutex_);
        submitted.push_back(std::move(submission));
        return id;
    }
    void close() override { closed = true; }
    bool stopping() const override { return stops; }

    std::function<void(PipelineId, const Submission&)> on_submit;
    std::vector<Submission> submitted;
    std::atomic<std::uint32_t> next_id = 1;
    std::atomic<bool> stops = false;
    bool closed = false;

private:
    std::mutex mutex_;
};

// Tells an observer that a pipeline has ended.
inline void tell_ended(RunObserver& observer, PipelineId id, const Submission& submission, std::uint64_t failed = 0) {
    PipelineContext context{submission.plan, {}};
    context.info.id = id;
    context.info.instance = submission.instance;
    PipelineEnded ended;
    ended.pipeline = &context;
    ended.status = failed == 0 ? JobStatus::succeeded : JobStatus::failed;
    ended.succeeded = submission.plan->job_count - failed;
    ended.failed = failed;
    ended.duration_s = 0.5;
    observer.pipeline_ended(ended);
}

struct TestStreams {
    std::istringstream in;
    std::ostringstream out, err;
    Streams streams{in, out, err};
};

}  // namespace penstock
