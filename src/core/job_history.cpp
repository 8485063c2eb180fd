#include "core/job_history.hpp"

#include <algorithm>

namespace penstock {

namespace {

std::uint64_t count_of(const std::vector<JobHistory::Kept>& runs, bool succeeded) {
    std::uint64_t count = 0;
    for (const JobHistory::Kept& run : runs)
        if (run.succeeded == succeeded) count += run.count;
    return count;
}

template <class Run>
bool in_order(const std::vector<Run>& runs, std::uint32_t jobs) {
    std::uint64_t end = 0;
    for (const Run& run : runs) {
        if (run.count == 0 || run.first < end) return false;
        end = std::uint64_t{run.first} + run.count;
    }
    return end <= jobs;
}

template <class Run>
auto behind(const std::vector<Run>& runs, std::uint32_t job) {
    return std::upper_bound(runs.begin(), runs.end(), job,
                            [](std::uint32_t j, const Run& run) { return j < run.first; });
}

}  // namespace

std::uint64_t JobHistory::succeeded() const { return count_of(kept, true); }
std::uint64_t JobHistory::failed() const { return count_of(kept, false); }

std::uint32_t JobHistory::attempts_of(std::uint32_t job) const {
    const auto next = behind(tried, job);
    if (next == tried.begin()) return 0;
    const Tried& run = *std::prev(next);
    return job - run.first < run.count ? run.attempts : 0;
}

std::uint32_t JobHistory::same_attempts_until(std::uint32_t job, std::uint32_t end) const {
    const auto next = behind(tried, job);
    if (next != tried.begin()) {
        const Tried& run = *std::prev(next);
        if (job - run.first < run.count) return std::min(end, run.first + run.count);
    }
    return next == tried.end() ? end : std::min(end, next->first);
}

bool JobHistory::fits(std::uint32_t jobs) const {
    return in_order(kept, jobs) && in_order(tried, jobs) && in_order(running, jobs);
}

const Resumption::Place* Resumption::place_of(std::uint32_t job) const {
    const auto next = behind(places, job);
    if (next == places.begin()) return nullptr;
    const Place& place = *std::prev(next);
    return job - place.first < place.count ? &place : nullptr;
}

void JobHistory::keep(std::uint32_t job, bool succeeded, std::uint32_t holder) {
    if (!kept.empty() && kept.back().first + kept.back().count == job && kept.back().succeeded == succeeded &&
        kept.back().holder == holder)
        ++kept.back().count;
    else
        kept.push_back({job, 1, succeeded, holder});
}

void JobHistory::note_attempts(std::uint32_t job, std::uint32_t attempts) {
    if (attempts == 0) return;
    if (!tried.empty() && tried.back().first + tried.back().count == job && tried.back().attempts == attempts)
        ++tried.back().count;
    else
        tried.push_back({job, 1, attempts});
}

}  // namespace penstock
