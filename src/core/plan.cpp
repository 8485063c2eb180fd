#include "core/plan.hpp"

#include <algorithm>

namespace penstock {

bool SavePolicy::saves(std::string_view key) const {
    return all || std::find(keys.begin(), keys.end(), key) != keys.end();
}

TemplateIndex Plan::template_of(JobIndex job) const {
    if (job.value < templates.size()) {  // where each is one job, and plans of many templates are like that
        const JobTemplate& likely = templates[job.value];
        if (likely.first_job == job && likely.count == 1) return TemplateIndex(job.value);
    }
    const auto after = std::upper_bound(templates.begin(), templates.end(), job,
                                        [](JobIndex wanted, const JobTemplate& t) { return wanted < t.first_job; });
    return TemplateIndex(static_cast<std::uint32_t>(after - templates.begin()) - 1);
}

std::string Plan::job_label(JobIndex job) const {
    const JobTemplate& found = templates[template_of(job).value];
    return penstock::job_label(found, job.value - found.first_job.value);
}

std::string job_label(const JobTemplate& job, std::uint32_t instance) {
    if (job.for_each == nullptr) return job.name;
    std::string label = job.name;
    label += '[';
    label += job.for_each->label(instance);
    label += ']';
    return label;
}

const Value* find_data(const Plan& plan, const PipelineInfo& pipeline, std::string_view key) {
    if (const auto own = pipeline.own_data.find(key); own != pipeline.own_data.end()) return &own->second;
    if (const auto shared = plan.data.find(key); shared != plan.data.end()) return &shared->second;
    return nullptr;
}

GroupMembers members_of(const Grouping& grouping) {
    GroupMembers m;
    m.begin.assign(grouping.groups + 1, 0);
    for (std::uint32_t group : grouping.consumer_of) ++m.begin[group + 1];
    for (std::uint32_t g = 0; g < grouping.groups; ++g) m.begin[g + 1] += m.begin[g];
    m.members.resize(grouping.consumer_of.size());
    std::vector<std::uint32_t> next(m.begin.begin(), m.begin.end() - 1);
    for (std::uint32_t i = 0; i < grouping.consumer_of.size(); ++i) m.members[next[grouping.consumer_of[i]]++] = i;
    return m;
}

}  // namespace penstock
