// What there is of one pipeline already: what earlier launches have left of it, or, after a rank was lost, this one.
// Made at rank 0 (store/durable_jobs.hpp), and told to its pipeliner.
#pragma once

#include "core/ids.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

struct StreamPosition;

struct JobHistory {
    static constexpr std::uint32_t kInFiles = 0xfffffffe;  // msg::kStored
    // Jobs that are taken as ended: they do not run again. In order, none twice.
    struct Kept {
        std::uint32_t first = 0, count = 0;
        bool succeeded = true;
        std::uint32_t holder = kInFiles;  // rank that holds their outputs
        friend bool operator==(const Kept&, const Kept&) = default;
    };
    // The highest number of an attempt there has been; those of jobs in no run are 0. In order, none twice.
    struct Tried {
        std::uint32_t first = 0, count = 0;
        std::uint32_t attempts = 0;
        friend bool operator==(const Tried&, const Tried&) = default;
    };
    // Jobs that run at a broker, with all they need: they end there. In order, none twice, none of them kept.
    struct Running {
        std::uint32_t first = 0, count = 0;
        friend bool operator==(const Running&, const Running&) = default;
    };
    std::vector<Kept> kept;
    std::vector<Tried> tried;
    std::vector<Running> running;

    std::uint64_t succeeded() const;
    std::uint64_t failed() const;
    std::uint64_t jobs() const { return succeeded() + failed(); }
    std::uint32_t attempts_of(std::uint32_t job) const;  // O(log runs)
    // The first job behind `job`, below `end`, whose attempts are others than those of `job`; else `end`.
    std::uint32_t same_attempts_until(std::uint32_t job, std::uint32_t end) const;
    // Whether the runs are in order, none is empty or overlaps another, and none is beyond `jobs`.
    bool fits(std::uint32_t jobs) const;

    // Adds the next job to the last run or as a new one.
    void keep(std::uint32_t job, bool succeeded, std::uint32_t holder = kInFiles);
    void note_attempts(std::uint32_t job, std::uint32_t attempts);

    friend bool operator==(const JobHistory&, const JobHistory&) = default;
};

// Jobs whose outputs are at a rank, in order.
struct HeldOutputs {
    std::uint32_t rank = 0;
    std::vector<JobRun> jobs;
};

// The same with what rank 0 alone needs to know: where the outputs of kept jobs are.
struct Resumption {
    struct Place {
        std::uint32_t first = 0, count = 0;
        std::uint32_t file = 0;  // of `files`
        std::uint32_t row = 0;   // of its /jobs, of the first one; those of the others follow
    };
    std::shared_ptr<const JobHistory> history;
    std::vector<Place> places;  // by job
    std::shared_ptr<const std::vector<std::string>> files;
    std::optional<bool> ended_well;  // the pipeline, as its row says; nothing when it is not known to have ended
    std::shared_ptr<const StreamPosition> position;  // where a stream goes on; null = at its beginning
    std::string
        begins_again;  // why a stream of which something was made does not go on; "" = it does, or there was none
    std::uint64_t changed = 0;  // jobs that had succeeded and run again, since they, or what they read, changed

    // Null when the job is in none.
    const Place* place_of(std::uint32_t job) const;
};

}  // namespace penstock
