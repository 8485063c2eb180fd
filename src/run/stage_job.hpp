// One worker of a stage at the broker it was placed at: what it is to see, what its lane works on, and what it made.
//
// A piece of work is some items that one ticket has the lane work on (exec/stage_batch.hpp). Pieces end in the order in
// which they came, whatever happens to them on the way: one that crashed a worker process is tried again item by item,
// which finds the item to blame; one that fails is what the stage's `on-error` says.
// Thread: the pump's. Bounds: kPieces at the lane, of at most what StreamOutput sends at once each.
#pragma once

#include "core/broker.hpp"
#include "core/stream_input.hpp"
#include "core/stream_output.hpp"
#include "core/stream_position.hpp"
#include "exec/stage_batch.hpp"
#include "exec/task.hpp"
#include "run/stage_meter.hpp"
#include "run/state_share.hpp"

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock {

class StageJob {
public:
    // `from`: where the stream goes on; null = at its beginning.
    StageJob(JobStart start, std::uint32_t lane, std::shared_ptr<const StreamPosition> from = nullptr,
             Clock clock = steady_now);

    const JobStart& start() const { return start_; }
    std::uint32_t lane() const { return lane_; }
    JobIndex index() const;
    const Stage& stage() const { return plan().stages[start_.job.value]; }
    const JobTemplate& job() const { return plan().templates[start_.job.value]; }
    // Up to now.
    StageCounts counts() const { return meter_.read(counts_, clock_()); }
    // Of its tickets together, as the lane measured them; 0 = not.
    double cpu_s() const { return cpu_s_; }
    std::uint64_t peak_memory_bytes() const { return peak_memory_bytes_; }
    std::uint64_t items_moved() const { return counts_.items_in + counts_.items_out; }
    // What it is doing from now on; `stalled`: there is no room to store what it has.
    void note_state(bool open, bool stalled);

    StreamInput& in() { return in_; }
    StreamOutput& out() { return out_; }

    // What the lane should be given now; nothing when it has enough, or what it made waits for credit. `open`: sources
    // may begin. `next_ticket` is taken for it.
    std::optional<Ticket> next(bool open, std::uint64_t next_ticket);
    // True when the ticket was one of this job's. Its results are in out() then, and what is done with in done().
    bool take(Outcome& outcome);
    // Of a stage without a lane: done with, and counted.
    void passed_on(const StreamInput::Work& work);
    // Of a sample: some of it goes to out(), the rest is dropped.
    void pass_some_on(const StreamInput::Work& work);
    // To be told to the jobs they came from. In the branch of a sample: what came of them has left the branch.
    std::vector<StreamInput::Work::Of> take_done();
    // Marks that have come through it, and what they found, for a job that reports them.
    struct Reached {
        std::uint64_t mark = 0;
        std::string state;  // of a fold: encoded
    };
    std::vector<Reached> take_reached() { return std::exchange(reached_, {}); }
    Nanoseconds each_ns() const { return each_ns_; }  // of an item; negative while unknown

    // Of items that were left out, a line each; of many the first, and how many there were.
    std::string skipped_text() const;

    bool idle() const { return pieces_.empty(); }  // its lane has nothing of it
    // Nothing is left to do, but what waits in out().
    bool finished();
    void fail(EndReason reason, std::string text);  // the first one counts
    const std::optional<std::string>& failure() const { return failure_; }
    // The stream was stopped: items over which its lane is cancelled have not failed.
    void stop() { stopped_ = true; }
    EndReason failure_reason() const { return failure_reason_; }
    // A worker that has asked for it should be woken.
    bool wants_to_wake() const { return wake_at_ != kNever; }
    bool is_to_wake(Nanoseconds now) const { return now >= wake_at_ && pieces_.empty(); }
    // The tickets at its lane.
    std::vector<std::uint64_t> tickets() const;
    // The ticket whose time is up.
    std::optional<std::uint64_t> overdue(Nanoseconds now) const;

private:
    static constexpr std::size_t kPieces = 2;
    static constexpr std::uint64_t kSkippedShown = 100;
    static constexpr Nanoseconds kNever = std::numeric_limits<Nanoseconds>::max();
    // Of a fold that has snapshots: more items than these are never replayed, but for those of one ticket.
    static constexpr std::size_t kMostReplayed = 16 * 1024;
    static constexpr std::size_t kMostReplayedBytes = 4 << 20;
    static constexpr std::size_t kMostState = 16 << 20;  // of a fold, encoded: a larger one is not reported
    // Of what its lane is given at once. A sample drops what comes while its branch is full: what leads there should
    // come as it is made, and not many at once.
    static constexpr Nanoseconds kShortHorizon = 1'000'000;
    static constexpr std::uint32_t kCrashesForgiven = 2;  // of a fold, at one item: its state is not the item's fault

    struct Piece {
        StreamInput::Work work;
        StageRequest::Do what = StageRequest::Do::items;
        std::uint64_t ticket = 0;  // 0 = to be given to the lane (again)
        std::uint32_t tries = 1;
        bool wakes = false;       // Do::wake, whatever it has come to
        bool asks_state = false;  // of a mark: a fold is asked for its state, to report it
        bool for_lane = true;     // false: its lane need not be asked
        std::uint32_t crashes = 0;
        std::uint64_t released = 0;  // results of the first item that have left already
        std::size_t told = 0;        // items done with, of a request that is not answered to its end
        Nanoseconds given = 0;
        std::size_t replayed = 0;  // items before it that a fold sees again, each of which may take its time
        std::optional<Outcome> outcome;
    };

    const Plan& plan() const { return *start_.pipeline->plan; }
    bool is_source() const { return stage().form == StageForm::source; }
    bool is_map() const { return stage().form == StageForm::map || stage().form == StageForm::none; }
    std::size_t most_pieces() const;
    Piece* piece_to_give(bool open);
    bool add_piece(bool open);
    Ticket ticket_for(Piece& piece, std::uint64_t number);
    void settle();
    bool settle(Piece& p);
    void answered(Piece& p, StageAnswer answer);
    void ask_fold(StageRequest& request, bool at_mark);
    void pass_mark(const Piece& p);
    void remember(const StreamItems& items, std::size_t told, std::size_t done, std::optional<Value> state);
    bool crashed(Piece& p, const Outcome& outcome);
    bool restart_fold(Piece& p, EndReason reason);
    void item_failed(Piece& p, const std::string& error, EndReason reason);
    void drop_first(Piece& p, std::size_t n);
    std::size_t items_at_once() const;
    void split_off(std::size_t at, std::size_t n);
    void split(std::size_t at);

    JobStart start_;
    std::uint32_t lane_;
    Clock clock_;
    StreamInput in_;
    StreamOutput out_;
    Nanoseconds horizon_;
    std::deque<Piece> pieces_;
    std::vector<StreamInput::Work::Of> done_;
    struct Held {
        StreamInput::Work::Of of;
        std::optional<std::vector<std::uint64_t>> mark;  // of out(): when all that was made of it had been sent
    };
    std::deque<Held> held_;
    StageCounts counts_;
    double cpu_s_ = 0;
    std::uint64_t peak_memory_bytes_ = 0;
    StageMeter meter_;
    std::string skipped_;  // lines, of the first kSkippedShown
    Nanoseconds each_ns_ = -1;
    Nanoseconds wake_at_ = kNever;
    // Of a fold that has snapshots: where a fresh object is to go on.
    bool restores_ = false;
    std::optional<Value> state_;
    bool timed_ = false;  // a fold that asks to be woken: what it makes also depends on the time
    ItemsWriter since_;
    std::shared_ptr<const StreamPosition> from_;
    std::vector<Reached> reached_;
    StateShare states_;
    bool began_ = false;   // the source, or the finish() of a fold
    bool ended_ = false;   // likewise
    bool worked_ = false;  // items were worked on
    bool stopped_ = false;
    std::optional<std::string> failure_;
    EndReason failure_reason_ = EndReason::exception;
};

// Makes one item, a list, of every `n`.
StreamItems zipped(const StreamItems& items, std::uint32_t n);

}  // namespace penstock
