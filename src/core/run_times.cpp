#include "core/run_times.hpp"

namespace penstock {

std::uint32_t RunTimes::class_of(const Plan& plan, TemplateIndex t) {
    if (class_.empty()) class_.assign(plan.templates.size(), kUnknown);
    std::uint32_t& known = class_[t.value];
    if (known != kUnknown) return known;
    const JobTemplate& job = plan.templates[t.value];
    const auto next = static_cast<std::uint32_t>(mean_ns_.size());
    known = job.count > 1 ? next : by_worker_.try_emplace(job.worker, next).first->second;
    if (known == next) mean_ns_.push_back(-1);
    return known;
}

void RunTimes::learn(const Plan& plan, TemplateIndex t, std::uint32_t count, double total_ns) {
    double& mean = mean_ns_[class_of(plan, t)];
    const double sample = total_ns / count;
    mean = mean < 0 ? sample : mean + (sample - mean) * (count / (count + 16.0));
}

}  // namespace penstock
