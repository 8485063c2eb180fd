// for-each: from nodes to the values of instances.
#pragma once

#include "core/plan.hpp"
#include "language/input_files.hpp"
#include "language/reading.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace penstock {

// {like: JOB} or {like: JOB, by: [key]}
struct LikeDefinition {
    std::string_view job;
    Place place;
    bool grouped = false;
    std::vector<std::pair<std::string_view, Place>> by;
};

struct ForEachDefinition {
    std::shared_ptr<const ForEach> values;  // null for `like`, and when the for-each is no good
    std::unique_ptr<LikeDefinition> like;
};

// The name that a for-each without names gives its values, as a line of --for-each does.
inline constexpr std::string_view kItemName = "item";

// Everything wrong is reported. Nothing is allocated for ranges, whatever their length; `most` instances are allowed.
ForEachDefinition read_for_each(const Reading& reading, const Node& node, InputFiles& files, std::uint64_t most);

// {lines: FILE} and {rows: FILE.jsonl}; an empty vector (reported) when the file is no good.
std::vector<Axis> read_rows(const Reading& reading, const Node& file, InputFiles& files);
bool read_lines(const Reading& reading, const Node& file, InputFiles& files, std::vector<Value>& values);

}  // namespace penstock
