#include "run/stored_places.hpp"

#include <algorithm>

namespace penstock {

msg::StoredAt stored_at(const msg::FindStored& question, const Resumption* kept) {
    msg::StoredAt answer{question.request, {}, {}};
    if (kept != nullptr && kept->files != nullptr) answer.files = *kept->files;
    for (const JobRun& run : question.jobs) {
        const std::uint32_t end = run.first.value + run.count;
        for (std::uint32_t job = run.first.value; job < end;) {
            const Resumption::Place* const place = kept == nullptr ? nullptr : kept->place_of(job);
            if (place == nullptr) {
                answer.runs.push_back({JobIndex(job), 1, msg::StoredAt::kNowhere, 0});
                ++job;
                continue;
            }
            const std::uint32_t count = std::min(end, place->first + place->count) - job;
            answer.runs.push_back({JobIndex(job), count, place->file, place->row + (job - place->first)});
            job += count;
        }
    }
    return answer;
}

}  // namespace penstock
