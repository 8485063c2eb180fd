// The run directory of a simulated run, over all of its launches: segments of rows that were synced, merges of them,
// and the fences between launches. What src/store keeps in files, and what DurableJobs makes of it.
#pragma once

#include "core/job_history.hpp"
#include "core/plan.hpp"
#include "sim/job_state.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock::sim {

class Disk {
public:
    struct Row {
        JobRef job;
        std::uint32_t attempt = 0;
        JobState state = JobState::waiting;  // again: an attempt that another follows
        std::uint32_t launch = 1;
        bool final() const { return state >= JobState::succeeded; }
    };
    struct Writer {
        std::uint32_t launch = 1;
        std::uint32_t rank = 0;
        friend auto operator<=>(const Writer&, const Writer&) = default;
    };
    using Segment = std::uint64_t;

    std::uint32_t launch() const { return launch_; }
    // The next launch: whatever writers of earlier ones still bring does not count.
    void fence(std::uint32_t launch) { launch_ = launch; }

    // The same of one writer.
    void fence(const Writer& writer) { fenced_writers_.insert(writer); }
    bool is_fenced(const Writer& writer) const {
        return fenced_ && (writer.launch != launch_ || fenced_writers_.contains(writer));
    }

    // A segment of these rows, synced; 0 when the writer is fenced.
    Segment add(const Writer& writer, std::vector<Row> rows);
    void remove(Segment segment) { segments_.erase(segment); }
    const std::vector<Row>& rows(Segment segment) const { return *segments_.at(segment); }
    bool has(Segment segment) const { return segments_.contains(segment); }
    // What a launch that was taken for dead tries to write later.
    void late(const Writer& writer, std::vector<Row> rows) { late_.emplace_back(writer, std::move(rows)); }
    std::vector<std::pair<Writer, std::vector<Row>>> take_late() { return std::exchange(late_, {}); }
    void ignore_fences() { fenced_ = false; }  // a fault

    // What is known of a job by all rows there are: its success, else its row with the highest attempt.
    struct Known {
        JobState state = JobState::waiting;
        std::uint32_t attempts = 0;
        std::uint32_t final_rows = 0;  // that say that it ran, not that it was skipped
        bool kept() const { return state == JobState::succeeded || state == JobState::failed; }
    };
    std::map<JobRef, Known> known() const;
    // What a launch is told of a pipeline; null when nothing is known of it.
    static std::shared_ptr<JobHistory> history(const std::map<JobRef, Known>& known, PipelineId pipeline,
                                               const Plan& plan);
    // The same with where the outputs of these jobs are: segments that get names of their own, so that no merge takes
    // them away. `history`: of what is to be kept of it.
    std::shared_ptr<Resumption> with_places(std::shared_ptr<const JobHistory> history, PipelineId pipeline);
    std::optional<Row> read(const std::string& file, std::uint32_t row) const;

private:
    std::uint32_t launch_ = 1;
    bool fenced_ = true;
    std::set<Writer> fenced_writers_;
    Segment last_ = 0;
    using Rows = std::shared_ptr<const std::vector<Row>>;
    std::unordered_map<Segment, Rows> segments_;
    std::map<std::string, Rows> named_;
    std::vector<std::pair<Writer, std::vector<Row>>> late_;
};

}  // namespace penstock::sim
