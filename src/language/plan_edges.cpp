// The last step: one edge for each pair of jobs, with all reasons for it taken together, and the limits on what they
// come to.
#include "language/plan_draft.hpp"

#include <algorithm>

namespace penstock {

namespace {

class Edges {
public:
    explicit Edges(Draft& draft)
        : draft_(draft),
          groupings_left_(draft.reading.limits.edges_per_plan),
          edges_left_(draft.reading.limits.edges_per_plan) {}

    bool make() {
        std::vector<Link>& links = draft_.links;
        std::stable_sort(links.begin(), links.end(), [](const Link& a, const Link& b) {
            return std::pair(a.producer, a.consumer) < std::pair(b.producer, b.consumer);
        });
        std::size_t pairs = 0;
        for (std::size_t i = 0; i < links.size(); ++i)
            pairs += i == 0 || links[i].producer != links[i - 1].producer || links[i].consumer != links[i - 1].consumer;
        draft_.plan->edges.reserve(pairs);
        for (std::size_t begin = 0; begin < links.size();) {
            std::size_t end = begin + 1;
            while (end < links.size() && links[end].producer == links[begin].producer &&
                   links[end].consumer == links[begin].consumer)
                ++end;
            if (!add({links.data() + begin, end - begin})) return false;
            begin = end;
        }
        set_groupings();
        return true;
    }

private:
    // The consumer may go on without the producer's success only when every reason for waiting allows it.
    static When when_of(std::span<const Link> links) {
        bool any = false, ended = true;
        for (const Link& link : links) {
            if (link.yields) continue;
            any = true;
            ended = ended && link.when == When::ended;
        }
        return any && ended ? When::ended : When::succeeded;
    }

    bool add(std::span<const Link> links) {
        const Link& link = links.front();
        Edge edge;
        edge.producer = TemplateIndex(link.producer);
        edge.consumer = TemplateIndex(link.consumer);
        edge.when = when_of(links);
        for (const Link& l : links) edge.carries_values = edge.carries_values || l.carries_values;
        edge.relation = draft_.lineage.relation(link.producer, link.consumer);
        JobTemplate& producer = draft_.plan->templates[link.producer];
        const JobTemplate& consumer = draft_.plan->templates[link.consumer];
        if (edge.relation == Relation::group) {
            const auto grouping = draft_.lineage.grouping(link.producer, link.consumer, producer.count,
                                                          draft_.plan->groupings, groupings_left_);
            if (!grouping) return too_many(link);
            edge.grouping = *grouping;
        }
        const std::uint64_t dependencies = count(edge, producer, consumer);
        if (dependencies > edges_left_) return too_many(link);
        edges_left_ -= dependencies;
        producer.feeds_others = producer.feeds_others || edge.carries_values;
        draft_.plan->edges.push_back(edge);
        return true;
    }

    static std::uint64_t count(const Edge& edge, const JobTemplate& producer, const JobTemplate& consumer) {
        if (edge.relation != Relation::all) return producer.count;
        const std::uint64_t p = producer.count, c = consumer.count;
        if (edge.carries_values) return p * c;  // both below 2^32
        return std::min(p * c, p + c);          // a barrier: all of one, then all of the other
    }

    bool too_many(const Link& link) const {
        const JobTemplate& producer = draft_.plan->templates[link.producer];
        const JobTemplate& consumer = draft_.plan->templates[link.consumer];
        draft_.reading.error(link.place.known() ? link.place : draft_.job(link.consumer).place,
                             "the pipeline has too many dependencies between its jobs",
                             "the " + std::to_string(consumer.count) + " jobs of " + quote(consumer.name) +
                                 " wait for the " + std::to_string(producer.count) + " of " + quote(producer.name) +
                                 "; all together " + std::to_string(draft_.reading.limits.edges_per_plan) +
                                 " are allowed",
                             "let one job gather the values and the others read what it makes, or use `like`");
        return false;
    }

    // Bindings follow the same groups as the edges of their jobs.
    void set_groupings() {
        for (std::uint32_t job = 0; job < draft_.plan->templates.size(); ++job)
            for (Binding& binding : draft_.plan->templates[job].bindings)
                for (Binding::Producer& producer : binding.producers)
                    if (producer.relation == Relation::group)
                        producer.grouping = *draft_.lineage.grouping(producer.job.value, job, 0, draft_.plan->groupings,
                                                                     groupings_left_);
    }

    Draft& draft_;
    std::uint64_t groupings_left_;
    std::uint64_t edges_left_;
};

}  // namespace

bool draft_edges(Draft& draft) { return Edges(draft).make(); }

}  // namespace penstock
