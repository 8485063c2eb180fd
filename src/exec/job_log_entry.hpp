// The binary half of a job log: what its writer and its readers share (see job_log.hpp).
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace penstock {

// One piece of output in the log file. Native byte order: a run's machines are of one kind.
struct IndexEntry {
    std::uint64_t job = 0;     // job_log_hash()
    std::uint64_t offset = 0;  // of the header line
    std::uint64_t bytes = 0;   // of the text behind the header line
    std::uint32_t header_bytes = 0;
    std::uint32_t attempt = 0;
};
static_assert(std::is_trivially_copyable_v<IndexEntry> && sizeof(IndexEntry) == 32);

std::uint64_t job_log_hash(std::string_view pipeline, std::string_view pipeline_instance, std::string_view job,
                           std::string_view instance);

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kIndexSuffix = ".index";

}  // namespace penstock
