// What the object of a stage's worker sees of where it is. It outlives the tickets, so that all of it is its own.
#pragma once

#include "exec/job_context.hpp"
#include "exec/stage_batch.hpp"

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

namespace penstock {

class StageSetting {
public:
    StageSetting(const JobPlace& place, const JobInstance& job, const StageRequest& request)
        : description_(*job.description),
          parameters_(*job.parameters),
          label_(job.label),
          place_(place),
          instance_(job),
          context_(place_, instance_) {
        instance_.description = &description_;
        instance_.parameters = &parameters_;
        instance_.label = label_;
        instance_.for_each = nullptr;
        instance_.worker = request.worker;
        instance_.workers = request.workers;
        instance_.abandoned = &abandoned;
    }
    StageSetting(const StageSetting&) = delete;
    ~StageSetting() { context_.remove_scratch(); }

    Context& context() { return context_; }
    void set_attempt(std::uint32_t attempt) { instance_.attempt = attempt; }
    void print_with(std::function<void(std::string_view)> print) { place_.print = std::move(print); }

    std::atomic<bool> abandoned{false};  // nobody wants what the object makes any more

private:
    JobDescription description_;
    Document parameters_;
    std::string label_;
    JobPlace place_;
    JobInstance instance_;
    JobContext context_;
};

}  // namespace penstock
