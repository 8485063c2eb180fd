#include "core/structure.hpp"

#include <algorithm>

namespace penstock {

std::uint32_t Structure::template_of(std::uint32_t job) const {
    if (job + 1 < first_job.size() && first_job[job] == job && first_job[job + 1] == job + 1) return job;
    return static_cast<std::uint32_t>(std::upper_bound(first_job.begin(), first_job.end(), job) - first_job.begin()) -
           1;
}

namespace {

void index_inputs(Structure& s, const Plan& plan) {
    const std::size_t n = plan.templates.size();
    s.input_begin.assign(n + 1, 0);
    for (const Edge& e : plan.edges)
        if (e.carries_values) ++s.input_begin[e.consumer.value + 1];
    for (std::size_t t = 0; t < n; ++t) s.input_begin[t + 1] += s.input_begin[t];
    s.inputs.resize(s.input_begin[n]);
    std::vector<std::uint32_t> next(s.input_begin.begin(), s.input_begin.end() - 1);
    for (const Edge& e : plan.edges)
        if (e.carries_values) s.inputs[next[e.consumer.value]++] = {e.producer.value, e.grouping, e.relation};
}

}  // namespace

Structure structure_of(const Plan& plan) {
    Structure s;
    const std::size_t n = plan.templates.size();
    s.first_job.reserve(n + 1);
    for (const JobTemplate& t : plan.templates) s.first_job.push_back(t.first_job.value);
    s.first_job.push_back(plan.job_count);

    s.edge_begin.assign(n + 1, 0);
    for (const Edge& e : plan.edges) ++s.edge_begin[e.producer.value + 1];
    for (std::size_t t = 0; t < n; ++t) s.edge_begin[t + 1] += s.edge_begin[t];
    s.edges.resize(plan.edges.size());
    std::vector<std::uint32_t> next(s.edge_begin.begin(), s.edge_begin.end() - 1);
    for (const Edge& e : plan.edges)
        s.edges[next[e.producer.value]++] = {e.consumer.value, e.grouping, e.relation, e.when, e.carries_values};
    s.groupings = plan.groupings;
    for (const Grouping& grouping : plan.groupings) s.members.push_back(members_of(grouping));
    index_inputs(s, plan);

    s.sole_source.assign(n, Structure::kNone);
    s.has_inputs.assign(n, 0);
    s.feeds.assign(n, 0);
    for (const Edge& e : plan.edges) {
        if (!e.carries_values) continue;
        s.any_values = true;
        s.feeds[e.producer.value] = 1;
        const bool single = e.relation == Relation::twin ||
                            (e.relation == Relation::all && plan.templates[e.producer.value].count == 1);
        const std::uint32_t c = e.consumer.value;
        s.sole_source[c] = single && !s.has_inputs[c] ? e.producer.value : Structure::kNone;
        s.has_inputs[c] = 1;
    }
    return s;
}

}  // namespace penstock
