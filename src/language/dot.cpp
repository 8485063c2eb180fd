#include "language/dot.hpp"

#include "language/stream_shape.hpp"

#include <sstream>

namespace penstock {

namespace {

std::string_view colour(const JobTemplate& job, const TemplateOutcome& outcome) {
    if (outcome.failed > 0) return "#f4a6a0";
    if (outcome.skipped > 0) return "#d0d0d0";
    if (outcome.succeeded == 0) return "#ffffff";
    return outcome.succeeded < job.count ? "#fbe8a6" : "#b5e2b0";
}

void write_node(const JobTemplate& job, std::ostream& out, const TemplateOutcome* outcome) {
    std::string label = job.name;
    if (job.for_each) label += " x " + std::to_string(job.count);
    if (job.worker != job.name) label += "\n" + job.worker;
    if (outcome && outcome->failed > 0) label += "\n" + std::to_string(outcome->failed) + " failed";
    out << "    " << dot_quoted(job.name) << " [label=" << dot_quoted(label);
    if (job.for_each) out << ", shape=box3d";
    if (outcome) out << ", style=filled, fillcolor=" << dot_quoted(colour(job, *outcome));
    out << "];\n";
}

}  // namespace

std::string dot_quoted(std::string_view text) {
    std::string quoted_text = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') quoted_text += '\\';
        if (c == '\n')
            quoted_text += "\\n";
        else
            quoted_text += c;
    }
    return quoted_text + "\"";
}

void write_dot(const Plan& plan, std::ostream& out, const Outcomes* outcomes) {
    out << "digraph " << dot_quoted(plan.name) << " {\n    rankdir=LR;\n    node [shape=box];\n";
    for (std::uint32_t i = 0; i < plan.templates.size(); ++i) {
        TemplateOutcome outcome;
        if (outcomes) {
            const auto found = outcomes->find(i);
            if (found != outcomes->end()) outcome = found->second;
        }
        if (!is_defined(plan, i)) continue;
        write_node(plan.templates[i], out, outcomes ? &outcome : nullptr);
    }
    for (const Edge& edge : plan.edges) {
        out << "    " << dot_quoted(plan.templates[edge.producer.value].name) << " -> "
            << dot_quoted(plan.templates[edge.consumer.value].name);
        if (edge.when == When::ended)
            out << " [style=dotted]";
        else if (edge.relation == Relation::twin)
            out << " [style=bold]";
        out << ";\n";
    }
    for (const Arc& arc : stage_arcs(plan))
        out << "    " << dot_quoted(plan.templates[arc.producer].name) << " -> "
            << dot_quoted(plan.templates[arc.consumer].name) << ";\n";
    out << "}\n";
}

std::string dot_text(const Plan& plan, const Outcomes* outcomes) {
    std::ostringstream out;
    write_dot(plan, out, outcomes);
    return out.str();
}

}  // namespace penstock
