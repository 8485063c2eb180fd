#include "language/stream_form.hpp"

#include "language/definition_sinks.hpp"
#include "language/outside_keys.hpp"
#include "language/plan_builder.hpp"
#include "language/stream_flow.hpp"

#include <algorithm>

namespace penstock {

namespace {

constexpr std::string_view kDriverWorker = "@driver";

// What an input is to the checks of definitions.
WorkerType driver_type() {
    WorkerType type;
    type.name = kDriverWorker;
    type.needs = [](const Document&) { return Keys{}; };
    type.makes = type.needs;
    type.check = [](const Document&) { return std::vector<std::string>{}; };
    type.form = StageForm::source;
    return type;
}

}  // namespace

template <class Sink>
void StreamForm::write_stage(const StreamPipeline::Placed& placed, Sink& sink) {
    sink.begin_map();
    sink.key("worker");
    sink.value(placed.stage.worker_);
    if (!placed.from.empty()) {
        sink.key("from");
        sink.begin_list();
        for (const std::string& from : placed.from) sink.value(from);
        sink.end_list();
    }
    if (placed.from.size() > 1 && !placed.merge.empty()) {
        sink.key("merge");
        sink.value(placed.merge);
    }
    if (!placed.stage.with_.empty()) {
        sink.key("with");
        sink.value(placed.stage.with_);
    }
    for (const auto& [key, value] : placed.stage.settings_) {
        if (key == "save" && placed.sink) continue;  // it has results, if only to be read: see open_to_driver()
        sink.key(key);
        sink.value(value);
    }
    sink.end_map();
}

template <class Sink>
void StreamForm::write(const StreamPipeline& pipeline, Sink& sink) {
    sink.begin_map();
    sink.key("penstock");
    sink.value(1);
    sink.key("name");
    sink.value(pipeline.name_);
    if (!pipeline.data_.empty()) {
        sink.key("data");
        sink.value(pipeline.data_);
    }
    sink.key("stages");
    sink.begin_map();
    for (const auto& placed : pipeline.placed_) {
        sink.key(placed->name);
        write_stage(*placed, sink);
    }
    sink.end_map();
    sink.end_map();
}

std::string StreamForm::to_json_text(const StreamPipeline& pipeline) {
    JsonSink sink;
    write(pipeline, sink);
    return sink.take();
}

std::string StreamPipeline::serialize() const { return StreamForm::to_json_text(*this); }

const Node* StreamForm::to_nodes(const StreamPipeline& pipeline, TreeBuilder& builder) {
    NodeSink sink(builder);
    write(pipeline, sink);
    return builder.take();
}

void StreamForm::open_to_driver(const StreamPipeline& pipeline, Plan& plan) {
    const auto placed = [&](const std::string& name) -> const StreamPipeline::Placed* {
        const auto at = std::find_if(pipeline.placed_.begin(), pipeline.placed_.end(),
                                     [&](const auto& each) { return each->name == name; });
        return at == pipeline.placed_.end() ? nullptr : at->get();
    };
    for (std::uint32_t s = 0; s < plan.stages.size(); ++s) {
        Stage& stage = plan.stages[s];
        if (plan.templates[s].worker == kDriverWorker) {
            stage.role = Stage::Role::input;
            stage.form = StageForm::map;
            plan.templates[s].isolation = Isolation::in_line;
        }
        if (stage.role != Stage::Role::results) continue;
        const auto* of = placed(plan.templates[stage.from.front().value].name);
        if (of == nullptr || !of->sink) continue;
        stage.delivered = true;
        const auto save = of->stage.settings_.find("save");
        stage.stored = save == of->stage.settings_.end() || !(save->second == Value("none"));
    }
}

std::vector<StreamForm::Feed> StreamForm::feeds(const StreamPipeline& pipeline) {
    std::vector<Feed> feeds;
    for (const auto& placed : pipeline.placed_)
        if (placed->stage.feed_) feeds.push_back({placed->name, placed->stage.feed_});
    return feeds;
}

Loaded plan_of(const StreamPipeline& pipeline, const WorkerTypes& types, const LoadOptions& options,
               const std::filesystem::path& directory) {
    Loaded loaded;
    Sources sources;
    Arena arena;
    Diagnostics diagnostics(options.limits.diagnostics);
    const SourceText& source = sources.add("", "");
    const Reading reading(source, options.limits, diagnostics);
    const OutsideKeys outside = read_outside_keys(options, sources, arena, diagnostics);
    const std::string text = pipeline.serialize();
    WorkerTypes with_driver = types;
    with_driver.push_back(driver_type());
    Definition definition;
    try {
        TreeBuilder builder(arena, source, options.limits, diagnostics);
        const Node* root = StreamForm::to_nodes(pipeline, builder);
        if (read_definition(reading, *root, text, definition)) {
            const auto built = build_plan(reading, definition, with_driver, outside, directory, sources);
            if (built && diagnostics.errors() == 0) {
                auto plan = std::make_shared<Plan>(*built);
                StreamForm::open_to_driver(pipeline, *plan);
                loaded.plans.push_back(std::move(plan));
            }
        }
    } catch (const ReadError& error) {
        diagnostics.error(source, error.place, error.problem, error.reason, error.suggestion);
    }
    loaded.diagnostics = diagnostics.take();
    return loaded;
}

}  // namespace penstock
