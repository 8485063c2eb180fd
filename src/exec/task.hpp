// What a broker hands to its lanes, and what comes back.
//
// A lane is one worker slot: it runs one job at a time, in order. How it runs it depends on the job: in a worker
// process, inline on the lane's own thread, or as an external command (worker types with `external`).
#pragma once

#include "core/plan.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

// What all jobs of one pipeline share at a broker. Immutable; kept alive by the tickets that use it.
// `plan->templates` may be partly empty at a broker: only blocks it was given are filled in.
struct PipelineContext {
    std::shared_ptr<const Plan> plan;
    PipelineInfo info;
};

// The values of one job's Binding::From::outputs bindings, in the order of those bindings: what the producers made.
// A list binding has a List. Null where the producer has no value and `missing` allows it.
struct FetchedInputs {
    std::vector<Value> values;  // fewer than bindings when one that must have a value has none
    std::string problem;  // a value that is there and could not be read: the job fails with it, whatever `missing` says
    bool lost = false;    // it was made in an earlier launch: the next one makes it again, and then runs this job
    friend bool operator==(const FetchedInputs&, const FetchedInputs&) = default;
};

// One job to run. 64 bytes or so; inputs are materialized by the lane, not by the broker's pump.
struct Ticket {
    std::uint64_t id = 0;  // unique within the broker
    std::shared_ptr<const PipelineContext> pipeline;
    const JobTemplate* job = nullptr;  // points into pipeline->plan
    std::uint32_t instance = 0;
    std::uint32_t attempt = 1;
    std::unique_ptr<FetchedInputs> inputs;  // null when no binding reads outputs
    std::unique_ptr<Document> batch;        // for a worker of a stage (stage_batch.hpp); null for a job
};

// Why an attempt ended; the text of /attempts/reason.
enum class EndReason : std::uint8_t {
    succeeded,
    exception,
    missing_key,
    bad_output,
    exit_code,
    signal,
    timeout,
    memory,
    lost_broker,
    cancelled,
    store,
};
std::string_view end_reason_name(EndReason reason);

// The uncommon part of an outcome.
struct OutcomeDetails {
    EndReason reason = EndReason::succeeded;
    bool crashed = false;  // the job ended its worker process
    std::string error;     // one or more sentences for people: what, why, what to do
    int exit_code = 0;
    int signal = 0;
    std::uint64_t peak_memory_bytes = 0;
    double cpu_s = 0;
    std::string log;  // what the job logged or printed, already bounded; "" = nothing
};

struct Outcome {
    std::uint64_t ticket = 0;
    Nanoseconds started = 0;  // steady clock of this host
    Nanoseconds finished = 0;
    std::uint32_t lane = 0;
    bool succeeded = true;
    std::unique_ptr<Document> outputs;        // null = the job made nothing
    std::size_t outputs_bytes = 0;            // of memory; 0 = not weighed
    std::unique_ptr<OutcomeDetails> details;  // null = succeeded and nothing to tell
};

}  // namespace penstock
