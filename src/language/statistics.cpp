#include "language/statistics.hpp"

#include "language/dag.hpp"
#include "language/stream_shape.hpp"
#include "value/value_json.hpp"

#include <algorithm>
#include <limits>

namespace penstock {

namespace {

constexpr std::uint32_t kNone = 0xffffffff;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::uint64_t dependencies(const Plan& plan, const Edge& edge) {
    const std::uint64_t producers = plan.templates[edge.producer.value].count;
    const std::uint64_t consumers = plan.templates[edge.consumer.value].count;
    return edge.relation == Relation::all ? producers * consumers : producers;  // both below 2^32
}

// Longest chains over the templates that have instances.
class Chains {
public:
    Chains(const Plan& plan, const Dag& dag) : plan_(plan), dag_(dag) {}

    // The heaviest chain, where each template weighs weight(template); its total weight in `total`.
    template <class Weight>
    std::vector<TemplateIndex> longest(Weight&& weight, double& total) {
        std::vector<double> until(dag_.size(), 0);
        std::vector<std::uint32_t> before(dag_.size(), kNone);
        std::uint32_t last = kNone;
        for (std::uint32_t node : dag_.order()) {
            if (plan_.templates[node].count == 0) continue;
            for (std::uint32_t producer : dag_.producers(node)) {
                if (plan_.templates[producer].count == 0) continue;
                if (before[node] != kNone && until[producer] <= until[before[node]]) continue;
                before[node] = producer;
            }
            until[node] = (before[node] == kNone ? 0 : until[before[node]]) + weight(plan_.templates[node]);
            if (last == kNone || until[node] > until[last]) last = node;
        }
        std::vector<TemplateIndex> path;
        total = last == kNone ? 0 : until[last];
        for (; last != kNone; last = before[last]) path.push_back(TemplateIndex(last));
        std::reverse(path.begin(), path.end());
        return path;
    }

    std::uint64_t width() const {
        std::vector<std::uint64_t> level(dag_.size(), 0), jobs;
        for (std::uint32_t node : dag_.order()) {
            if (plan_.templates[node].count == 0) continue;
            for (std::uint32_t producer : dag_.producers(node))
                if (plan_.templates[producer].count > 0) level[node] = std::max(level[node], level[producer] + 1);
            if (jobs.size() <= level[node]) jobs.resize(level[node] + 1, 0);
            jobs[level[node]] += plan_.templates[node].count;
        }
        return jobs.empty() ? 0 : *std::max_element(jobs.begin(), jobs.end());
    }

private:
    const Plan& plan_;
    const Dag& dag_;
};

void add_resources(const Plan& plan, PlanStatistics& s) {
    for (const JobTemplate& job : plan.templates) {
        if (job.count == 0) continue;
        s.cpus = std::max<std::uint64_t>(s.cpus, job.resources.cpus);
        s.memory_bytes = std::max(s.memory_bytes, job.resources.memory_bytes);
        for (const auto& [name, amount] : job.resources.named) s.resources[name] = std::max(s.resources[name], amount);
    }
}

std::string bytes_text(std::uint64_t bytes) {
    static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    while (unit + 1 < std::size(kUnits) && bytes >= 1024 && bytes % 1024 == 0) {
        bytes /= 1024;
        ++unit;
    }
    return std::to_string(bytes) + " " + kUnits[unit];
}

std::string many(std::uint64_t n, const std::string& word) {
    return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

std::string path_text(const Plan& plan, const std::vector<TemplateIndex>& path) {
    constexpr std::size_t kShown = 20;
    std::string text;
    for (std::size_t i = 0; i < path.size(); ++i) {
        const bool hidden = path.size() > kShown && i >= kShown / 2 && i + kShown / 2 < path.size();
        if (hidden && i > kShown / 2) continue;
        if (i > 0) text += " -> ";
        text += hidden ? "... (" + std::to_string(path.size() - kShown) + " more)" : plan.templates[path[i].value].name;
    }
    return text;
}

// "2 cpus, 500 MiB, 1 matlab"; "" when nothing is asked for.
std::string resources_text(const PlanStatistics& s) {
    std::string text;
    const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
    if (s.cpus > 0) add(many(s.cpus, "cpu"));
    if (s.memory_bytes > 0) add(bytes_text(s.memory_bytes));
    for (const auto& [name, amount] : s.resources) add(std::to_string(amount) + " " + name);
    return text;
}

// The stage, or the part of it whose workers see the items.
const JobTemplate& with_items(const Plan& plan, std::uint32_t index) {
    const Stage& stage = plan.stages[index];
    return plan.templates[stage.part == FoldPart::combines ? stage.from.front().value : index];
}

PlanStatistics statistics_of_stream(const Plan& plan) {
    PlanStatistics s;
    s.stream = true;
    for (std::uint32_t i = 0; i < plan.templates.size(); ++i) {
        if (!is_defined(plan, i)) continue;
        const JobTemplate& stage = with_items(plan, i);
        s.jobs += stage.count;
        ++s.templates;
        s.cpus += std::uint64_t{stage.count} * stage.resources.cpus;
        for (std::uint32_t w = 0; w < stage.count; ++w)  // at most 100,000 of 2^50
            s.memory_bytes =
                std::min(s.memory_bytes, kMost - stage.resources.memory_bytes) + stage.resources.memory_bytes;
        for (const auto& [name, amount] : stage.resources.named) s.resources[name] += stage.count * amount;
    }
    const std::vector<Arc> arcs = stage_arcs(plan);
    s.edges = arcs.size();
    const Dag dag(static_cast<std::uint32_t>(plan.templates.size()), arcs);
    double depth = 0;
    s.critical_path = Chains(plan, dag).longest([](const JobTemplate&) { return 1.0; }, depth);
    s.depth = s.critical_path.size();
    return s;
}

// "titles: 2 x Title from fetch, ordered"
std::string stage_line(const Plan& plan, std::uint32_t index, const std::vector<Arc>& arcs) {
    static constexpr const char* kMerges[] = {"any", "concat", "interleave", "zip", "latest"};
    static constexpr const char* kOnErrors[] = {"", ", skips failing items", ", tries failing items again"};
    const JobTemplate& stage = plan.templates[index];
    std::string line = "  " + stage.name + ": " + std::to_string(with_items(plan, index).count) + " x " + stage.worker,
                from;
    std::uint32_t producers = 0;
    for (const Arc& arc : arcs) {
        if (arc.consumer != index) continue;
        from += (producers++ == 0 ? " from " : ", ") + plan.templates[arc.producer].name;
    }
    line += from;
    if (producers > 1) {
        const Stage& direct = plan.stages[index];  // or what puts its input together
        const Stage* merges = &direct;
        while (merges->from.size() == 1) merges = &plan.stages[merges->from.front().value];
        const Merge merge = merges->merge;
        const bool keeps = std::any_of(merges->from.begin(), merges->from.end(), [&](TemplateIndex input) {
            return plan.stages[input.value].role == Stage::Role::buffer;
        });
        line += std::string(" (") + kMerges[static_cast<std::size_t>(merge)] + (keeps ? ", keeps what waits)" : ")");
    }
    if (plan.stages[index].ordered) line += ", ordered";
    if (plan.stages[index].queue > 0) line += ", queue " + std::to_string(plan.stages[index].queue);
    return line + kOnErrors[static_cast<std::size_t>(plan.stages[index].on_error)] + "\n";
}

std::string stream_text(const PlanStatistics& s, const Plan& plan) {
    std::string text = many(s.templates, "stage") + ", " + many(s.jobs, "worker") + ", " + many(s.edges, "edge") +
                       ", depth " + std::to_string(s.depth) + "\n";
    if (!s.critical_path.empty()) text += "longest path: " + path_text(plan, s.critical_path) + "\n";
    text += "stages:\n";
    const std::vector<Arc> arcs = stage_arcs(plan);
    for (std::uint32_t i = 0; i < plan.templates.size(); ++i)
        if (is_defined(plan, i)) text += stage_line(plan, i, arcs);
    const std::string held = resources_text(s);
    return text + (held.empty() ? "the workers share the cpus\n" : "all workers together: " + held + "\n");
}

}  // namespace

PlanStatistics statistics_of(const Plan& plan) {
    if (plan.is_stream()) return statistics_of_stream(plan);
    PlanStatistics s;
    s.jobs = plan.job_count;
    s.templates = plan.templates.size();
    std::vector<Arc> arcs;
    arcs.reserve(plan.edges.size());
    for (const Edge& edge : plan.edges) {
        const std::uint64_t more = dependencies(plan, edge);
        s.edges = more > kMost - s.edges ? kMost : s.edges + more;
        arcs.push_back({edge.producer.value, edge.consumer.value});
    }
    const Dag dag(static_cast<std::uint32_t>(plan.templates.size()), arcs);
    Chains chains(plan, dag);
    double depth = 0;
    s.critical_path = chains.longest([](const JobTemplate&) { return 1.0; }, depth);
    s.depth = s.critical_path.size();
    s.width = chains.width();
    const bool timed = std::any_of(plan.templates.begin(), plan.templates.end(),
                                   [](const JobTemplate& job) { return job.timeout_s > 0; });
    if (timed)
        s.critical_path_by_timeout =
            chains.longest([](const JobTemplate& job) { return job.timeout_s; }, s.critical_path_timeout_s);
    add_resources(plan, s);
    return s;
}

std::string to_text(const PlanStatistics& s, const Plan& plan) {
    if (s.stream) return stream_text(s, plan);
    std::string text = many(s.jobs, "job") + ", " + many(s.edges, "edge") + ", depth " + std::to_string(s.depth) +
                       ", width " + std::to_string(s.width) + "\n";
    if (!s.critical_path.empty()) text += "critical path: " + path_text(plan, s.critical_path) + "\n";
    if (!s.critical_path_by_timeout.empty())
        text += "by timeouts: " + path_text(plan, s.critical_path_by_timeout) + ", at most " +
                number_text(s.critical_path_timeout_s) + " s\n";
    return text + "each job at most: " + resources_text(s) + "\n";
}

}  // namespace penstock
