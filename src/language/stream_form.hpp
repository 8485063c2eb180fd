// Streams made in C++ in the form of definitions, so that they are checked and become plans like those of files.
#pragma once

#include "language/load.hpp"
#include "language/node.hpp"

#include <penstock/stream_pipeline.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace penstock {

class StreamForm {
public:
    static std::string to_json_text(const StreamPipeline& pipeline);
    static const Node* to_nodes(const StreamPipeline& pipeline, TreeBuilder& builder);
    // Marks where the driver function feeds and reads the stream.
    static void open_to_driver(const StreamPipeline& pipeline, Plan& plan);

    // What makes the items of inputs that no handle feeds: by name.
    struct Feed {
        std::string input;
        std::function<StageSpec::Items()> begin;
    };
    static std::vector<Feed> feeds(const StreamPipeline& pipeline);

private:
    template <class Sink>
    static void write(const StreamPipeline& pipeline, Sink& sink);
    template <class Sink>
    static void write_stage(const StreamPipeline::Placed& placed, Sink& sink);
};

// One plan, or all that is wrong with the stream; its diagnostics have no places. Relative paths of parameters begin in
// `directory`.
Loaded plan_of(const StreamPipeline& pipeline, const WorkerTypes& types, const LoadOptions& options,
               const std::filesystem::path& directory);

}  // namespace penstock
