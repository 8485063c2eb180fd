// The jobs that are at one broker, as runs: what is lost when its rank is.
//
// O(log runs) an operation; runs that continue one another are one. Bounded by what the router gives a broker.
#pragma once

#include "core/past_attempts.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace penstock {

class AssignedJobs {
public:
    struct Run {
        JobRun jobs;
        TemplateIndex job;  // all of one template
        std::uint32_t attempt = 1;
        PastAttempts past = {};
        friend bool operator==(const Run&, const Run&) = default;
    };

    void add(const Run& run);
    bool contains(const JobRun& jobs) const;
    // False, and nothing changes, when some of them are not there.
    bool remove(const JobRun& jobs);
    std::vector<Run> of(PipelineId pipeline) const;
    std::vector<Run> take_all();

    template <class Predicate>
    bool any(Predicate is) const {
        return std::any_of(runs_.begin(), runs_.end(), [&](const auto& entry) { return is(entry.second); });
    }
    bool empty() const { return runs_.empty(); }
    std::size_t runs() const { return runs_.size(); }

private:
    using Runs = std::map<std::pair<PipelineId, std::uint32_t>, Run>;  // by pipeline and first job
    Runs::const_iterator run_of(PipelineId pipeline, std::uint32_t job) const;

    Runs runs_;
};

}  // namespace penstock
