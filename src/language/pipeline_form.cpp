#include "language/pipeline_form.hpp"

#include "language/definition_sinks.hpp"
#include "language/plan_builder.hpp"
#include "language/reader.hpp"

#include <algorithm>

namespace penstock {

template <class Sink>
void PipelineForm::write_job(const Job& job, Sink& sink) {
    sink.begin_map();
    sink.key("worker");
    sink.value(job.worker_);
    if (job.for_each_as_given_) {
        sink.key("for-each");
        sink.value(*job.for_each_as_given_);
    } else if (!job.for_each_.empty()) {
        sink.key("for-each");
        sink.begin_map();
        for (const Job::ForEachMember& member : job.for_each_) {
            sink.key(member.name);
            if (member.zip.empty()) {
                sink.value(member.values);
                continue;
            }
            sink.begin_map();
            for (const auto& [name, values] : member.zip) {
                sink.key(name);
                sink.value(values);
            }
            sink.end_map();
        }
        sink.end_map();
    }
    for (const auto& [key, value] : job.settings_) {
        sink.key(key);
        sink.value(value);
    }
    sink.end_map();
}

template <class Sink>
void PipelineForm::write(const Pipeline& pipeline, Sink& sink) {
    sink.begin_map();
    sink.key("penstock");
    sink.value(1);
    sink.key("name");
    sink.value(pipeline.name_);
    if (!pipeline.data_.empty()) {
        sink.key("data");
        sink.value(pipeline.data_);
    }
    if (!pipeline.defaults_.empty()) {
        sink.key("defaults");
        sink.value(pipeline.defaults_);
    }
    sink.key("jobs");
    sink.begin_map();
    for (const Job& job : pipeline.jobs_) {
        sink.key(job.name_);
        write_job(job, sink);
    }
    sink.end_map();
    if (!pipeline.arrows_.empty()) {
        sink.key("graph");
        sink.begin_list();
        for (const auto& [from, to] : pipeline.arrows_) {
            sink.begin_list();
            sink.value(from);
            sink.value(to);
            sink.end_list();
        }
        sink.end_list();
    }
    sink.end_map();
}

std::string PipelineForm::to_json_text(const Pipeline& pipeline) {
    JsonSink sink;
    write(pipeline, sink);
    return sink.take();
}

const Node* PipelineForm::to_nodes(const Pipeline& pipeline, TreeBuilder& builder) {
    NodeSink sink(builder);
    write(pipeline, sink);
    return builder.take();
}

// ---------------------------------------------------------------------------------------------- back

void PipelineForm::read_for_each(const Reading& reading, const Node& node, Job& job) {
    if (!node.is(Node::Kind::map)) {
        job.for_each_as_given_ = reading.value(node);
        return;
    }
    for (const auto& [key, value] : node.map()) {
        Job::ForEachMember member;
        member.name = key->text;
        if (key->text == "zip" && value->is(Node::Kind::map)) {
            for (const auto& [name, values] : value->map())
                member.zip.emplace_back(std::string(name->text), reading.value(*values));
        } else {
            member.values = reading.value(*value);
        }
        job.for_each_.push_back(std::move(member));
    }
}

Job PipelineForm::read_job(const Reading& reading, const std::string& name, const Node& node) {
    Job job(name);
    if (!node.is(Node::Kind::map)) return job;
    for (const auto& [key, value] : node.map()) {
        if (key->text == "worker")
            job.worker_ = value->text;
        else if (key->text == "for-each")
            read_for_each(reading, *value, job);
        else
            job.settings_.insert_or_assign(std::string(key->text), reading.value(*value));
    }
    return job;
}

Pipeline PipelineForm::from_definition(const Reading& reading, const Definition& definition) {
    Pipeline pipeline((std::string(definition.name)));
    if (definition.data) pipeline.data_ = reading.value(*definition.data).map();
    const Node* defaults = definition.root->find("defaults");
    if (defaults && defaults->is(Node::Kind::map)) pipeline.defaults_ = reading.value(*defaults).map();
    const Node* jobs = definition.root->find("jobs");
    const std::size_t listed = jobs && jobs->is(Node::Kind::map) ? jobs->size : 0;  // these come first
    for (std::size_t i = 0; i < definition.jobs.size(); ++i) {
        const std::string name(definition.jobs[i].name);
        pipeline.add(i < listed ? read_job(reading, name, *jobs->members[i].value) : Job(name));
    }
    for (const GraphEdge& edge : definition.edges)
        pipeline.arrows_.emplace_back(definition.jobs[edge.from].name, definition.jobs[edge.to].name);
    return pipeline;
}

// ---------------------------------------------------------------------------------------------- linked

struct LinkedPipeline::Parts {
    LanguageLimits limits;
    Sources sources;
    Arena arena;
    Diagnostics diagnostics{LanguageLimits().diagnostics};
    const SourceText& source = sources.add("", "");
    Reading reading{source, limits, diagnostics};
    Definition definition;
    OutsideKeys outside;
    InputFiles files{".", "", LanguageLimits().file_bytes, sources};
};

LinkedPipeline::LinkedPipeline(const Pipeline& pipeline) : parts_(std::make_unique<Parts>()) {
    Parts& p = *parts_;
    try {
        TreeBuilder builder(p.arena, p.source, p.limits, p.diagnostics);
        if (!read_definition(p.reading, *PipelineForm::to_nodes(pipeline, builder), "", p.definition)) return;
    } catch (const ReadError& error) {
        p.diagnostics.error(p.source, error.place, error.problem, error.reason, error.suggestion);
        return;
    }
    Draft draft(p.reading, p.definition, p.files, p.outside);
    draft_jobs(draft);
    draft_links(draft);
    std::vector<Arc> arcs;
    for (const Link& link : draft.links) arcs.push_back({link.producer, link.consumer});
    draft_order(draft, Dag(static_cast<std::uint32_t>(p.definition.jobs.size()), arcs));
    for (const Arc& arc : arcs) arrows_.push_back({arc.producer, arc.consumer});
    const auto by_target = [](const Arrow& a, const Arrow& b) {
        return std::pair(a.to, a.from) < std::pair(b.to, b.from);
    };
    const auto same = [](const Arrow& a, const Arrow& b) { return a.to == b.to && a.from == b.from; };
    std::sort(arrows_.begin(), arrows_.end(), by_target);
    arrows_.erase(std::unique(arrows_.begin(), arrows_.end(), same), arrows_.end());
}

LinkedPipeline::~LinkedPipeline() = default;

std::vector<Diagnostic> LinkedPipeline::take_diagnostics() { return parts_->diagnostics.take(); }

}  // namespace penstock
