// One call of process(), or one ticket of a stage, and what came of it.
#pragma once

#include "exec/error_text.hpp"
#include "exec/job_context.hpp"
#include "exec/stage_server.hpp"
#include "exec/task.hpp"

#include <penstock/worker.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

struct AttemptResult {
    EndReason reason = EndReason::succeeded;
    std::string error;  // at most kMaxErrorBytes of UTF-8
    Document outputs;
    ThreadTime thread;  // of a ticket: of the thread the stage's object has
};

// The Worker objects of one worker process or executor thread, one a type, made and started when first needed.
class WorkerObjects {
public:
    explicit WorkerObjects(const WorkerTypes& types) : types_(types) {}

    // Never throws: whatever the user's code throws is the attempt's result. process() must return exactly the keys of
    // makes(): a missing one fails the job by name, and so does one that was not declared (nobody could ask for it).
    AttemptResult run(const JobPlace& place, const JobInstance& job, const Document& document);
    // The ticket of a stage: its outputs are a StageAnswer, which also says what user code threw. The attempt fails
    // when there is no answer: the request is damaged, or a source was stopped before it had made all.
    AttemptResult run_stage(const JobPlace& place, const JobInstance& job, Document batch);

private:
    Worker& worker(const std::string& type);

    const WorkerTypes& types_;
    std::map<std::string, std::unique_ptr<Worker>, std::less<>> workers_;
    std::optional<StageServer> stage_;
};

}  // namespace penstock
