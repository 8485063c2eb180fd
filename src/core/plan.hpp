// A Plan: a validated pipeline definition, ready to run.
//
// It is made by src/language from text or from the C++ API, is never changed afterwards, and is shared by all pipelines
// of one --for-each. Every name is resolved: dependencies and inputs point to templates by index, and every key a job
// needs has a Binding that says where its value comes from. Jobs are never listed one by one: a template with a
// for-each stands for `count` of them.
#pragma once

#include "core/ids.hpp"
#include "core/stage.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace penstock {

class Hasher;

// ---------------------------------------------------------------------------------------------- for-each

struct Range {  // start, start + step, ...: `count` integers
    std::int64_t start = 0;
    std::int64_t step = 1;
    std::uint64_t count = 0;
};
struct Linspace {  // `count` float64 from first to last, both included; count 1 gives first
    double first = 0;
    double last = 0;
    std::uint64_t count = 0;
};

// One name of a for-each with its values.
struct Axis {
    std::string name;
    std::variant<Range, Linspace, std::vector<Value>> values;

    std::uint64_t size() const;
    Value at(std::uint64_t index) const;
};

// The instances of a template. Dimensions multiply and the last varies fastest; the axes of one dimension (zip, rows)
// advance together and have equal sizes. Instance numbers count from 0.
struct ForEach {
    std::vector<std::vector<Axis>> dimensions;

    std::uint32_t count() const;             // a larger product than 2^32 - 1 gives 2^32 - 1, which no limit lets pass
    std::vector<std::string> names() const;  // in definition order
    // The value of the axis called `name` for one instance; throws std::out_of_range for an unknown name.
    Value value(std::string_view name, std::uint32_t instance) const;
    Document parameters(std::uint32_t instance) const;
    // "seed=0,beta=0.1": names in definition order. Numbers shortest, float64 always as such ("1.0"), true, false,
    // null; a string that is a plain word as it is, any other value as JSON. A value of more than kMaxLabelValue bytes
    // is cut and ends in "...#" and its hash. Equal labels mean equal values.
    std::string label(std::uint32_t instance) const;
    // The values of one instance, in definition order, for job_hash().
    void add_values(std::uint32_t instance, Hasher& hasher) const;
};

inline constexpr std::size_t kMaxLabelValue = 120;
// The same for any document, in the order of its keys: what a --for-each pipeline is called.
std::string label_of(const Document& values);

// ---------------------------------------------------------------------------------------------- edges and inputs

// Which instances of a producer template one instance of a consumer follows.
enum class Relation : std::uint8_t {
    all,    // every one (also for single jobs)
    twin,   // the instance with the same number (`like`)
    group,  // those that Grouping maps to it (`like`, `by`)
};

// Of each producer instance, the consumer instance it belongs to.
struct Grouping {
    std::vector<std::uint32_t> consumer_of;
    std::uint32_t groups = 0;
};

// A grouping the other way round. The producer instances of group g, ascending: members[begin[g] .. begin[g + 1] - 1].
struct GroupMembers {
    std::vector<std::uint32_t> begin;  // groups + 1 entries
    std::vector<std::uint32_t> members;
};
GroupMembers members_of(const Grouping& grouping);

// What has to become of the producer for the consumer to run.
enum class When : std::uint8_t {
    succeeded,  // else the consumer is skipped
    ended,      // succeeded, failed or skipped
};

struct Edge {
    TemplateIndex producer;
    TemplateIndex consumer;
    Relation relation = Relation::all;
    When when = When::succeeded;
    bool carries_values = false;  // some binding of the consumer reads outputs of the producer
    std::uint32_t grouping = 0;   // index into Plan::groupings for Relation::group
    friend bool operator==(const Edge&, const Edge&) = default;
};

enum class Missing : std::uint8_t { fail, drop, null };

// Where the value of one key of a job comes from.
struct Binding {
    enum class From : std::uint8_t { for_each, with, outputs, data, store };
    struct Producer {
        TemplateIndex job;
        Relation relation = Relation::all;
        std::uint32_t grouping = 0;
        std::uint32_t other_key = 0;  // 0: makes source_key; else other_keys[other_key - 1]
    };

    std::string key;  // as the job sees it
    From from = From::data;
    std::string source_key;           // the axis, parameter, output or data key
    std::vector<Producer> producers;  // From::outputs: in the order of the input's list
    bool list = false;                // From::outputs: gather all into a list (else exactly one producer job)
    Missing missing = Missing::fail;
    bool in_document = true;                   // false: only placeholders use it, process() does not see it
    std::vector<std::string> other_keys = {};  // From::outputs: when not all producers are asked for the same key

    // Throws std::out_of_range for a producer of some other binding.
    const std::string& key_of(const Producer& p) const {
        return p.other_key == 0 ? source_key : other_keys.at(p.other_key - 1);
    }
};

// ---------------------------------------------------------------------------------------------- jobs

enum class Isolation : std::uint8_t { process, in_line };

struct Resources {
    std::uint32_t cpus = 1;
    std::uint64_t memory_bytes = 0;              // 0 = not accounted
    std::map<std::string, std::uint64_t> named;  // e.g. {"matlab": 1}
    friend auto operator<=>(const Resources&, const Resources&) = default;

    // Needs one CPU and nothing else: the common case, which a broker's slots alone decide.
    bool simple() const { return cpus == 1 && memory_bytes == 0 && named.empty(); }
};

// Which outputs go into the results; an empty list of keys with all = false is `save: none`.
struct SavePolicy {
    bool all = true;
    std::vector<std::string> keys;

    bool saves(std::string_view key) const;
};

// One entry under `jobs:` (or one node of `graph:`), standing for all of its instances.
struct JobTemplate {
    std::string name;
    std::string worker;                       // name of the worker type
    std::shared_ptr<const ForEach> for_each;  // null = one job
    JobIndex first_job;
    std::uint32_t count = 1;

    Document with;                  // parameters with placeholders not filled in
    std::vector<Binding> bindings;  // every key the job needs
    SavePolicy save;
    bool feeds_others = false;                  // some edge out of it carries values: the broker keeps its outputs
    std::vector<std::string> shown_parameters;  // for-each names that inputs of other jobs read as if they were outputs

    Resources resources;
    Isolation isolation = Isolation::process;
    std::int32_t priority = 0;  // higher first
    std::uint32_t retries = 0;  // further attempts
    double timeout_s = 0;       // per attempt; 0 = none

    // The one template whose instance i depends on instance i of this one and on nothing else, while nothing else
    // depends on this one: a broker may go on with it without asking. Set by find_followers().
    static constexpr std::uint32_t kNoFollower = 0xffffffff;
    std::uint32_t follower = kNoFollower;

    // What job_hash() is made of besides the job's for-each values; all of it filled in by seal_hashes(), and all of it
    // needed wherever job_hash() is called. Together they change exactly when results of old runs no longer stand.
    std::uint64_t hash = 0;              // worker type, with, inputs, and the same of the producers of inputs
    std::vector<std::string> data_keys;  // used by the job or by a producer of its inputs, however far up; sorted
    bool uses_all_data = false;          // more than kMaxDataKeys of them: data_keys is empty and every key counts
    std::uint64_t data_hash = 0;         // of the plan's values of these keys
    // Of each instance, what the groups (Relation::group) it depends on consist of; null when there are none.
    std::shared_ptr<const std::vector<std::uint64_t>> group_hashes;
};

inline constexpr std::size_t kMaxDataKeys = 64;

struct Plan {
    std::string name;
    Document data;                       // `data:` after --set; a --for-each pipeline adds its own keys on top
    std::vector<JobTemplate> templates;  // in definition order
    std::vector<Stage> stages;           // of a stream, one a template; else empty
    std::vector<Edge> edges;             // sorted by (producer, consumer), at most one per pair
    std::vector<Grouping> groupings;
    std::uint32_t job_count = 0;

    std::string definition_directory;  // absolute; relative paths in parameters resolve against it
    std::string definition_text;       // for the attributes of the results file
    struct File {                      // a file the definition read (lines, rows), pinned by hash
        std::string path;
        std::uint64_t hash = 0;
    };
    std::vector<File> files;
    // Data keys that some job uses and only the own data of a --for-each pipeline can give; sorted. Known only where
    // the plan was made (rank 0).
    std::vector<std::string> own_keys;

    bool is_stream() const { return !stages.empty(); }
    // Both need `first_job` of every template. The job must exist.
    TemplateIndex template_of(JobIndex job) const;  // O(log templates)
    std::string job_label(JobIndex job) const;      // "simulate[seed=0,beta=0.1]"
};

// "simulate[seed=0,beta=0.1]", or "simulate" for a job without for-each.
std::string job_label(const JobTemplate& job, std::uint32_t instance);

// Fills in hash, data_keys, uses_all_data, data_hash and group_hashes of every template: the last step in making a
// plan, when all else is filled in and known to have no cycle. O(templates + bindings + instances of grouped
// producers).
void seal_hashes(Plan& plan);

// Sets JobTemplate::follower of every template, from the edges. Part of making a plan, like seal_hashes().
void find_followers(Plan& plan);

// A pipeline: a plan, and the data that is its own. What a broker knows of it.
struct PipelineInfo {
    PipelineId id;
    PlanId plan;
    std::string instance;  // "" unless submitted by --for-each: the label of its data
    Document own_data;     // from --for-each; overrides plan data
};

// The value of a data key for one pipeline; null pointer when it has none.
const Value* find_data(const Plan& plan, const PipelineInfo& pipeline, std::string_view key);

// The hash stored with a job's row: template, for-each values and the data keys it (or a producer) uses. It looks at
// nothing but `job` and the data of plan and pipeline; the plan must have been sealed.
std::uint64_t job_hash(const Plan& plan, const PipelineInfo& pipeline, const JobTemplate& job, std::uint32_t instance);

}  // namespace penstock
