// --for-each: pipelines from lines, while the run goes on.
#pragma once

#include "cli/line_reader.hpp"
#include "cli/submitter.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

struct ForEachReport {
    std::uint64_t submitted = 0;
    std::uint64_t bad_lines = 0;
};

// Submits `plans` once for each line until the input ends or the run does. A line that is no good is told through
// `complain` (the first kLinesTold of them; the number at the end) and does not stop the rest.
inline constexpr std::uint64_t kLinesTold = 20;
ForEachReport feed_lines(LineReader& reader, const std::vector<std::shared_ptr<const Plan>>& plans,
                         const std::string& key, Submitter& submitter,
                         const std::function<void(const std::string&)>& complain);

}  // namespace penstock
