// One call of process(), and what came of it.
#pragma once

#include "exec/job_context.hpp"
#include "exec/task.hpp"

#include <penstock/worker.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace penstock {

inline constexpr std::size_t kMaxErrorBytes = 16 * 1024;

struct AttemptResult {
    EndReason reason = EndReason::succeeded;
    std::string error;  // at most kMaxErrorBytes of UTF-8
    Document outputs;
};

// Error text as it may be kept: valid UTF-8, cut with a note when too long.
std::string bounded_error(std::string_view text);

// The Worker objects of one worker process or executor thread, one a type, made and started when first needed.
class WorkerObjects {
public:
    explicit WorkerObjects(const WorkerTypes& types) : types_(types) {}

    // Never throws: whatever the user's code throws is the attempt's result. process() must return exactly the keys of
    // makes(): a missing one fails the job by name, and so does one that was not declared (nobody could ask for it).
    AttemptResult run(const JobPlace& place, const JobInstance& job, const Document& document);

private:
    Worker& worker(const std::string& type);

    const WorkerTypes& types_;
    std::map<std::string, std::unique_ptr<Worker>, std::less<>> workers_;
};

}  // namespace penstock
