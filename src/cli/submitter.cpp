#include "cli/submitter.hpp"

#include "core/stream_position.hpp"
#include "report/text.hpp"
#include "store/position_file.hpp"
#include "value/hash.hpp"

#include <algorithm>
#include <exception>

namespace penstock {

namespace {

std::uint64_t name_hash(const Submission& submission) {
    return Hasher().add(submission.plan->name).add(submission.instance).value();
}

}  // namespace

std::string pipeline_label(const std::string& name, const std::string& instance) {
    return printable(instance.empty() ? name : name + "[" + instance + "]");
}

template <class Write>
void Submitter::write_down(const Write& write) {
    if (!journal_) return;
    try {
        write(*journal_);
    } catch (const StoreError&) {
        journal_failed_ = true;
        throw;
    }
}

void Submitter::claim_names(const std::vector<Submission>& submissions) {
    std::vector<std::uint64_t> claimed;
    for (const Submission& submission : submissions) {
        const Plan& plan = *submission.plan;
        const std::uint64_t text = Hasher().add(plan.definition_text).add(plan.definition_directory).value();
        if (definitions_.emplace(plan.name, text).first->second != text) {
            throw SubmittedBefore("another pipeline called " + pipeline_label(plan.name, "") +
                                  " was started before: results are found by name; rename one of them");
        }
    }
    for (const Submission& submission : submissions) {
        const std::uint64_t hash = name_hash(submission);
        if (names_.insert(hash).second) {
            claimed.push_back(hash);
            continue;
        }
        for (const std::uint64_t mine : claimed) names_.erase(mine);
        throw SubmittedBefore(
            "pipeline " + pipeline_label(submission.plan->name, submission.instance) +
            " was started before: results are found by name and --for-each data, so each of them runs "
            "once; give it other data or another name");
    }
}

PlanId Submitter::number_of(const std::shared_ptr<const Plan>& plan) {
    if (const auto known = plans_.find(plan); known != plans_.end()) return known->second;
    if (plans_.size() >= plans_limit_) {
        std::erase_if(plans_, [](const auto& known) { return known.first.expired(); });
        plans_limit_ = std::max(kPlansKept, 2 * plans_.size());
    }
    const PlanId number(next_plan_++);
    plans_.emplace(plan, number);
    write_down([&](RunDirectory& journal) { journal.record_plan(number, *plan); });
    return number;
}

// Without knowing what is done it must not run: what is durable would run again.
void Submitter::look_up(Submission& submission, const PipelineInfo& pipeline) {
    if (submission.plan->is_stream() && !why_it_begins_again(*submission.plan))
        submission.stream_identity = stream_identity({submission.plan, pipeline});
    if (durable_ == nullptr) return;
    try {
        submission.resumption = durable_->resumption(*submission.plan, pipeline);
    } catch (const StoreError&) {
        journal_failed_ = true;
        throw;
    }
}

std::vector<PipelineId> Submitter::submit(std::vector<Submission> submissions) {
    std::vector<PipelineInfo> accepted;
    {
        const std::scoped_lock lock(mutex_);
        claim_names(submissions);
        for (Submission& submission : submissions) {
            accepted.push_back({PipelineId(), number_of(submission.plan), submission.instance, submission.own_data});
            look_up(submission, accepted.back());
        }
    }
    // Not under the lock: it blocks while the run is behind.
    std::vector<PipelineId> ids;
    std::exception_ptr stopped;
    try {
        for (Submission& submission : submissions) {
            const PipelineId id = feed_.submit(std::move(submission));
            accepted[ids.size()].id = id;
            ids.push_back(id);
        }
    } catch (const FeedStopped&) {
        stopped = std::current_exception();
        accepted.resize(ids.size());
    }
    const std::scoped_lock lock(mutex_);
    if (!accepted.empty()) write_down([&](RunDirectory& journal) { journal.record_submissions(accepted); });
    if (stopped) std::rethrow_exception(stopped);
    return ids;
}

}  // namespace penstock
