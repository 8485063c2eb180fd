// X.h5.run: where a run lives while it goes on: segments/, journal, lock, logs/, scratch/, spill/.
#pragma once

#include "core/plan.hpp"
#include "store/ownership.hpp"
#include "store/store_error.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

// X.h5 and X.h5.run name the same run; either is accepted wherever a RUN is asked for.
std::filesystem::path results_file_of(const std::filesystem::path& run);
std::filesystem::path run_directory_of(const std::filesystem::path& run);

struct ClaimOptions {
    bool force = false;  // an older run and results file of this name are removed
    std::vector<std::string> command_line;
    OwnershipTiming timing;
};

// The claim of this process on a run directory, held until destroyed. Throws StoreError when the results file or a run
// of that name exists (without force), when a live process owns it (also with force), when what is there is not ours,
// or when the place cannot be written. Two at once: one wins, the other gets a StoreError.
class RunDirectory {
public:
    static std::unique_ptr<RunDirectory> claim(const std::filesystem::path& results_file, const ClaimOptions& options);
    virtual ~RunDirectory() = default;

    virtual const std::filesystem::path& path() const = 0;
    virtual std::uint32_t incarnation() const = 0;

    // Journal: synced before they return.
    virtual void record_plan(PlanId id, const Plan& plan) = 0;
    virtual void record_submissions(const std::vector<PipelineInfo>& pipelines) = 0;

    // The run has ended and was collected: segments, spill and scratch go; the journal stays for resume.
    virtual void finished() = 0;
};

}  // namespace penstock
