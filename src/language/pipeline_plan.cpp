#include "language/outside_keys.hpp"
#include "language/pipeline_form.hpp"
#include "language/plan_builder.hpp"

namespace penstock {

Loaded plan_of(const Pipeline& pipeline, const WorkerTypes& types, const LoadOptions& options,
               const std::filesystem::path& directory) {
    Loaded loaded;
    Sources sources;
    Arena arena;
    Diagnostics diagnostics(options.limits.diagnostics);
    const SourceText& source = sources.add("", "");
    const Reading reading(source, options.limits, diagnostics);
    const OutsideKeys outside = read_outside_keys(options, sources, arena, diagnostics);
    const std::string text = pipeline.serialize();
    Definition definition;
    try {
        TreeBuilder builder(arena, source, options.limits, diagnostics);
        const Node* root = PipelineForm::to_nodes(pipeline, builder);
        if (read_definition(reading, *root, text, definition)) {
            auto plan = build_plan(reading, definition, types, outside, directory, sources);
            if (plan && diagnostics.errors() == 0) loaded.plans.push_back(std::move(plan));
        }
    } catch (const ReadError& error) {
        diagnostics.error(source, error.place, error.problem, error.reason, error.suggestion);
    }
    loaded.diagnostics = diagnostics.take();
    return loaded;
}

}  // namespace penstock
