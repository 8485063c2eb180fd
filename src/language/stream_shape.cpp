#include "language/stream_shape.hpp"

namespace penstock {

bool is_defined(const Plan& plan, std::uint32_t index) {
    return !plan.is_stream() || plan.stages[index].role == Stage::Role::worker;
}

std::vector<Arc> stage_arcs(const Plan& plan) {
    std::vector<Arc> arcs;
    for (std::uint32_t consumer = 0; consumer < plan.stages.size(); ++consumer) {
        if (!is_defined(plan, consumer)) continue;
        for (const TemplateIndex from : plan.stages[consumer].from) {
            if (is_defined(plan, from.value)) {
                arcs.push_back({from.value, consumer});
                continue;
            }
            for (const TemplateIndex producer : plan.stages[from.value].from)  // of NAME@order
                arcs.push_back({producer.value, consumer});
        }
    }
    return arcs;
}

}  // namespace penstock
