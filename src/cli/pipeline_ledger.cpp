#include "cli/pipeline_ledger.hpp"

#include <chrono>

namespace penstock {

namespace {

constexpr std::chrono::milliseconds kAsk{100};

PipelineStatus outcome_of(const PipelineEnded& ended) {
    PipelineStatus outcome;
    outcome.number = PipelineNumber{ended.pipeline->info.id.value};
    outcome.state =
        ended.status == JobStatus::succeeded ? PipelineStatus::State::succeeded : PipelineStatus::State::failed;
    outcome.succeeded = ended.succeeded;
    outcome.failed = ended.failed;
    outcome.skipped = ended.skipped;
    outcome.duration_s = ended.duration_s;
    return outcome;
}

}  // namespace

PipelineNumber PipelineLedger::start(Submission submission, const Submit& submit) {
    Entry entry;
    entry.plan = submission.plan;
    entry.status.name = submission.plan->name;
    entry.status.instance = submission.instance;
    entry.status.jobs = submission.plan->job_count;
    {
        const std::scoped_lock lock(mutex_);
        ++starting_;
    }
    std::optional<PipelineId> id;
    std::exception_ptr failure;
    try {
        id = submit(std::move(submission));
    } catch (...) {
        failure = std::current_exception();
    }
    const std::scoped_lock lock(mutex_);
    --starting_;
    if (id) {
        entry.status.number = PipelineNumber{id->value};
        by_name_.emplace(std::pair(entry.status.name, entry.status.instance), entry.status.number);
        Entry& added = entries_.emplace(entry.status.number, std::move(entry)).first->second;
        const auto early = early_.find(added.status.number);
        if (early != early_.end()) finish(added, early->second);
    }
    if (starting_ == 0) early_.clear();
    if (failure) std::rethrow_exception(failure);
    return PipelineNumber{id->value};
}

void PipelineLedger::pipeline_ended(const PipelineEnded& ended) {
    const PipelineStatus outcome = outcome_of(ended);
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(outcome.number);
    if (found != entries_.end())
        finish(found->second, outcome);
    else if (starting_ > 0)
        early_.emplace(outcome.number, outcome);
}

// Under the lock.
void PipelineLedger::finish(Entry& entry, const PipelineStatus& outcome) {
    if (entry.status.finished()) return;
    PipelineStatus status = outcome;
    status.name = entry.status.name;
    status.instance = entry.status.instance;
    status.jobs = entry.status.jobs;
    entry.status = std::move(status);
    unreturned_.push_back(outcome.number);
    ++finished_;
    changed_.notify_all();
}

const PipelineLedger::Entry& PipelineLedger::entry(PipelineNumber pipeline) const {
    const auto found = entries_.find(pipeline);
    if (found == entries_.end()) {
        throw PipelineError("pipeline number " + std::to_string(pipeline.value) +
                            " was not started by this manager; ask for what start() returned");
    }
    return found->second;
}

PipelineStatus PipelineLedger::status(PipelineNumber pipeline) const {
    const std::scoped_lock lock(mutex_);
    return entry(pipeline).status;
}

std::shared_ptr<const Plan> PipelineLedger::plan(PipelineNumber pipeline) const {
    const std::scoped_lock lock(mutex_);
    return entry(pipeline).plan;
}

void PipelineLedger::wait_until(std::unique_lock<std::mutex>& lock, const Stopping& stopping,
                                const std::function<bool()>& done) {
    while (!done()) {
        if (stopping()) throw RunStopped("the run ends early: what was waited for will not finish in it");
        changed_.wait_for(lock, kAsk);
    }
}

PipelineStatus PipelineLedger::wait(PipelineNumber pipeline, const Stopping& stopping) {
    std::unique_lock lock(mutex_);
    const Entry& waited_for = entry(pipeline);
    wait_until(lock, stopping, [&] { return waited_for.status.finished(); });
    return waited_for.status;
}

std::optional<PipelineStatus> PipelineLedger::wait_any(const Stopping& stopping) {
    std::unique_lock lock(mutex_);
    wait_until(lock, stopping, [&] { return !unreturned_.empty() || finished_ == entries_.size(); });
    if (unreturned_.empty()) return std::nullopt;
    const PipelineNumber next = unreturned_.front();
    unreturned_.pop_front();
    return entry(next).status;
}

std::vector<PipelineStatus> PipelineLedger::wait_all(const Stopping& stopping) {
    {
        std::unique_lock lock(mutex_);
        wait_until(lock, stopping, [&] { return finished_ == entries_.size(); });
    }
    return list(Which::all);
}

std::vector<PipelineStatus> PipelineLedger::list(Which which) const {
    const std::scoped_lock lock(mutex_);
    std::vector<PipelineStatus> chosen;
    for (const auto& [number, entry] : entries_) {
        if (which == Which::all || entry.status.finished() == (which == Which::finished))
            chosen.push_back(entry.status);
    }
    return chosen;
}

std::optional<PipelineNumber> PipelineLedger::find(const std::string& name, const std::string& instance) const {
    const std::scoped_lock lock(mutex_);
    const auto found = by_name_.find({name, instance});
    return found == by_name_.end() ? std::nullopt : std::optional(found->second);
}

std::uint64_t PipelineLedger::finished() const {
    const std::scoped_lock lock(mutex_);
    return finished_;
}

}  // namespace penstock
