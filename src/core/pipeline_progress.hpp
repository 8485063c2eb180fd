// How far one pipeline is: the heart of the DAG runner, without any message.
//
// Dependencies between templates are counted per template where one side waits for all of the other, and per instance
// only for twins and groups, so a fan of a million jobs costs a byte a job. Every edge is walked a bounded number of
// times over the life of the pipeline.
#pragma once

#include "core/job_history.hpp"
#include "core/structure.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace penstock {

// What one event changed, in runs of consecutive jobs. Reused between events: clear() keeps the memory.
struct Changes {
    struct ReadyRun {
        std::uint32_t first, count, job_template;
        std::uint32_t holder;  // rank where inputs are, or kNobodyHolds
        bool located;          // all inputs are there (or it has none)
    };
    struct SkippedRun {
        std::uint32_t first, count, cause;
    };
    struct ReleasedRun {
        std::uint32_t first, count, holder;
    };
    std::vector<ReadyRun> ready;
    std::vector<SkippedRun> skipped;
    std::vector<ReleasedRun> released;

    void clear() {
        ready.clear();
        skipped.clear();
        released.clear();
    }
};

class PipelineProgress {
public:
    static constexpr std::uint32_t kNobodyHolds = 0xffffffff;
    static constexpr std::uint32_t kStored = 0xfffffffe;  // outputs of an earlier launch, in its files

    explicit PipelineProgress(std::shared_ptr<const Structure> structure);

    // The jobs that depend on nothing but on what has been done already, if anything has. Those that run are not told
    // as ready.
    void start(Changes& changes, const JobHistory* history = nullptr);
    // Jobs first .. first + count - 1 ended at a broker. False (and nothing changes) when one of them was not ready.
    // `followed`: the broker goes on with what this makes ready, so it is not told as ready.
    bool ended(std::uint32_t first, std::uint32_t count, bool succeeded, std::uint32_t broker, Changes& changes,
               bool followed = false);

    // Whether these jobs could have ended although they are not known to be ready: each waits for one producer at most,
    // so a broker may have gone on from that one to it by itself.
    bool may_end_early(std::uint32_t first, std::uint32_t count) const;

    bool done() const { return left_ == 0; }
    std::uint32_t left() const { return left_; }
    std::uint32_t holder(std::uint32_t job) const;
    const Structure& structure() const { return *structure_; }

private:
    enum class State : std::uint8_t { waiting, ready, succeeded, failed, skipped };

    struct EndedRun {
        std::uint32_t first, count, cause;  // cause: the job that failed first; kNone when these succeeded
        std::uint32_t job_template;
    };

    // The consumer waits for every instance. An empty producer has no instances to follow one by one: what is after it
    // is then after whatever it is after itself.
    bool as_a_whole(const Structure::OutEdge& edge, std::uint32_t producer) const;
    void take_kept(const JobHistory& history);
    void follow_all(Changes& changes);
    void follow(const EndedRun& run, Changes& changes);
    void follow_twins(const EndedRun& run, const Structure::OutEdge& edge, std::uint32_t producer, Changes& changes);
    void template_ended(std::uint32_t t, Changes& changes);
    void one_dependency_less(std::uint32_t consumer, std::uint32_t instance, Changes& changes);
    void open(std::uint32_t t, Changes& changes);
    void make_ready(std::uint32_t t, std::uint32_t job, Changes& changes);
    void condemn(std::uint32_t t, std::uint32_t cause, Changes& changes);
    void skip(std::uint32_t t, std::uint32_t first, std::uint32_t count, std::uint32_t cause, Changes& changes);
    void consumers_ended(const EndedRun& run, std::uint32_t t, Changes& changes);
    void release(std::uint32_t producer, std::uint32_t first, std::uint32_t count, Changes& changes);

    std::shared_ptr<const Structure> structure_;
    std::uint32_t left_ = 0;
    std::vector<State> state_;                   // per job
    std::vector<std::uint16_t> holder_;          // per job; only when some edge carries values
    std::vector<std::uint32_t> instance_waits_;  // per job; only when some edge is twin or group
    std::vector<std::uint32_t> instance_uses_;   // per job: value-carrying twins and groups not yet ended
    std::vector<std::uint32_t> template_waits_;  // per template: producers it waits for as a whole
    std::vector<std::uint32_t> template_open_;   // per template: jobs not yet ended
    std::vector<std::uint32_t> template_uses_;   // per template: consumer templates that read all of it
    std::vector<std::uint32_t> condemned_by_;    // per template: the failed job because of which all of it is skipped
    std::vector<EndedRun> to_follow_;            // work list, so that a long chain of skips does not recurse
    std::uint32_t last_broker_ = kNobodyHolds;   // of the event being handled
    bool followed_ = false;                      // likewise
};

}  // namespace penstock
