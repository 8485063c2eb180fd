// How long jobs of a plan take, as far as is known: what queues ahead are sized from.
//
// Instances of a for-each share one figure; jobs that stand alone share one by worker type.
#pragma once

#include "core/plan.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace penstock {

class RunTimes {
public:
    // Mean run time in nanoseconds of jobs like this template's, or a negative number while none has ended.
    double mean_ns(const Plan& plan, TemplateIndex t) { return mean_ns_[class_of(plan, t)]; }
    // `count` of them took `total_ns` together. Newer samples weigh more.
    void learn(const Plan& plan, TemplateIndex t, std::uint32_t count, double total_ns);

    // Templates of one class share a figure.
    std::uint32_t class_of(const Plan& plan, TemplateIndex t);

private:
    static constexpr std::uint32_t kUnknown = 0xffffffff;

    std::vector<std::uint32_t> class_;  // per template, found when first asked for
    std::vector<double> mean_ns_;       // per class
    std::unordered_map<std::string, std::uint32_t> by_worker_;
};

}  // namespace penstock
