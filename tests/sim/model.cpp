#include "sim/model.hpp"

#include <numeric>

namespace penstock::sim {

namespace {

std::vector<std::uint32_t> all_jobs(const JobTemplate& t) {
    std::vector<std::uint32_t> jobs(t.count);
    std::iota(jobs.begin(), jobs.end(), t.first_job.value);
    return jobs;
}

// Producers before consumers.
std::vector<std::uint32_t> in_order(const Plan& plan) {
    std::vector<std::uint32_t> waits(plan.templates.size()), order;
    for (const Edge& e : plan.edges) ++waits[e.consumer.value];
    for (std::uint32_t t = 0; t < waits.size(); ++t)
        if (waits[t] == 0) order.push_back(t);
    for (std::size_t i = 0; i < order.size(); ++i)
        for (const Edge& e : plan.edges)
            if (e.producer.value == order[i] && --waits[e.consumer.value] == 0) order.push_back(e.consumer.value);
    return order;
}

}  // namespace

std::vector<std::uint32_t> producers_of(const Plan& plan, const Edge& e, std::uint32_t instance) {
    const JobTemplate& producer = plan.templates[e.producer.value];
    if (e.relation == Relation::all) return all_jobs(producer);
    if (e.relation == Relation::twin) return {producer.first_job.value + instance};
    std::vector<std::uint32_t> members;
    for (std::uint32_t i = 0; i < producer.count; ++i)
        if (plan.groupings[e.grouping].consumer_of[i] == instance) members.push_back(producer.first_job.value + i);
    return members;
}

std::vector<std::uint32_t> consumers_of(const Plan& plan, const Edge& e, std::uint32_t instance) {
    const JobTemplate& consumer = plan.templates[e.consumer.value];
    if (e.relation == Relation::all) return all_jobs(consumer);
    if (e.relation == Relation::twin) return {consumer.first_job.value + instance};
    return {consumer.first_job.value + plan.groupings[e.grouping].consumer_of[instance]};
}

std::vector<Fate> fates(const Plan& plan, const std::function<bool(std::uint32_t job)>& job_fails) {
    std::vector<Fate> fate(plan.job_count, Fate::succeeds);
    // A for-each over nothing passes on that something above it failed.
    std::vector<bool> nothing_failed(plan.templates.size(), false);
    for (const std::uint32_t t : in_order(plan)) {
        const JobTemplate& job = plan.templates[t];
        for (const Edge& e : plan.edges) {
            if (e.consumer.value != t || e.when == When::ended) continue;
            const bool through_nothing = nothing_failed[e.producer.value];
            if (job.count == 0) {
                bool failed = through_nothing;
                for (const std::uint32_t p : all_jobs(plan.templates[e.producer.value]))
                    failed = failed || fate[p] != Fate::succeeds;
                nothing_failed[t] = nothing_failed[t] || failed;
            }
            const auto any_failed = [&](std::uint32_t instance) {
                bool failed = through_nothing;
                if (plan.templates[e.producer.value].count != 0)
                    for (const std::uint32_t p : producers_of(plan, e, instance))
                        failed = failed || fate[p] != Fate::succeeds;
                return failed;
            };
            const bool first_failed = job.count != 0 && any_failed(0);
            for (std::uint32_t i = 0; i < job.count; ++i)
                if (e.relation == Relation::all ? first_failed : any_failed(i))
                    fate[job.first_job.value + i] = Fate::is_skipped;
        }
        for (const std::uint32_t j : all_jobs(job))
            if (fate[j] != Fate::is_skipped && job_fails(j)) fate[j] = Fate::fails;
    }
    return fate;
}

bool is_above(const Plan& plan, std::uint32_t ancestor, std::uint32_t t) {
    std::vector<bool> above(plan.templates.size(), false);
    std::vector<std::uint32_t> open{t};
    while (!open.empty()) {
        const std::uint32_t current = open.back();
        open.pop_back();
        for (const Edge& e : plan.edges) {
            if (e.consumer.value != current || above[e.producer.value]) continue;
            if (e.producer.value == ancestor) return true;
            above[e.producer.value] = true;
            open.push_back(e.producer.value);
        }
    }
    return false;
}

}  // namespace penstock::sim
