// Serves the tickets of a stage's worker: keeps its object from one ticket to the next.
//
// Where user code runs: on the thread that calls serve(), but for functions that emit, which may have to wait in the
// middle of something: they have a thread of their own. When there is a portion of results (stage_items.hpp), serve()
// answers with it, and user code stays within emit() until it is asked to go on.
//
// Lifetime: an object ends with its finish() or generate(), with a request of another stream job, and with this one.
// User code that waits in emit() then is left by an exception that is no std::exception.
#pragma once

#include "exec/job_context.hpp"
#include "exec/stage_batch.hpp"

#include <penstock/worker.hpp>

#include <cstdint>
#include <memory>

namespace penstock {

// The object of one worker of a stage, and what keeps it going.
class StageObject {
public:
    virtual ~StageObject() = default;
    virtual StageAnswer serve(StageRequest request, std::uint32_t attempt) = 0;
    virtual bool ended() const = 0;              // there is nothing more it could be asked for
    virtual double thread_cpu_s() { return 0; }  // CPU time so far of the thread it has
};

// CPU seconds of the thread an object has, if it has one, which may also work between two tickets.
struct ThreadTime {
    double before = 0;  // since the ticket before
    double during = 0;  // the ticket
};

class StageServer {
public:
    explicit StageServer(const WorkerTypes& types) : types_(types) {}

    // What user code throws is in the answer. Throws std::system_error when there is no thread for it, and
    // std::runtime_error for an unknown type.
    StageAnswer serve(const JobPlace& place, const JobInstance& job, StageRequest request);
    bool is_source() const { return form_ == StageForm::source; }  // what was served last
    ThreadTime thread_time() const { return thread_time_; }        // of the last ticket

private:
    void make_object(const WorkerType& type, const JobPlace& place, const JobInstance& job,
                     const StageRequest& request);

    const WorkerTypes& types_;
    std::unique_ptr<StageObject> object_;
    std::uint64_t stream_job_ = 0;
    StageForm form_ = StageForm::none;
    double thread_cpu_s_ = 0;  // of the object's thread at the end of the last ticket
    ThreadTime thread_time_;
};

}  // namespace penstock
