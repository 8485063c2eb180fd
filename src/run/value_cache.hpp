// The outputs a broker keeps for jobs that read them: in memory up to a bound, beyond it in spill files.
//
// Documents are shared with whoever still uses them (the writer, a lane), never copied. Reading a spilled one brings it
// back. Files are named by a counter, live in the run directory's spill folder, and go with their document.
// Thread: the pump's.
#pragma once

#include "core/ids.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

namespace penstock {

class ValueCache {
public:
    // `limit_bytes`: kept in memory at most, but for the one document in use.
    ValueCache(std::filesystem::path spill_folder, std::uint32_t rank, std::uint64_t limit_bytes);
    ~ValueCache();
    ValueCache(const ValueCache&) = delete;
    ValueCache& operator=(const ValueCache&) = delete;

    void keep(PipelineId pipeline, JobIndex job, std::shared_ptr<const Document> outputs);
    // Null when it was never kept or is released. Throws std::runtime_error when its spill file is not as it was
    // written.
    std::shared_ptr<const Document> find(PipelineId pipeline, JobIndex job);
    void release(const JobRun& jobs);
    std::vector<JobRun> jobs_of(PipelineId pipeline) const;  // in order
    void forget(PipelineId pipeline);

    std::uint64_t documents() const { return count_; }
    std::uint64_t memory_bytes() const { return memory_bytes_; }
    std::uint64_t spilled() const { return spilled_; }

private:
    struct Place {
        PipelineId pipeline;
        JobIndex job;
    };
    struct Entry {
        std::shared_ptr<const Document> document;  // null while spilled
        std::uint64_t bytes = 0;
        std::uint64_t file = 0;          // 0 = none
        std::uint64_t hash = 0;          // of what the file holds
        std::list<Place>::iterator age;  // in by_age_ while in memory
    };
    using Jobs = std::unordered_map<JobIndex, Entry>;

    void spill_beyond_limit();
    void drop(Entry& entry);
    std::filesystem::path file_name(std::uint64_t file) const;

    std::filesystem::path folder_;
    std::uint32_t rank_;
    std::uint64_t limit_bytes_;
    std::unordered_map<PipelineId, Jobs> pipelines_;
    std::list<Place> by_age_;  // oldest first
    std::uint64_t memory_bytes_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t spilled_ = 0;
    std::uint64_t next_file_ = 1;
};

}  // namespace penstock
