// The top of a definition, and its jobs. (Stages: stage_reader.cpp.)
#include "language/definition.hpp"
#include "language/reading.hpp"

namespace penstock {

namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::array<std::string_view, 7> kTopKeys{"penstock", "name", "data", "defaults", "jobs", "graph", "stages"};
// What a job may say: its own keys first, then kSettingKeys.
constexpr std::array<std::string_view, 13> kJobKeys{"worker",    "for-each",  "with",     "after", "inputs",
                                                    "retries",   "timeout",   "priority", "cpus",  "memory",
                                                    "resources", "isolation", "save"};
constexpr std::size_t kFirstSetting = 5;

void check_version(const Reading& reading, const Node& node) {
    if (node.is(Node::Kind::int64) && node.int64 == kVersion) return;
    reading.error(node.place, "this version of the format is not known: " + Reading::describe(node),
                  "this Penstock reads version 1", "write `penstock: 1`");
}

void read_name(const Reading& reading, const Node& node, Definition& definition) {
    const auto name = reading.text(node);
    if (!name) return reading.wrong_type(node, "`name`", "the name of the pipeline", Reading::as_text(node));
    if (const std::string problem = name_problem(*name); !problem.empty())
        return reading.error(node.place, "bad name of a pipeline: " + quote(*name), problem);
    definition.name = *name;
    definition.name_place = node.place;
}

void read_defaults(const Reading& reading, const Node& node, Definition& definition) {
    if (node.is(Node::Kind::null)) return;
    if (!node.is(Node::Kind::map)) return reading.wrong_type(node, "`defaults`", "a map of settings for all jobs");
    reading.each_member(node, "`defaults`", kSettingKeys, [&](std::size_t which, const Node&, const Node& value) {
        read_setting(reading, which, value, definition.defaults);
    });
}

void read_job(const Reading& reading, const Node& node, JobDefinition& job) {
    if (node.is(Node::Kind::null)) return;
    if (!node.is(Node::Kind::map)) {
        job.worker_unreadable = true;
        return reading.wrong_type(node, job_text(job.name), "a map", "write {worker: NAME}");
    }
    reading.each_member(node, "a job", kJobKeys, [&](std::size_t which, const Node&, const Node& value) {
        if (which >= kFirstSetting) return read_setting(reading, which - kFirstSetting, value, job.settings);
        switch (which) {
            case 0:
                if (value.is(Node::Kind::string)) {
                    job.worker = value.text;
                    job.worker_place = value.place;
                    job.worker_given = true;
                } else {
                    job.worker_unreadable = true;
                    reading.wrong_type(value, "`worker`", "the name of a worker type");
                }
                break;
            case 1:
                job.for_each = &value;
                break;
            case 2:
                job.with = read_keyed_map(reading, value, "with", true);
                break;
            case 3:
                read_after(reading, value, job.after);
                break;
            case 4:
                read_inputs(reading, value, job);
                break;
        }
    });
}

void read_jobs(const Reading& reading, const Node& node, Definition& definition) {
    if (node.is(Node::Kind::null)) return;
    if (!node.is(Node::Kind::map))
        return reading.wrong_type(node, "`jobs`", "a map from names to jobs", "write {download: {worker: NAME}}");
    definition.jobs.reserve(node.size);
    definition.index.reserve(node.size);
    for (const auto& [key, value] : node.map()) {
        const std::string problem = key->is_scalar() ? name_problem(key->text) : "a name is text";
        if (!problem.empty()) {
            reading.error(key->place, "bad name of a job" + (key->is_scalar() ? ": " + quote(key->text) : ""), problem);
            if (!key->is_scalar()) continue;
        }
        read_job(reading, *value, definition.jobs[add_job(definition, key->text, key->place)]);
    }
}

void missing_key(const Reading& reading, Place place, std::string problem, std::string suggestion) {
    reading.error(place, std::move(problem), "", std::move(suggestion));
}

// `jobs` and `graph`, or `stages`. With both, what each says is looked at by itself.
void read_form(const Reading& reading, const Node* jobs, const Node* graph, const Node* stages, Place start,
               Definition& definition) {
    if (jobs) read_jobs(reading, *jobs, definition);
    if (graph) read_graph(reading, *graph, definition);
    if (stages && (jobs || graph)) {
        reading.error(stages->place, "the definition has `stages` and " + std::string(jobs ? "`jobs`" : "`graph`"),
                      "a pipeline is made of jobs, or is a stream made of stages: the two do not mix",
                      "make two definitions of it");
        Definition other;
        read_stages(reading, *stages, other);
    } else if (stages) {
        read_stages(reading, *stages, definition);
    } else if (!jobs && !graph) {
        missing_key(reading, start, "the pipeline has no jobs", "add `jobs:` (or `graph:`, or `stages:` for a stream)");
    } else if (jobs && jobs->size == 0 && !graph) {
        reading.error(jobs->place, "the pipeline has no jobs", "`jobs` is empty",
                      "add one, for example `{hello: {worker: noop}}`");
    }
}

}  // namespace

std::string Definition::text_of(const JobDefinition& job) const {
    return is_stream() ? stage_text(job.name) : job_text(job.name);
}

const Node* read_keyed_map(const Reading& reading, const Node& node, std::string_view what, bool built_in_allowed) {
    if (node.is(Node::Kind::null)) return nullptr;
    if (!node.is(Node::Kind::map)) {
        reading.wrong_type(node, quote(what), "a map from keys to values");
        return nullptr;
    }
    for (const auto& [key, value] : node.map()) {
        const std::string problem = key->is_scalar() ? key_problem(key->text) : "a key is text";
        const std::string shown = key->is_scalar() ? quote(key->text) + " " : "";
        if (!problem.empty()) {
            reading.error(key->place, "bad key " + shown + "in `" + std::string(what) + "`", problem);
        } else if (!built_in_allowed && is_built_in_name(key->text)) {
            reading.error(key->place, quote(key->text) + " cannot be a key of `" + std::string(what) + "`",
                          "`{" + std::string(key->text) + "}` means a directory in every job", "choose another name");
        }
    }
    return &node;
}

std::uint32_t add_job(Definition& definition, std::string_view name, Place place) {
    const auto [found, added] = definition.index.emplace(name, static_cast<std::uint32_t>(definition.jobs.size()));
    if (added) {
        JobDefinition job;
        job.name = name;
        job.place = place;
        job.worker = name;
        job.worker_place = place;
        definition.jobs.push_back(std::move(job));
    }
    return found->second;
}

bool read_definition(const Reading& reading, const Node& root, std::string_view text, Definition& definition) {
    definition.source = &reading.source;
    definition.root = &root;
    definition.text = text;
    if (!root.is(Node::Kind::map)) {
        reading.wrong_type(root, "a definition", "a map with the keys `penstock`, `name` and `jobs`");
        return false;
    }
    std::array<const Node*, kTopKeys.size()> parts{};
    const Place start = root.size > 0 ? root.members[0].key->place : root.place;
    reading.each_member(root, "a definition", kTopKeys,
                        [&](std::size_t which, const Node&, const Node& value) { parts[which] = &value; });
    if (parts[0])
        check_version(reading, *parts[0]);
    else
        missing_key(reading, start, "the definition does not say which version of the format it is in",
                    "add `penstock: 1`");
    if (parts[1])
        read_name(reading, *parts[1], definition);
    else
        missing_key(reading, start, "the pipeline has no name", "add `name:`, for example `name: word-count`");
    if (parts[2]) definition.data = read_keyed_map(reading, *parts[2], "data", false);
    if (parts[3]) read_defaults(reading, *parts[3], definition);
    read_form(reading, parts[4], parts[5], parts[6], start, definition);
    return !definition.jobs.empty();
}

}  // namespace penstock
