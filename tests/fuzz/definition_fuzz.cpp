// Definitions in YAML and JSON: plans, or diagnostics that can be shown.
#include "core/structure.hpp"
#include "fuzz/fuzz.hpp"
#include "language/load.hpp"
#include "unit/language/support.hpp"

#include <string>

namespace penstock {

void fuzz(std::span<const std::uint8_t> input) {
    const std::string text(input.begin(), input.end());
    if (text.find('/') != std::string::npos && text.find("lines") != std::string::npos)
        return;  // reads no files of this machine
    LoadOptions options;
    // Small, so that an input that asks for much is answered soon.
    options.limits.jobs_per_plan = 10'000;
    options.limits.edges_per_plan = 20'000;
    options.limits.links_per_plan = 20'000;
    options.limits.nodes = 20'000;
    options.limits.alias_nodes = 20'000;
    options.limits.wildcard_matches = 100'000;
    options.limits.ancestor_steps = 100'000;
    options.limits.stage_workers = 1'000;
    options.limits.file_bytes = 1 << 20;
    const Loaded loaded = load_text(text, "fuzz.yaml", "/nonexistent", test::worker_types(), options);
    render(loaded.diagnostics);
    for (const auto& plan : loaded.plans) {
        const Structure structure = structure_of(*plan);
        for (std::uint32_t job = 0; job < plan->job_count; job += 1 + plan->job_count / 16)
            plan->job_label(JobIndex(job));
    }
}

}  // namespace penstock
