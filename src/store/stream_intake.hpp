// Items of streams on their way into a segment's tables, or to a user's Store. Of the writer's thread alone.
//
// A Store is given the items of each record as one document {"incarnation":, "attempt":, "first":, "items": [...]} (see
// StreamRecord) whose scope has the stage as `job`, and as `instance` the first three, padded with zeros:
// "@00001-00001-00000000000000000042".
#pragma once

#include "store/record.hpp"
#include "store/segment_tables.hpp"

#include <penstock/store.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>

namespace penstock {

class StreamIntake {
public:
    // `values`: where items go instead of the tables; null = to the tables.
    StreamIntake(Store* values, std::uint32_t incarnation, std::uint64_t max_value_bytes)
        : values_(values), incarnation_(incarnation), max_value_bytes_(max_value_bytes) {}

    void add(const StreamRecord& record, SegmentTables& tables);
    // Why this job did not succeed after all: it is `STAGE@results`, and not all items of STAGE could be stored. Said
    // once.
    std::optional<std::string> problem_of(const JobRecord& record);

private:
    using Stage = std::tuple<std::string, std::string, std::string>;  // pipeline, its instance, stage

    bool refuse(const StreamRecord& record, std::uint64_t number, const Value& item);
    void save_elsewhere(const StreamRecord& record);
    void note(const StreamRecord& record, std::string problem);

    Store* values_;
    std::uint32_t incarnation_;
    std::uint64_t max_value_bytes_;
    std::map<Stage, std::string> problems_;  // the first of each stage
};

}  // namespace penstock
