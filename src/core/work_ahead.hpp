// How long a broker is likely to need for what it was given.
//
// A job counts as it was guessed when it was given, until it ends: were it taken off as it is guessed when it ends,
// each change of a mean would leave something behind, or take too much, for as long as the broker has jobs.
#pragma once

#include "core/ids.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

namespace penstock {

class WorkAhead {
public:
    // Jobs of one plan and class of RunTimes. A class has one figure, so its jobs need not be told apart.
    using Kind = std::pair<PlanId, std::uint32_t>;

    void add(Kind kind, std::uint32_t jobs, double likely_ns) {
        Given& given = given_[kind];
        given.jobs += jobs;
        given.likely_ns += likely_ns;
        likely_ns_ += likely_ns;
    }
    // Jobs that were never added are nobody's: nothing changes.
    void remove(Kind kind, std::uint32_t jobs) {
        const auto at = given_.find(kind);
        if (at == given_.end()) return;
        Given& given = at->second;
        const double part = jobs < given.jobs ? given.likely_ns * jobs / given.jobs : given.likely_ns;
        likely_ns_ = std::max(0.0, likely_ns_ - part);
        given.likely_ns -= part;
        given.jobs -= std::min<std::uint64_t>(jobs, given.jobs);
        if (given.jobs == 0) given_.erase(at);
        if (given_.empty()) likely_ns_ = 0;
    }
    double likely_ns() const { return likely_ns_; }

private:
    struct Given {
        std::uint64_t jobs = 0;
        double likely_ns = 0;
    };
    std::map<Kind, Given> given_;
    double likely_ns_ = 0;
};

}  // namespace penstock
