#include "language/plan_builder.hpp"

#include <set>

namespace penstock {

namespace {

std::vector<Arc> arcs_of(const std::vector<Link>& links) {
    std::vector<Arc> arcs;
    arcs.reserve(links.size());
    for (const Link& link : links) arcs.push_back({link.producer, link.consumer});
    return arcs;
}

void set_own_keys(Plan& plan) {
    std::set<std::string> keys;
    for (const JobTemplate& job : plan.templates)
        for (const Binding& binding : job.bindings)
            if (binding.from == Binding::From::data && !plan.data.contains(binding.source_key))
                keys.insert(binding.source_key);
    plan.own_keys.assign(keys.begin(), keys.end());
}

}  // namespace

std::shared_ptr<const Plan> build_plan(const Reading& reading, const Definition& definition, const WorkerTypes& types,
                                       const OutsideKeys& outside, const std::filesystem::path& directory,
                                       Sources& sources) {
    const std::uint64_t errors_before = reading.diagnostics.errors();
    InputFiles files(directory, reading.source.name(), reading.limits.file_bytes, sources);
    Draft draft(reading, definition, files, outside);
    draft.plan->definition_directory = directory.string();
    draft_jobs(draft);
    const bool linked = draft_links(draft);
    draft_workers(draft, types);
    if (definition.is_stream()) draft_stages(draft, types);
    if (!linked) return nullptr;
    const Dag dag(static_cast<std::uint32_t>(definition.jobs.size()), arcs_of(draft.links));
    draft_order(draft, dag);
    draft_bindings(draft, dag);
    if (reading.diagnostics.errors() > errors_before) return nullptr;
    if (!draft_edges(draft)) return nullptr;
    if (definition.is_stream()) finish_stages(draft);
    set_own_keys(*draft.plan);
    seal_hashes(*draft.plan);
    find_followers(*draft.plan);
    return draft.plan;
}

}  // namespace penstock
