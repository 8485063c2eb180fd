#include "store/position_file.hpp"

#include "exec/matching_files.hpp"
#include "exec/materialize.hpp"
#include "store/files.hpp"
#include "value/hash.hpp"
#include "value/value_codec.hpp"

#include <penstock/version.hpp>

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "PenstockPosition";
constexpr std::size_t kHeader = kMagic.size() + sizeof(std::uint64_t);  // and the hash of what follows

fs::path file_of(const fs::path& run_directory, const PipelineContext& pipeline) {
    Hasher hasher;
    hasher.add(pipeline.plan->name).add(pipeline.info.instance);
    return run_directory / "positions" / fmt::format("{:016x}", hasher.value());
}

// As its source will see them; what cannot be had now, it will not get either.
Document parameters_of(const PipelineContext& pipeline, const JobTemplate& job) try {
    Ticket ticket;
    ticket.pipeline = std::shared_ptr<const PipelineContext>(&pipeline, [](const PipelineContext*) {});
    ticket.job = &job;
    return materialize(ticket, false).parameters;
} catch (const std::exception&) {
    return {};
}

const std::string* text_of(const Document& parameters, const std::string& name) {
    const auto at = parameters.find(name);
    return at != parameters.end() && at->second.is(Value::Type::string) ? &at->second.string() : nullptr;
}

// What a source reads, as it is now, if it says what.
void add_files(const PipelineContext& pipeline, const JobTemplate& job, Hasher& hasher) {
    const Document parameters = parameters_of(pipeline, job);
    const fs::path folder = pipeline.plan->definition_directory;
    struct stat now {};
    if (const std::string* const file = text_of(parameters, "file");
        file != nullptr && ::stat((folder / *file).c_str(), &now) == 0) {
        hasher.add(static_cast<std::uint64_t>(now.st_size));
        hasher.add(static_cast<std::uint64_t>(now.st_mtim.tv_sec)).add(static_cast<std::uint64_t>(now.st_mtim.tv_nsec));
    }
    if (const std::string* const pattern = text_of(parameters, "glob")) try {
            for (const std::string& name : matching_files(folder, *pattern)) hasher.add(name);
        } catch (const std::exception&) {  // its source says so
        }
}

Value as_value(std::uint64_t number) { return static_cast<std::int64_t>(number); }
std::uint64_t number_of(const Value& value) { return static_cast<std::uint64_t>(value.int64()); }

// A job by name: numbers of jobs depend on how many workers others have.
List name_of(const Plan& plan, std::uint32_t job) {
    const JobTemplate& t = plan.templates[plan.template_of(JobIndex(job)).value];
    return {t.name, as_value(job - t.first_job.value)};
}

std::optional<std::uint32_t> job_of(const Plan& plan, const List& name) {
    const auto t = std::find_if(plan.templates.begin(), plan.templates.end(),
                                [&](const JobTemplate& each) { return each.name == name.at(0).string(); });
    if (t == plan.templates.end() || number_of(name.at(1)) >= t->count) return std::nullopt;
    return t->first_job.value + static_cast<std::uint32_t>(number_of(name.at(1)));
}

Document document_of(std::uint32_t incarnation, std::uint64_t identity, const PipelineContext& pipeline,
                     const StreamPosition& position) {
    const Plan& plan = *pipeline.plan;
    List stored, states;
    for (const auto& [job, s] : position.stored) {
        List one = name_of(plan, job);
        one.push_back(as_value(s.items));
        one.push_back(as_value(s.attempt));
        stored.push_back(std::move(one));
    }
    for (const auto& [job, state] : position.states) {
        List one = name_of(plan, job);
        const auto bytes = std::as_bytes(std::span(state));
        one.push_back(Bytes(bytes.begin(), bytes.end()));
        states.push_back(std::move(one));
    }
    return {{"version", std::string(kVersion)},     {"pipeline", plan.name},
            {"instance", pipeline.info.instance},   {"identity", as_value(identity)},
            {"incarnation", as_value(incarnation)}, {"items", as_value(position.items)},
            {"stored", std::move(stored)},          {"states", std::move(states)}};
}

// Of all that is kept and all that is folded: of a stage that kept nothing when it was written, what came before is
// nowhere.
bool has_all(const Plan& plan, const StreamPosition& position) {
    const auto jobs = reporting_jobs(plan);
    return std::all_of(jobs.begin(), jobs.end(), [&](JobIndex job) {
        const Stage& stage = plan.stages[plan.template_of(job).value];
        if (stage.role == Stage::Role::results) return position.stored.contains(job.value);
        return stage.form != StageForm::fold || position.states.contains(job.value);
    });
}

std::optional<SavedPosition> position_of(const Document& document, const PipelineContext& pipeline) {
    const Plan& plan = *pipeline.plan;
    if (at(document, "version") != Value(std::string(kVersion)) || at(document, "pipeline") != Value(plan.name) ||
        at(document, "instance") != Value(pipeline.info.instance) ||
        at(document, "identity") != as_value(stream_identity(pipeline)))
        return std::nullopt;
    SavedPosition saved;
    saved.incarnation = static_cast<std::uint32_t>(number_of(at(document, "incarnation")));
    saved.position.items = number_of(at(document, "items"));
    for (const Value& one : at(document, "stored").list()) {
        const auto job = job_of(plan, one.list());
        if (!job) return std::nullopt;
        saved.position.stored[*job] = {number_of(one.list().at(2)),
                                       static_cast<std::uint32_t>(number_of(one.list().at(3)))};
    }
    for (const Value& one : at(document, "states").list()) {
        const auto job = job_of(plan, one.list());
        if (!job) return std::nullopt;
        const Bytes& bytes = one.list().at(2).bytes();
        saved.position.states[*job].assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    if (!has_all(plan, saved.position)) return std::nullopt;
    return saved;
}

std::uint64_t sum_of(std::string_view content) { return Hasher().add(content).value(); }

}  // namespace

// How many workers a stage has does not matter, but where each has a state of its own.
std::uint64_t stream_identity(const PipelineContext& pipeline) {
    const Plan& plan = *pipeline.plan;
    Hasher hasher;
    for (std::uint32_t s = 0; s < plan.stages.size(); ++s) {
        const JobTemplate& job = plan.templates[s];
        if (plan.stages[s].role != Stage::Role::worker) continue;
        hasher.add(job.name).add(job_hash(plan, pipeline.info, job, 0));
        if (plan.stages[s].form == StageForm::fold) hasher.add(std::uint64_t{job.count});
        if (plan.stages[s].from.empty()) add_files(pipeline, job, hasher);
    }
    return hasher.value();
}

void write_position(const fs::path& run_directory, std::uint32_t incarnation, std::uint64_t identity,
                    const PipelineContext& pipeline, const StreamPosition& position) {
    std::vector<std::byte> bytes;
    encode(document_of(incarnation, identity, pipeline, position), bytes);
    const std::string_view content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const std::uint64_t sum = sum_of(content);
    std::string file(kMagic);
    file.append(reinterpret_cast<const char*>(&sum), sizeof sum).append(content);
    write_file_atomically(file_of(run_directory, pipeline), file);
}

void remove_position(const fs::path& run_directory, const PipelineContext& pipeline) {
    remove_file(file_of(run_directory, pipeline));
}

std::optional<SavedPosition> read_position(const fs::path& run_directory, const PipelineContext& pipeline) try {
    const fs::path path = file_of(run_directory, pipeline);
    std::error_code missing;
    if (!fs::is_regular_file(path, missing)) return std::nullopt;
    const std::string file = read_file(path);
    if (file.size() < kHeader || !file.starts_with(kMagic)) return std::nullopt;
    std::uint64_t sum = 0;
    std::memcpy(&sum, file.data() + kMagic.size(), sizeof sum);
    const std::string_view content = std::string_view(file).substr(kHeader);
    if (sum_of(content) != sum) return std::nullopt;
    std::span<const std::byte> bytes = std::as_bytes(std::span(content));
    return position_of(decode_document(bytes), pipeline);
} catch (const std::exception&) {  // of another build, or damaged: the stream begins again
    return std::nullopt;
}

}  // namespace penstock
