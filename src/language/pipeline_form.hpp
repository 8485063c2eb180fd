// Pipelines made in C++ in the form of definitions: as JSON text, as nodes for the checks that files get, and back.
#pragma once

#include "language/definition.hpp"
#include "language/load.hpp"
#include "language/reading.hpp"

#include <penstock/pipeline.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace penstock {

class PipelineForm {
public:
    static std::string to_json_text(const Pipeline& pipeline);
    // The root of the tree. Its places are nowhere.
    static const Node* to_nodes(const Pipeline& pipeline, TreeBuilder& builder);
    // From a definition that has been read without an error.
    static Pipeline from_definition(const Reading& reading, const Definition& definition);

private:
    template <class Sink>
    static void write(const Pipeline& pipeline, Sink& sink);
    template <class Sink>
    static void write_job(const Job& job, Sink& sink);
    static Job read_job(const Reading& reading, const std::string& name, const Node& node);
    static void read_for_each(const Reading& reading, const Node& node, Job& job);
};

// The definition a pipeline stands for, read and linked: what can be known without worker types.
class LinkedPipeline {
public:
    explicit LinkedPipeline(const Pipeline& pipeline);
    ~LinkedPipeline();

    struct Arrow {
        std::size_t from;
        std::size_t to;
    };
    // Each pair once, by `to`, then `from`: indices of jobs in the order of definition.
    const std::vector<Arrow>& arrows() const { return arrows_; }
    std::vector<Diagnostic> take_diagnostics();

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
    std::vector<Arrow> arrows_;
};

// One plan, or all that is wrong with the pipeline; its diagnostics have no places. Relative paths of parameters begin
// in `directory`.
Loaded plan_of(const Pipeline& pipeline, const WorkerTypes& types, const LoadOptions& options,
               const std::filesystem::path& directory);

}  // namespace penstock
