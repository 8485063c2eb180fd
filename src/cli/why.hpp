// Why a job failed, was skipped, or has not ended, in plain words. Pure: what is known is handed in.
#pragma once

#include "core/plan.hpp"
#include "report/waiting_file.hpp"
#include "store/results.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

// What a run is known to have done.
struct RunSoFar {
    std::string program = "penstock";  // for the commands that are named
    std::string run;                   // X.h5
    const std::vector<JobRow>* rows = nullptr;
    std::function<std::vector<AttemptRow>(const JobRow&)> attempts;
    const Plan* plan = nullptr;  // of the job's pipeline; null = not known
    enum class State { goes_on, ended, unknown } state = State::unknown;
    std::string owner;                 // of the run that goes on: "process 4711 on node17"
    std::vector<WaitingText> waiting;  // what the run itself said last; empty = nothing
    double waiting_written_s = 0;      // and when, since the Unix epoch
};

// Of a job that has a row.
std::string why_text(const RunSoFar& run, const JobRow& row);
// Of one that has none: job `instance` of a template of run.plan.
std::string why_not_yet_text(const RunSoFar& run, const std::string& pipeline_instance, const JobTemplate& job,
                             std::uint32_t instance);

}  // namespace penstock
