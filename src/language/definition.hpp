// A definition as it is written: read from nodes and checked as far as one can without knowing the other jobs.
#pragma once

#include "core/plan.hpp"
#include "language/node.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace penstock {

class Reading;

// What `defaults:` and each job may say.
struct Settings {
    std::optional<std::uint32_t> retries;
    std::optional<double> timeout_s;
    std::optional<std::int32_t> priority;
    std::optional<std::uint32_t> cpus;
    std::optional<std::uint64_t> memory_bytes;
    std::optional<std::map<std::string, std::uint64_t>> resources;
    std::optional<Isolation> isolation;
    std::optional<SavePolicy> save;
    const Node* save_keys = nullptr;  // the list, for its places
};

struct AfterDefinition {
    std::string_view job;  // a name or a wildcard
    Place place;
    When when = When::succeeded;
};

struct InputDefinition {
    struct Reference {
        std::string_view job;  // a name or a wildcard
        std::string_view key;
        Place place;
    };
    std::string_view key;
    Place place;
    std::vector<Reference> from;
    bool list = false;  // a list or a wildcard: many are asked for
    Missing missing = Missing::fail;
    Place missing_place;
};

struct JobDefinition {
    std::string_view name;
    Place place;
    std::string_view worker;
    Place worker_place;
    bool worker_given = false;       // else the worker of the job's own name
    bool worker_unreadable = false;  // which one is meant is not known: reported
    const Node* for_each = nullptr;  // read when the plan is made: a `like` needs the other jobs
    const Node* with = nullptr;      // a map
    std::vector<AfterDefinition> after;
    std::vector<InputDefinition> inputs;  // one that is no good has an empty `from`
    bool inputs_unreadable = false;       // `inputs` is no map: what it should have given is not known
    Settings settings;
};

// What a stage says besides what a job can say: its JobDefinition has the same index.
struct StageDefinition {
    struct From {
        std::string_view stage;
        Place place;
    };
    std::vector<From> from;
    bool from_given = false;  // also when what it says cannot be read
    Place from_place;
    std::uint32_t workers = 1;
    Place workers_place;
    std::uint32_t queue = 0;
    bool ordered = false;
    std::optional<Merge> merge;
    bool merge_given = false;  // also when it cannot be read
    Place merge_place;
    OnError on_error = OnError::fail;
    bool on_error_given = false;
    Place on_error_place;
    Place retries_place, timeout_place, save_place;
};

struct GraphEdge {
    std::uint32_t from = 0;  // indices into jobs
    std::uint32_t to = 0;
    Place place;  // of `to`
};

struct Definition {
    const SourceText* source = nullptr;
    const Node* root = nullptr;
    std::string_view text;
    std::string_view name;
    Place name_place;
    const Node* data = nullptr;  // a map
    Settings defaults;
    std::vector<JobDefinition> jobs;
    std::vector<StageDefinition> stages;                        // of `stages:`, one a job; else empty
    std::vector<GraphEdge> edges;                               // of `graph:`
    std::unordered_map<std::string_view, std::uint32_t> index;  // of a job, by name

    bool is_stream() const { return !stages.empty(); }
    // "job `x`", or "stage `x`".
    std::string text_of(const JobDefinition& job) const;
};

// Reports whatever is wrong with it. False when there is nothing to look at further: a definition without jobs or
// stages.
bool read_definition(const Reading& reading, const Node& root, std::string_view text, Definition& definition);

// Its parts, each in a file of its own.
void read_setting(const Reading& reading, std::size_t which, const Node& value, Settings& settings);
inline constexpr std::array<std::string_view, 8> kSettingKeys{"retries", "timeout",   "priority",  "cpus",
                                                              "memory",  "resources", "isolation", "save"};
void read_after(const Reading& reading, const Node& node, std::vector<AfterDefinition>& after);
void read_inputs(const Reading& reading, const Node& node, JobDefinition& job);
void read_graph(const Reading& reading, const Node& node, Definition& definition);
void read_stages(const Reading& reading, const Node& node, Definition& definition);
// A map whose keys are keys in the sense of the format. Null when the node is no map.
const Node* read_keyed_map(const Reading& reading, const Node& node, std::string_view what, bool built_in_allowed);
// Adds a job; the index of the one of that name when there is one.
std::uint32_t add_job(Definition& definition, std::string_view name, Place place);

}  // namespace penstock
