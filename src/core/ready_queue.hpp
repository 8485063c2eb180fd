// The jobs that may run now and wait for a broker.
//
// Runs of jobs, not jobs: a million independent ones are one entry. Within one priority, a broker first gets what has
// its inputs there, then the oldest of the rest, then what others prefer; each pick is O(1) whatever is waiting.
// Bounded by the number of jobs of the active pipelines (an entry is 40 bytes).
#pragma once

#include "core/past_attempts.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace penstock {

struct ReadyRun {
    JobRun jobs;
    TemplateIndex job;
    std::uint32_t attempt = 1;
    std::uint32_t holder = 0xffffffff;  // rank that holds the inputs
    bool located = true;
    PastAttempts past = {};
};

class ReadyQueue {
public:
    void push(const ReadyRun& run);
    void push_first(const ReadyRun& run);
    // What `broker` should run next, for looking at; null when empty. take() removes up to `count` jobs of it.
    const ReadyRun* next_for(std::uint32_t broker);
    ReadyRun take(std::uint32_t broker, std::uint32_t count);
    // All of a pipeline. O(runs).
    std::vector<ReadyRun> take_all_of(PipelineId pipeline);

    // Some jobs have their inputs at `broker`.
    bool prefers(std::uint32_t broker) const { return preferring_.contains(broker); }

    std::uint64_t jobs() const { return jobs_; }
    bool empty() const { return jobs_ == 0; }

private:
    std::deque<ReadyRun>* queue_for(std::uint32_t broker);

    std::deque<ReadyRun> anywhere_;
    std::unordered_map<std::uint32_t, std::deque<ReadyRun>> preferring_;  // never holds an empty deque
    std::uint64_t jobs_ = 0;
};

}  // namespace penstock
