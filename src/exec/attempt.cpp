#include "exec/attempt.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <stdexcept>

namespace penstock {

namespace {

// Both are sorted.
std::string wrong_outputs(const JobDescription& job, const Document& outputs) {
    const auto same = [](const auto& output, const std::string& key) { return output.first == key; };
    if (std::equal(outputs.begin(), outputs.end(), job.makes.begin(), job.makes.end(), same)) return {};
    for (const std::string& key : job.makes)
        if (!outputs.contains(key))
            return fmt::format(
                "the worker {} did not return \"{}\", which its makes() lists; every job of this type "
                "has to return all of: {}",
                job.worker, key, fmt::join(job.makes, ", "));
    for (const auto& [key, value] : outputs)
        if (!std::binary_search(job.makes.begin(), job.makes.end(), key))
            return fmt::format(
                "the worker {} returned \"{}\", which its makes() does not list; add it there, or do "
                "not return it",
                job.worker, key);
    return {};
}

AttemptResult failure(EndReason reason, std::string_view error) { return {reason, bounded_error(error), {}, {}}; }

}  // namespace

AttemptResult WorkerObjects::run(const JobPlace& place, const JobInstance& job, const Document& document) {
    JobContext context(place, job);
    try {
        AttemptResult result;
        result.outputs = worker(job.description->worker).process(document, context);
        if (std::string wrong = wrong_outputs(*job.description, result.outputs); !wrong.empty())
            return failure(EndReason::bad_output, wrong);
        context.remove_scratch();
        return result;
    } catch (...) {
        return failure(EndReason::exception, current_error());
    }
}

AttemptResult WorkerObjects::run_stage(const JobPlace& place, const JobInstance& job, Document batch) {
    try {
        if (!stage_) stage_.emplace(types_);
        AttemptResult result;
        StageAnswer answer = stage_->serve(place, job, stage_request(std::move(batch)));
        result.thread = stage_->thread_time();
        if (!answer.more && stage_->is_source() && place.cancelled->load(std::memory_order_relaxed) != 0)
            return failure(EndReason::exception, "the source was stopped before it had made all of its items");
        result.outputs = to_document(std::move(answer));
        return result;
    } catch (...) {
        return failure(EndReason::exception, current_error());
    }
}

Worker& WorkerObjects::worker(const std::string& name) {
    const auto known = workers_.find(name);
    if (known != workers_.end()) return *known->second;
    const auto type = std::find_if(types_.begin(), types_.end(), [&](const WorkerType& t) { return t.name == name; });
    if (type == types_.end()) throw std::runtime_error(fmt::format("this program has no worker type \"{}\"", name));
    std::unique_ptr<Worker> fresh = type->create();
    fresh->start();  // one that throws is made anew for the next job
    return *workers_.emplace(name, std::move(fresh)).first->second;
}

}  // namespace penstock
