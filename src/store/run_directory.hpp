// X.h5.run: where a run lives while it goes on: segments/, journal, lock, logs/, scratch/, spill/, positions/.
#pragma once

#include "core/plan.hpp"
#include "store/ownership.hpp"
#include "store/store_error.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// X.h5 and X.h5.run name the same run; either is accepted wherever a RUN is asked for.
std::filesystem::path results_file_of(const std::filesystem::path& run);
std::filesystem::path run_directory_of(const std::filesystem::path& run);

// Where its segments are now: `segments`, or `segments-NNNNNN` once launch NNNNNN has taken the run over. Renaming the
// folder is what makes a launch that was thought dead, and was not, fail to write.
std::filesystem::path segments_folder_of(const std::filesystem::path& directory);

// Names in a run directory by which a launch that resumes reads a results file it started from; removed at its end.
inline constexpr std::string_view kEarlierResults = "earlier-results-";
// Likewise of segments, when a launch that has lost a rank reads what there is: held-N-NAME.
inline constexpr std::string_view kHeldSegment = "held-";
// The NAME in it; any other name as it is.
std::string segment_name_of(const std::string& held);

struct ClaimOptions {
    bool force = false;   // an older run and results file of this name are removed
    bool resume = false;  // an older run and results file of this name are taken over; without any it is a first launch
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
    virtual bool resumed() const = 0;  // there was an earlier run

    // Journal: synced before they return. Any thread.
    virtual void record_plan(PlanId id, const Plan& plan) = 0;
    virtual void record_submissions(const std::vector<PipelineInfo>& pipelines) = 0;

    // This file, of those of earlier launches, could not be read as it was written. A segment does not count from the
    // next launch on.
    virtual void record_lost(const std::string& file, const std::string& reason) = 0;

    // That rank of this launch is taken for dead: its segments count up to the last one that is there now, and no
    // others. Any thread.
    virtual void fence(std::uint32_t rank, std::uint32_t epoch) = 0;

    // The run has ended and was collected: segments, spill and scratch go; the journal stays for resume.
    virtual void finished() = 0;
};

}  // namespace penstock
