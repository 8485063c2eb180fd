// The run directory of a simulated run, over all of its launches: segments of rows that were synced, merges of them,
// and the fences between launches. What src/store keeps in files, and what DurableJobs makes of it.
#pragma once

#include "core/job_history.hpp"
#include "core/plan.hpp"
#include "core/stream_position.hpp"
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
    // Of a stage whose items are kept, as one call stored them.
    struct Items {
        PipelineId pipeline;
        std::string stage;
        std::uint32_t launch = 1;
        std::uint32_t attempt = 1;  // of the stream, in this launch
        std::uint64_t first = 0;
        List items;
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
    // A stream is kept as a whole or not at all.
    std::shared_ptr<JobHistory> history(const std::map<JobRef, Known>& known, PipelineId pipeline,
                                        const Plan& plan) const;
    // The same with where the outputs of these jobs are: segments that get names of their own, so that no merge takes
    // them away. `history`: of what is to be kept of it.
    std::shared_ptr<Resumption> with_places(std::shared_ptr<const JobHistory> history, PipelineId pipeline);
    std::optional<Row> read(const std::string& file, std::uint32_t row) const;

    // Streams: synced items, how far they have come, and which have ended.
    void add(const Writer& writer, std::vector<Items> items);
    // What is there of a stage: the items of a later attempt stand for what earlier ones had from there on. Nothing
    // when some are missing between others.
    std::optional<List> items_of(PipelineId stream, const std::string& stage) const;
    // The last attempt of which there are some, in the last launch that has made any.
    std::optional<Items> newest_of(PipelineId stream, const std::string& stage) const;
    void put(PipelineId stream, std::shared_ptr<const StreamPosition> position) { positions_[stream] = position; }
    std::shared_ptr<const StreamPosition> position_of(PipelineId stream) const {
        const auto at = positions_.find(stream);
        return at == positions_.end() ? nullptr : at->second;
    }
    void end_stream(PipelineId stream) { ended_.insert(stream); }
    bool has_ended(PipelineId stream) const { return ended_.contains(stream); }

private:
    std::uint32_t launch_ = 1;
    bool fenced_ = true;
    std::set<Writer> fenced_writers_;
    Segment last_ = 0;
    using Rows = std::shared_ptr<const std::vector<Row>>;
    std::unordered_map<Segment, Rows> segments_;
    std::map<std::string, Rows> named_;
    std::vector<std::pair<Writer, std::vector<Row>>> late_;
    std::map<std::pair<PipelineId, std::string>, std::vector<Items>> items_;
    std::map<PipelineId, std::shared_ptr<const StreamPosition>> positions_;
    std::set<PipelineId> ended_;
};

}  // namespace penstock::sim
