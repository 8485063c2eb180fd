#include "language/stream_shape.hpp"

namespace penstock {

bool is_defined(const Plan& plan, std::uint32_t index) {
    return !plan.is_stream() || plan.templates[index].name.find('@') == std::string::npos;
}

namespace {

// The stage that a definition has in place of `NAME@sample`.
std::uint32_t sample_of(const Plan& plan, std::uint32_t sample) {
    const std::string_view name = plan.templates[sample].name;
    std::uint32_t found = 0;
    while (plan.templates[found].name != name.substr(0, name.find('@'))) ++found;
    return found;
}

// Whose items the stage takes, by way of what was added.
void add_producers(const Plan& plan, std::uint32_t stage, std::uint32_t consumer, std::vector<Arc>& arcs) {
    const Stage& takes = plan.stages[stage];
    for (const TemplateIndex from : takes.from) {
        const bool result = takes.keep_latest && takes.merge == Merge::latest && from == takes.until.front();
        if (result) continue;  // of the sample's own branch
        // What samples for the sample that keeps the latest stands for it.
        const bool samples = plan.stages[from.value].role == Stage::Role::sample && !is_defined(plan, from.value);
        if (is_defined(plan, from.value))
            arcs.push_back({from.value, consumer});
        else if (samples)
            arcs.push_back({sample_of(plan, from.value), consumer});
        else
            add_producers(plan, from.value, consumer, arcs);
    }
}

}  // namespace

std::vector<Arc> stage_arcs(const Plan& plan) {
    std::vector<Arc> arcs;
    for (std::uint32_t consumer = 0; consumer < plan.stages.size(); ++consumer)
        if (is_defined(plan, consumer)) add_producers(plan, consumer, consumer, arcs);
    return arcs;
}

}  // namespace penstock
