// What earlier launches of a run have made durable, matched with what is to run now.
//
// A job is the same as before when pipeline name, the pipeline's own data, job name and for-each values are, whatever
// its position; it is taken as done when its hash is the same too (job_hash(): worker, parameters, inputs, data).
// Threads: one at a time. Memory: about 70 bytes a job that is known, until destroyed.
#pragma once

#include "core/job_history.hpp"
#include "core/plan.hpp"
#include "store/collect.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

class DurableJobs {
public:
    struct Options {
        bool retry_failed = false;      // failed jobs are not taken as done
        bool values_elsewhere = false;  // in a user's store: a job whose outputs a job that runs needs runs again
        bool in_launch = false;  // by the launch itself, which goes on writing: files are read under names of their own
    };

    // Of a pipeline that this launch works on.
    struct Now {
        const JobHistory* at_start = nullptr;  // when it was submitted; null: nothing was known of it
        const std::vector<HeldOutputs>* held = nullptr;
    };

    // `run`: X.h5 or X.h5.run. Throws StoreError when its files cannot be read at all; what is damaged is left out,
    // and warnings() say so.
    static std::unique_ptr<DurableJobs> read(const std::filesystem::path& run, const Options& options);
    virtual ~DurableJobs() = default;

    // Null when nothing is known of such a pipeline.
    virtual std::shared_ptr<const Resumption> resumption(const Plan& plan, const PipelineInfo& pipeline) = 0;
    // The same in the middle of the launch: failures count that came after `now.at_start`, and outputs that are held
    // need not have been saved. Never null.
    virtual std::shared_ptr<const Resumption> resumption(const Plan& plan, const PipelineInfo& pipeline,
                                                         const Now& now) = 0;

    virtual std::uint64_t jobs() const = 0;  // known, of all pipelines
    virtual const std::vector<std::string>& warnings() const = 0;
    // Segments that were left out because they cannot be read: what only they held is not known.
    virtual const std::vector<CollectReport::Damaged>& damaged() const = 0;
};

}  // namespace penstock
