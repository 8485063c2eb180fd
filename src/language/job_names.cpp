#include "language/job_names.hpp"

#include "language/names.hpp"

#include <algorithm>
#include <numeric>

namespace penstock {

std::uint32_t JobNames::find(std::string_view name) const {
    const auto found = definition_.index.find(name);
    return found == definition_.index.end() ? kNone : found->second;
}

void JobNames::sort_names() {
    if (!by_name_.empty()) return;
    by_name_.resize(definition_.jobs.size());
    std::iota(by_name_.begin(), by_name_.end(), 0u);
    std::sort(by_name_.begin(), by_name_.end(),
              [&](std::uint32_t a, std::uint32_t b) { return definition_.jobs[a].name < definition_.jobs[b].name; });
}

const std::vector<std::uint32_t>& JobNames::matching(std::string_view pattern) {
    const auto [entry, added] = matches_.try_emplace(pattern);
    if (!added) return entry->second;
    sort_names();
    const std::string_view prefix = pattern.substr(0, pattern.find_first_of("*?"));
    auto at = std::lower_bound(by_name_.begin(), by_name_.end(), prefix, [&](std::uint32_t job, std::string_view text) {
        return definition_.jobs[job].name < text;
    });
    for (; at != by_name_.end() && definition_.jobs[*at].name.starts_with(prefix); ++at) {
        ++compared_;
        if (matches_wildcard(pattern, definition_.jobs[*at].name)) entry->second.push_back(*at);
    }
    std::sort(entry->second.begin(), entry->second.end());
    return entry->second;
}

std::vector<std::string_view> JobNames::all() const {
    std::vector<std::string_view> names;
    names.reserve(definition_.jobs.size());
    for (const JobDefinition& job : definition_.jobs) names.push_back(job.name);
    return names;
}

}  // namespace penstock
