// The jobs of one pipeline and the rows that earlier launches have left of it, brought together.
#pragma once

#include "core/job_history.hpp"
#include "core/plan.hpp"
#include "store/catalog.hpp"
#include "store/labels.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace penstock {

class JobMatcher {
public:
    JobMatcher(const Plan& plan, const PipelineInfo& pipeline, const Catalog& catalog, SourcePool& sources);

    // Rows begin .. end - 1 of the catalog's jobs, which are all those of the pipeline; one at least.
    void match(std::uint64_t begin, std::uint64_t end, bool retry_failed);
    // Null when all rows have the numbers their jobs have now (and those of removed jobs are marked).
    std::unique_ptr<Renumbering> renumbering();
    // The row of a job that is taken as done; else null.
    const Catalog::Job* kept(std::uint32_t job) const;
    const Catalog::Job* first_kept() const;  // null = none is
    // Failures that were there already at `at_start`, and were not kept then, are to run again.
    void drop_failures_before(const JobHistory& at_start);
    // Outputs that a rank has.
    void take_held(const std::vector<HeldOutputs>& held);
    // It runs again.
    void drop(std::uint32_t job) { kept_[job] = false; }
    void drop_all() { kept_.assign(kept_.size(), false); }
    // Jobs whose outputs are nowhere (`save:` left them out) run again where a job that runs reads them. `all`: nothing
    // that was saved can be read.
    void drop_what_is_read_and_not_saved(bool all);
    std::shared_ptr<const Resumption> resumption(std::shared_ptr<const std::vector<std::string>> files) const;

private:
    static constexpr std::uint32_t kNone = 0xffffffff;
    struct Place {  // of a template's jobs by hash and by label, where numbers have changed
        std::unordered_map<std::uint64_t, std::uint32_t> by_hash;
        std::unordered_map<std::string, std::uint32_t> by_label;
    };
    const JobTemplate* template_of(std::uint32_t catalog_template);
    std::optional<std::uint32_t> instance_of(const JobTemplate& t, const Catalog::Job& row);
    std::uint64_t hash_of(const JobTemplate& t, std::uint32_t instance) const;
    std::string label_of(const Catalog::Job& row);
    void keep_streams_whole();
    std::optional<bool> ended_well()
        const;  // the pipeline, as its row says; nothing when it is not known to have ended
    void drop_producers(std::uint32_t job, const std::vector<std::vector<const Edge*>>& unsaved,
                        std::vector<std::uint32_t>& dropped);

    const Plan& plan_;
    const PipelineInfo& pipeline_;
    const Catalog& catalog_;
    Labels labels_;
    std::unordered_map<std::string, const JobTemplate*> templates_;
    std::unordered_map<const JobTemplate*, Place> places_;
    std::uint32_t last_code_ = kNone;
    const JobTemplate* last_template_ = nullptr;
    std::vector<std::uint32_t> row_of_;  // of each job of the plan; kNone: nothing is known of it
    std::vector<bool> kept_;
    std::vector<std::uint32_t> held_;  // rank that has the outputs of each job; empty: none has any
    std::uint32_t pipeline_row_ = 0;
    std::uint64_t changed_ = 0;
    bool renumbered_ = false;                                  // some row has another number than its job now
    std::unordered_set<const Edge*> dropped_whole_;            // all of whose producers have been looked at
    std::unordered_map<std::uint32_t, GroupMembers> members_;  // by grouping
};

}  // namespace penstock
