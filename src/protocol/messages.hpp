// Every message between roles.
//
// Each message goes to exactly one kind of role, so there is one inbox type a role. Between two ranks messages arrive
// in the order they were sent; across pairs of ranks nothing is promised. docs/protocol.md has the table: who sends
// what, when, and what follows. Values never pass the router or a pipeliner.
//
// Jobs travel as runs (JobRun): a million independent jobs are one Ready, and a broker tells of a thousand finished
// ones in one Ended.
#pragma once

#include "core/job_history.hpp"
#include "core/past_attempts.hpp"
#include "core/plan.hpp"
#include "core/stage_counts.hpp"
#include "core/stream_items.hpp"
#include "core/stream_position.hpp"
#include "core/structure.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace penstock::msg {

// "No rank": nobody holds the value, nobody is preferred.
inline constexpr std::uint32_t kNobody = 0xffffffff;
// "No rank, but they are durable": what a job of an earlier launch has made.
inline constexpr std::uint32_t kStored = 0xfffffffe;

// ------------------------------------------------------------------------------------------ to the router

// Pipeliner: these jobs may run now.
struct Ready {
    JobRun jobs;
    TemplateIndex job;  // all of one template
    std::uint32_t attempt = 1;
    std::uint32_t holder = kNobody;  // rank where inputs are: preferred
    bool located = true;             // every input is at `holder` (or there is none): the broker need not ask
};

// Pipeliner: these jobs will not run, because `cause` failed.
struct Skipped {
    JobRun jobs;
    JobIndex cause;
};

// Broker, to router and pipeliner: these jobs have run. Their records are number first_record .. + count - 1 of that
// broker, counted from 1 without gaps.
struct Ended {
    JobRun jobs;
    bool succeeded = true;
    std::uint32_t attempt = 1;
    std::uint64_t first_record = 0;
    std::uint64_t busy_ns = 0;  // sum of their run times
    bool followed = false;      // the broker goes on with the follower (JobTemplate::follower) of each by itself
    std::string error;          // of a failed job; first lines only
    std::uint32_t epoch = 0;    // of the pipeline: how often it was rebuilt when the broker was last told
};

// Broker: this attempt has failed, and the job has attempts left. Its record is number `record` of that broker.
struct AttemptFailed {
    JobRun jobs;  // one job
    TemplateIndex job;
    std::uint32_t attempt = 1;  // the one that failed
    std::uint32_t holder = kNobody;
    bool located = true;
    PastAttempts past;  // this one is the last of them
    std::uint64_t record = 0;
    std::uint64_t busy_ns = 0;
    std::string error;         // first lines only
    bool told_to_end = false;  // it was ended, and does not count as failed
};

// Broker: answer to Recall. Nothing of these ran.
struct Returned {
    struct Item {
        JobRun jobs;
        TemplateIndex job;
        std::uint32_t attempt = 1;
        std::uint32_t holder = kNobody;
        bool located = true;
        PastAttempts past = {};
    };
    std::vector<Item> items;
};

// Broker: its records up to this one are synced to disk.
struct Durable {
    std::uint64_t record = 0;
};

// Broker: a record counted as succeeded could not be stored (value too big, a user's Store that threw).
struct Refused {
    JobRun jobs;
    std::string error;
};

// Broker: nothing more can be stored; the run has to end.
struct StoreFailed {
    std::string error;
};

// Broker: every job of the stream that was placed there waits for items or for OpenStream.
struct StreamReady {
    PipelineId pipeline;
};

// Broker: in which files are the outputs of these jobs, which were made in an earlier launch? Answered by StoredAt.
struct FindStored {
    std::uint64_t request = 0;
    PipelineId pipeline;
    std::vector<JobRun> jobs;
};

// Broker: what it was told by StoredAt is not there as it was written; the run has to end, and the next one does
// without that file.
struct StoredLost {
    std::string file;
    std::string error;
};

// Broker: what a worker of a stage has done so far; at intervals, and once more before its Ended.
struct StageProgress {
    PipelineId pipeline;
    JobIndex job;
    StageCounts counts;
};

// Broker: a mark (core/stream_position.hpp) has come through this job, and all before it is durable.
struct StreamReached {
    PipelineId pipeline;
    JobIndex job;
    std::uint32_t epoch = 0;
    std::uint64_t mark = 0;
    bool stores = false;      // the job stores items, and
    std::uint64_t items = 0;  // has stored so many before the mark
    std::string state;        // of a fold: an encoded value
};

// Broker: the last word after Stop; everything it knew is durable (or StoreFailed came before).
struct Bye {
    struct Durations {  // of one worker type
        std::uint64_t succeeded = 0;
        std::uint64_t failed = 0;
        std::uint64_t total_ns = 0;
        std::vector<std::uint32_t> histogram;  // see report/durations.hpp
    };
    std::map<std::string, Durations> by_worker;
};

// Broker: answer to Withdraw. Of what was assigned, these jobs run or have run since; the others will not. All that
// ended before is durable.
struct Withdrawn {
    PipelineId pipeline;
    std::uint32_t epoch = 0;
    std::vector<JobRun> running;
    std::vector<JobRun> held;  // whose outputs are there
};

// Pipeliner: answer to Restart, before anything else about the pipeline.
struct Restarted {
    PipelineId pipeline;
    std::uint32_t epoch = 0;
};

// Any rank to rank 0, when it has had nothing else to say for a while. Answered by Alive.
struct Alive {};

// ------------------------------------------------------------------------------------------ to any rank but 0

// Router: that rank is lost. Nothing is sent to it any more, and nothing it says is heard.
struct RankLost {
    std::uint32_t rank = 0;
};

// Router: to a rank that was taken for lost and speaks, and at the end of a run that has lost ranks: exit at once.
struct Leave {};

// ------------------------------------------------------------------------------------------ to a pipeliner

// Router: a rank was lost that had to do with this pipeline. What is known of it is forgotten, and it starts again from
// what is left of it. Of its Ended only those of this epoch count.
struct Restart {
    PipelineId pipeline;
    PlanId plan;
    std::uint32_t epoch = 0;
    std::shared_ptr<const JobHistory> history;
};

// Router: the skeleton of a plan, before the first pipeline of it.
struct StartPlan {
    PlanId plan;
    std::shared_ptr<const Structure> structure;
};

// Router: what earlier launches have left of a pipeline, before its start.
struct Earlier {
    PipelineId pipeline;
    std::shared_ptr<const JobHistory> history;
};

// Router: run pipelines first .. first + count - 1, all of this plan.
struct StartPipelines {
    PipelineId first;
    std::uint32_t count = 1;
    PlanId plan;
};

// Broker: which rank holds the outputs of these jobs? Answered by Located.
struct Locate {
    std::uint64_t request = 0;
    PipelineId pipeline;
    std::vector<JobRun> jobs;
};

// ------------------------------------------------------------------------------------------ to a broker

// Router: templates first .. last - 1 of a plan; the first one of a plan carries what all of them share.
struct PlanBlock {
    PlanId id;
    std::shared_ptr<const Plan> plan;  // on the receiving side only what was sent is filled in
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    bool with_header = false;
};

// Router: a pipeline, before the first job of it.
struct IntroducePipeline {
    PipelineInfo info;
    std::uint32_t pipeliner = 0;    // rank
    std::int64_t submitted_ns = 0;  // since the Unix epoch
    bool follows = true;            // the broker may go on with followers by itself; not where some of them have ended
    std::uint32_t epoch = 0;        // how often it was rebuilt
};

// Router: run these. A job that needs more than one CPU, memory or named resources is `reserved`: room was made for it
// on the host, it starts at once and holds no slot of the broker.
struct Assign {
    JobRun jobs;
    TemplateIndex job;
    std::uint32_t attempt = 1;
    std::uint32_t holder = kNobody;
    bool located = true;
    bool reserved = false;
    PastAttempts past = {};
};

// Router: give back up to `count` jobs that have not started, the latest first. `end_running`: what has started is
// ended, and comes back too (AttemptFailed). `no_followers`: from now on no job's follower is gone on with unasked.
struct Recall {
    std::uint32_t count = 0;
    bool end_running = false;
    bool no_followers = false;
};

// Pipeliner: answer to Locate; the runs cover the jobs asked for, in order.
struct Located {
    std::uint64_t request = 0;
    struct Run {
        JobIndex first;
        std::uint32_t count = 0;
        std::uint32_t holder = kNobody;
    };
    std::vector<Run> runs;
};

// Router: answer to FindStored. The runs cover the jobs asked for, in order.
struct StoredAt {
    static constexpr std::uint32_t kNowhere = 0xffffffff;
    struct Run {
        JobIndex first;
        std::uint32_t count = 0;
        std::uint32_t file = kNowhere;  // of `files`
        std::uint32_t row = 0;          // of its /jobs; those of the others follow
    };
    std::uint64_t request = 0;
    std::vector<std::string> files;
    std::vector<Run> runs;
};

// Broker: send me these outputs. Answered by Fetched, or FetchedChunk for large ones.
struct Fetch {
    std::uint64_t request = 0;
    PipelineId pipeline;
    std::string key;
    std::vector<JobRun> jobs;
};

// Broker: the values asked for, in order, encoded one after another; a missing one is marked (value_exchange.hpp).
struct Fetched {
    std::uint64_t request = 0;
    std::vector<std::byte> bytes;
};

// Broker: a part of an answer too large for one message. At most kChunkWindow are under way a request.
struct FetchedChunk {
    std::uint64_t request = 0;
    std::uint64_t offset = 0;
    std::uint64_t total = 0;
    std::vector<std::byte> bytes;
};

// Broker: a chunk has arrived; the next may be sent.
struct ChunkTaken {
    std::uint64_t request = 0;
    std::uint64_t offset = 0;
};

// Pipeliner: nothing can need the outputs of these jobs any more.
struct Release {
    JobRun jobs;
    std::uint32_t epoch = 0;
};

// Router: a rank was lost that had to do with this pipeline. What has not started of it is dropped, what runs may end,
// but its end is not told before Continue. Answered by Withdrawn.
struct Withdraw {
    PipelineId pipeline;
    std::uint32_t epoch = 0;      // from now on
    std::uint32_t pipeliner = 0;  // rank, from now on
};

// Router: router and pipeliner know again how far it is.
struct Continue {
    PipelineId pipeline;
    std::uint32_t epoch = 0;
};

// Router: all jobs of this pipeline have ended; forget it.
struct ForgetPipeline {
    PipelineId pipeline;
};

// Router, to brokers and pipeliners: no pipeline of this plan is left, and its number is not used again unless the plan
// is sent anew.
struct ForgetPlan {
    PlanId plan;
};

// Router: which rank each job of a stream runs at, to each of these, before the Assign of its jobs. Answered by
// StreamReady, once those have arrived.
struct PlaceStream {
    PipelineId pipeline;
    std::vector<std::uint32_t> ranks;            // by job
    std::uint32_t epoch = 0;                     // its items carry it
    bool marks = false;                          // its source is to put marks
    std::shared_ptr<const StreamPosition> from;  // where it goes on; null = at its beginning
};

// Router: all brokers of the stream are ready: its sources may start.
struct OpenStream {
    PipelineId pipeline;
};

// Router: the job `cause` of the stream has failed (the stages behind it end with what they get), the run ends, or the
// driver function wants no more of it. Nothing more is made, and what is on its way is dropped.
struct StopStream {
    PipelineId pipeline;
    bool failed = false;  // else the run ends, or
    JobIndex cause;
    std::string reason;
    bool closed = false;  // the driver function wants no more: what has been made until then counts as a success
};

// Broker: items from one job of a stream to another. Between two jobs they stay in order.
struct StreamItems {
    PipelineId pipeline;
    JobIndex from;
    JobIndex to;
    std::uint64_t batch = 0;  // of a stage that keeps order: the number of the batch they were made of
    bool last = true;         // nothing more comes of that batch
    StreamItemsPtr items;
    std::uint64_t first = 0;  // number of the first of them among all that the job has sent to the stage
    std::uint32_t epoch = 0;
    std::uint64_t mark = 0;  // instead of items; 0 = none
};

// Broker: nothing more comes from this job to that one.
struct StreamEnd {
    PipelineId pipeline;
    JobIndex from;
    JobIndex to;
    std::uint64_t items = 0;  // sent in all
    bool failed = false;      // there would have been more
    std::uint32_t epoch = 0;
};

// Broker: the job `from` is done with so many items that the job `to` sent it; as many may follow.
struct StreamTaken {
    PipelineId pipeline;
    JobIndex from;
    JobIndex to;
    std::uint64_t items = 0;
    std::uint64_t bytes = 0;
    Nanoseconds each_ns = -1;  // mean time an item takes there; negative while unknown
    std::uint32_t epoch = 0;
};

// Router: a pipeline has ended and nothing else runs; somebody may wait for its results, so write what is pending now.
struct Flush {};

// Router, to brokers and pipeliners: the run is over. Brokers make everything durable and answer Bye.
struct Stop {};

}  // namespace penstock::msg

namespace penstock {

using RouterMessage =
    std::variant<msg::Ready, msg::Skipped, msg::Ended, msg::AttemptFailed, msg::Returned, msg::Durable, msg::Refused,
                 msg::StoreFailed, msg::StreamReady, msg::StageProgress, msg::StreamReached, msg::FindStored,
                 msg::StoredLost, msg::Withdrawn, msg::Restarted, msg::Alive, msg::Bye>;
using PipelinerMessage = std::variant<msg::StartPlan, msg::Earlier, msg::StartPipelines, msg::Restart, msg::Ended,
                                      msg::Locate, msg::ForgetPlan, msg::Alive, msg::RankLost, msg::Leave, msg::Stop>;
using BrokerMessage =
    std::variant<msg::PlanBlock, msg::IntroducePipeline, msg::Assign, msg::Recall, msg::Located, msg::StoredAt,
                 msg::Fetch, msg::Fetched, msg::FetchedChunk, msg::ChunkTaken, msg::Release, msg::ForgetPipeline,
                 msg::ForgetPlan, msg::Withdraw, msg::Continue, msg::Alive, msg::RankLost, msg::Leave, msg::PlaceStream,
                 msg::OpenStream, msg::StopStream, msg::StreamItems, msg::StreamEnd, msg::StreamTaken, msg::Flush,
                 msg::Stop>;
using Message = std::variant<RouterMessage, PipelinerMessage, BrokerMessage>;

struct Envelope {
    std::uint32_t from = 0;  // rank
    std::uint32_t to = 0;    // rank
    Message message;
};

// Where a role puts what it wants sent. The driver adds `from`, batches by destination, and delivers.
class Outbox {
public:
    explicit Outbox(std::uint32_t self) : self_(self) {}
    void to_router(RouterMessage m) { sent_.push_back({self_, 0, Message(std::move(m))}); }
    void to_pipeliner(std::uint32_t rank, PipelinerMessage m) { sent_.push_back({self_, rank, Message(std::move(m))}); }
    void to_broker(std::uint32_t rank, BrokerMessage m) { sent_.push_back({self_, rank, Message(std::move(m))}); }

    std::vector<Envelope> take() { return std::exchange(sent_, {}); }
    std::vector<Envelope>& sent() { return sent_; }
    bool empty() const { return sent_.empty(); }

private:
    std::uint32_t self_;
    std::vector<Envelope> sent_;
};

// One line for logs, test failures and transcripts: "Ready 3:[0,1000) t0 attempt 1".
std::string describe(const Message& message);
std::string describe(const Envelope& envelope);

}  // namespace penstock
