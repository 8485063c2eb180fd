// Submits pipelines: once each, and written down in the journal before submit() returns.
//
// Threads: any.
#pragma once

#include "run/run.hpp"
#include "store/durable_jobs.hpp"
#include "store/run_directory.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

namespace penstock {

// A pipeline of the same name and the same --for-each data was submitted before: their results could not be told apart.
class SubmittedBefore : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class Submitter {
public:
    // `journal` may be null (tests). `durable`: what earlier launches have left; null when this is the first.
    Submitter(Feed& feed, RunDirectory* journal, DurableJobs* durable = nullptr)
        : feed_(feed), journal_(journal), durable_(durable) {}

    // All or none when one was SubmittedBefore. Blocks while the run is behind; throws FeedStopped when it ends early.
    std::vector<PipelineId> submit(std::vector<Submission> submissions);

    bool stopping() const { return feed_.stopping(); }
    // submit() has thrown StoreError: what is submitted can no longer be written down, or what earlier launches have
    // done of it cannot be read.
    bool journal_failed() const { return journal_failed_; }

private:
    static constexpr std::size_t kPlansKept = 64;  // before it is looked for those that nobody has any more

    template <class Write>
    void write_down(const Write& write);
    void look_up(Submission& submission, const PipelineInfo& pipeline);
    void claim_names(const std::vector<Submission>& submissions);
    PlanId number_of(const std::shared_ptr<const Plan>& plan);

    Feed& feed_;
    RunDirectory* journal_;
    DurableJobs* durable_;
    std::atomic<bool> journal_failed_ = false;
    std::mutex mutex_;
    // What the run has ever started, so that nothing runs twice: hashes, 8 bytes a pipeline and a name a definition.
    std::unordered_set<std::uint64_t> names_;
    std::map<std::string, std::uint64_t> definitions_;  // by name: hash of the definition
    // The journal's numbers of plans that somebody still has. One that comes again later is written down again.
    std::map<std::weak_ptr<const Plan>, PlanId, std::owner_less<>> plans_;
    std::uint32_t next_plan_ = 1;
    std::size_t plans_limit_ = kPlansKept;
};

// "word-count", or "page[url=x]" for one of a --for-each.
std::string pipeline_label(const std::string& name, const std::string& instance);

}  // namespace penstock
