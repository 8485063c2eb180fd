// graph: edges between jobs, as a map or as a list of pairs; either side one job or several (all times all).
#include "language/definition.hpp"
#include "language/reading.hpp"

namespace penstock {

namespace {

constexpr std::string_view kNodesForm = "the name of a job, or a list of names";

class GraphReader {
public:
    GraphReader(const Reading& reading, Definition& definition) : reading_(reading), definition_(definition) {}

    void read(const Node& node) {
        if (node.is(Node::Kind::map)) return read_map(node);
        if (!node.is(Node::Kind::list))
            return reading_.wrong_type(node, "`graph`", "a map from jobs to jobs, or a list of [from, to]",
                                       "write {download: [words, links]}");
        if (node.size == 0) return empty(node);
        for (const Node* item : node.list()) read_item(*item);
    }

private:
    struct End {
        std::uint32_t job;
        Place place;
    };
    using Ends = std::vector<End>;

    void empty(const Node& node) const {
        reading_.error(node.place, "the graph is empty", "a pipeline has at least one job",
                       "add one, for example {download: words}");
    }

    void read_map(const Node& node) {
        if (node.size == 0) return empty(node);
        for (const auto& [key, value] : node.map()) {
            const Ends from = nodes(*key);
            connect(from, nodes(*value, true));
        }
    }

    void read_item(const Node& item) {
        if (item.is(Node::Kind::map)) return read_map(item);
        if (!item.is(Node::Kind::list) || item.size < 1 || item.size > 2)
            return reading_.wrong_type(item, "an edge", "a list [from, to], or [from] for a job by itself");
        const Ends from = nodes(*item.items[0]);
        connect(from, item.size == 2 ? nodes(*item.items[1], true) : Ends());
    }

    Ends nodes(const Node& node, bool may_be_empty = false) {
        Ends ends;
        if (node.is(Node::Kind::list)) {
            if (node.size == 0 && !may_be_empty)
                reading_.error(node.place, "an edge begins nowhere", "the list is empty", "name at least one job");
            for (const Node* item : node.list()) add(*item, ends);
        } else if (!(may_be_empty &&
                     (node.is(Node::Kind::null) || (node.is(Node::Kind::string) && node.text.empty())))) {
            add(node, ends);
        }
        return ends;
    }

    void add(const Node& node, Ends& ends) {
        const auto name = reading_.text(node);
        if (!name) return reading_.wrong_type(node, "a node of the graph", kNodesForm);
        if (const std::string problem = name_problem(*name); !problem.empty()) {
            if (!definition_.index.contains(*name))  // else it is told where `jobs` or the graph names it first
                reading_.error(node.place, "bad name of a job: " + quote(*name), problem);
            if (name->empty()) return;
        }
        ends.push_back({add_job(definition_, *name, node.place), node.place});
    }

    void connect(const Ends& from, const Ends& to) {
        const std::uint64_t edges = std::uint64_t{from.size()} * to.size();
        if (definition_.edges.size() + edges > reading_.limits.links_per_plan) {
            if (!refused_)
                reading_.error(to.front().place, "the graph has too many edges",
                               "a definition may link its jobs " + std::to_string(reading_.limits.links_per_plan) +
                                   " times, and here " + std::to_string(edges) + " are asked for",
                               "put a job between the two sides: it waits for all of one and starts all of the other");
            refused_ = true;
            return;
        }
        for (const End& a : from)
            for (const End& b : to) definition_.edges.push_back({a.job, b.job, b.place});
    }

    const Reading& reading_;
    Definition& definition_;
    bool refused_ = false;
};

}  // namespace

void read_graph(const Reading& reading, const Node& node, Definition& definition) {
    GraphReader(reading, definition).read(node);
}

}  // namespace penstock
