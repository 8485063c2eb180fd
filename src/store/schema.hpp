// The columns of the tables in segments and results files: their names, and what a cell is.
//
// Names that start with "@" are for Penstock itself: what it needs to merge files. See docs/store_format.md.
#pragma once

#include "store/hdf5.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock {

// The "format_version" attribute of every file: 2 with items of streams, which readers of 1 would lose, else 1.
inline constexpr std::uint64_t kFormatVersion = 1;
inline constexpr std::uint64_t kStreamsFormatVersion = 2;

enum class CellKind : std::uint8_t { boolean, status, reason, int32, uint32, int64, uint64, float64 };

struct FixedColumn {
    const char* name;
    CellKind kind;

    hid_t type() const;  // as it stands in memory; never to be closed
    std::size_t bytes() const;
};

// /jobs. A results file has the texts `name`, `instance`, `worker`, `status` and `error` too, and no `@error`.
enum class JobColumn : std::uint8_t {
    pipeline,
    job_template,
    number,
    attempt,
    broker,
    slot,
    error,
    status,
    final_attempt,
    submitted,
    started,
    finished,
    hash,
};
inline constexpr std::array<FixedColumn, 13> kJobColumns{{
    {"pipeline", CellKind::uint32},   // row of /pipelines
    {"@template", CellKind::uint32},  // row of /@templates
    {"@number", CellKind::uint32},    // of the instance within its template, from 0
    {"@attempt", CellKind::uint32},
    {"broker", CellKind::uint32},
    {"slot", CellKind::uint32},
    {"@error", CellKind::uint32},  // row of /@errors
    {"@status", CellKind::status},
    {"@final", CellKind::boolean},   // false: a further attempt follows
    {"submitted", CellKind::int64},  // nanoseconds since the Unix epoch
    {"started", CellKind::int64},
    {"finished", CellKind::int64},
    {"hash", CellKind::uint64},
}};
constexpr const FixedColumn& column(JobColumn c) { return kJobColumns[static_cast<std::size_t>(c)]; }

// /jobs of a results file only.
inline constexpr FixedColumn kAttemptsColumn{"attempts", CellKind::uint32};         // the highest attempt number
inline constexpr FixedColumn kIncarnationColumn{"@incarnation", CellKind::uint32};  // the highest with a row of the job

inline constexpr FixedColumn kRemovedColumn{"@removed", CellKind::boolean};  // the definition has it no more

// /attempts, with the text `log`. A results file has the texts `reason` and `error` too, and no `@error`.
enum class AttemptColumn : std::uint8_t {
    job,
    number,
    broker,
    slot,
    error,
    reason,
    started,
    finished,
    exit_code,
    signal,
    peak_memory,
    cpu,
};
inline constexpr std::array<FixedColumn, 12> kAttemptColumns{{
    {"job", CellKind::uint32},     // row of /jobs
    {"number", CellKind::uint32},  // 1, 2, ...
    {"broker", CellKind::uint32},
    {"slot", CellKind::uint32},
    {"@error", CellKind::uint32},  // row of /@errors
    {"@reason", CellKind::reason},
    {"started", CellKind::int64},
    {"finished", CellKind::int64},
    {"exit_code", CellKind::int32},
    {"signal", CellKind::int32},
    {"peak_memory", CellKind::uint64},  // bytes
    {"cpu", CellKind::float64},         // seconds
}};
constexpr const FixedColumn& column(AttemptColumn c) { return kAttemptColumns[static_cast<std::size_t>(c)]; }

// /pipelines, with the texts `name`, `instance` and `data`, and `status` in a results file.
enum class PipelineColumn : std::uint8_t { id, status, ended, submitted, started, finished };
inline constexpr std::array<FixedColumn, 6> kPipelineColumns{{
    {"@id", CellKind::uint32},  // in order of submission
    {"@status", CellKind::status},
    {"@ended", CellKind::boolean},  // false: mentioned by a job only, the rest of the row means nothing
    {"submitted", CellKind::int64},
    {"started", CellKind::int64},
    {"finished", CellKind::int64},
}};
constexpr const FixedColumn& column(PipelineColumn c) { return kPipelineColumns[static_cast<std::size_t>(c)]; }

// /@templates, with the texts `pipeline`, `name`, `worker` and `parameters`.
enum class TemplateColumn : std::uint8_t { first_job, count };
inline constexpr std::array<FixedColumn, 2> kTemplateColumns{{
    {"first_job", CellKind::uint32},  // how many jobs of the pipeline come before, in definition order
    {"count", CellKind::uint32},
}};
constexpr const FixedColumn& column(TemplateColumn c) { return kTemplateColumns[static_cast<std::size_t>(c)]; }

// Beside the items of a stream's stages: a map for each worker of each stage, of what it has done.
inline constexpr std::string_view kStageCounts = "@stages";

// A name as a link in the file. Names of definitions and kStageCounts pass as they are; "/" and the like become %2F.
std::string link_name(std::string_view name);
// Keys of outputs and parameters: letters, digits, "_" and "-", at most 128.
bool is_key(std::string_view text);

}  // namespace penstock
