// What is refused with a clear message rather than tried. Written down in docs/pipeline_format.md.
#pragma once

#include <cstdint>

namespace penstock {

struct LanguageLimits {
    std::uint64_t jobs_per_plan = 100'000'000;     // instances of all for-each counted
    std::uint64_t edges_per_plan = 200'000'000;    // dependencies between jobs; a barrier between m and n jobs is m + n
    std::uint64_t links_per_plan = 20'000'000;     // dependencies as written, between entries of `jobs:`
    std::uint64_t file_bytes = 1ull << 30;         // of a definition, or of a file it reads
    std::uint64_t nodes = 50'000'000;              // keys, values, lists and maps of one document
    std::uint64_t alias_nodes = 10'000'000;        // of those, what aliases (`*name`) and `<<` stand for
    std::uint32_t nesting = 200;                   // lists and maps within one another
    std::uint64_t wildcard_matches = 100'000'000;  // job names compared with wildcards
    std::uint64_t ancestor_steps = 200'000'000;    // to find which job before another one makes a key
    std::uint64_t stage_workers = 100'000;         // of all stages of a stream
    std::uint32_t diagnostics = 100;               // shown; more are counted
};

}  // namespace penstock
