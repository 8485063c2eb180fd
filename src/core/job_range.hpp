// Whether what a message says about jobs can be true of a plan.
#pragma once

#include "core/plan.hpp"

namespace penstock {

inline bool in_plan(const Plan& plan, const JobRun& jobs) {
    return jobs.count != 0 && jobs.first.value < plan.job_count && jobs.count <= plan.job_count - jobs.first.value;
}

inline bool in_template(const Plan& plan, const JobRun& jobs, TemplateIndex t) {
    if (t.value >= plan.templates.size() || !in_plan(plan, jobs)) return false;
    const JobTemplate& job = plan.templates[t.value];
    return jobs.first >= job.first_job && jobs.first.value - job.first_job.value + jobs.count <= job.count;
}

}  // namespace penstock
