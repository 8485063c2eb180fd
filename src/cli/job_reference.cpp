#include "cli/job_reference.hpp"

#include "language/diagnostic.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

namespace penstock {

namespace {

constexpr std::size_t kMostCandidates = 10'000;

std::string bracketed(const std::string& instance) { return instance.empty() ? "" : "[" + instance + "]"; }

constexpr std::ptrdiff_t kWithInstance = 3;  // spellings that hold the job's instance

// The ways to name a job, the fullest first.
std::array<std::string, 6> spellings(const JobRow& row) {
    const std::string job = row.name + bracketed(row.instance);
    const std::string pipeline = row.pipeline + bracketed(row.pipeline_instance);
    return {pipeline + "/" + job,      row.pipeline + "/" + job,      job,
            pipeline + "/" + row.name, row.pipeline + "/" + row.name, row.name};
}

// simulate#17: the instance by its number.
std::vector<const JobRow*> jobs_of_number(const std::vector<JobRow>& rows, std::string_view reference) {
    const std::size_t sign = reference.rfind('#');
    if (sign == std::string_view::npos) return {};
    const std::string_view digits = reference.substr(sign + 1);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return {};
    const std::string_view named = reference.substr(0, sign);
    std::vector<const JobRow*> found;
    for (const JobRow& row : rows) {
        if (row.number != number || row.instance.empty() || !named.ends_with(row.name)) continue;
        const auto names = spellings(row);
        if (std::find(names.begin() + kWithInstance, names.end(), named) != names.end()) found.push_back(&row);
    }
    return found;
}

}  // namespace

std::string full_label(const JobRow& row) { return spellings(row).front(); }

std::vector<const JobRow*> jobs_meant(const std::vector<JobRow>& rows, const std::string& reference) {
    std::array<std::vector<const JobRow*>, 6> meant;
    for (const JobRow& row : rows) {
        // Most rows are of other jobs, and it is quick to tell.
        if (reference.find(row.name) == std::string::npos) continue;
        const auto names = spellings(row);
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (names[i] == reference) meant[i].push_back(&row);
        }
    }
    for (auto& found : meant) {
        if (!found.empty()) return std::move(found);
    }
    return jobs_of_number(rows, reference);
}

std::vector<std::string> near_labels(const std::vector<JobRow>& rows, const std::string& reference) {
    std::set<std::string> candidates;
    for (const JobRow& row : rows) {
        candidates.insert(row.pipeline + "/" + row.name);
        candidates.insert(full_label(row));
        if (candidates.size() >= kMostCandidates) break;
    }
    return did_you_mean(reference, {candidates.begin(), candidates.end()});
}

}  // namespace penstock
