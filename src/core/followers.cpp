#include "core/plan.hpp"

namespace penstock {

void find_followers(Plan& plan) {
    std::vector<std::uint32_t> in(plan.templates.size(), 0), out(plan.templates.size(), 0);
    for (const Edge& e : plan.edges) {
        ++out[e.producer.value];
        ++in[e.consumer.value];
    }
    for (const Edge& e : plan.edges) {
        JobTemplate& producer = plan.templates[e.producer.value];
        const JobTemplate& consumer = plan.templates[e.consumer.value];
        const bool one_to_one =
            e.relation == Relation::twin || (e.relation == Relation::all && producer.count == 1 && consumer.count == 1);
        // Another priority or shape is the router's business.
        if (one_to_one && out[e.producer.value] == 1 && in[e.consumer.value] == 1 && producer.resources.simple() &&
            consumer.resources.simple() && producer.priority == consumer.priority)
            producer.follower = e.consumer.value;
    }
}

}  // namespace penstock
