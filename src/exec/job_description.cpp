#include "exec/job_description.hpp"

#include "value/placeholders.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace penstock {

Document to_document(const JobDescription& d) {
    return {{"pipeline", d.pipeline}, {"job", d.job},
            {"worker", d.worker},     {"directory", d.definition_directory.string()},
            {"cpus", d.cpus},         {"makes", List(d.makes.begin(), d.makes.end())},
            {"stage", d.stage}};
}

JobDescription job_description_from(Document document) {
    JobDescription d;
    d.pipeline = at(document, "pipeline").string();
    d.job = at(document, "job").string();
    d.worker = at(document, "worker").string();
    d.definition_directory = at(document, "directory").string();
    d.cpus = static_cast<int>(at(document, "cpus").int64());
    for (const Value& key : at(document, "makes").list()) d.makes.push_back(key.string());
    d.stage = at(document, "stage").boolean();
    return d;
}

namespace {

// What keeps a type from being used like this; "" = nothing. Definitions that do it are refused before they run.
std::string wrong_use(const WorkerType& type, const JobDescription& use) {
    if (use.stage && type.external && !type.create_form)
        return fmt::format(
            "the worker type \"{}\" runs programs of their own, one a job, and \"{}\" is a stage of a "
            "stream; call the program from a worker type of yours",
            type.name, use.job);
    if (use.stage && !type.create_stage && !type.create && !type.create_form)
        return fmt::format("the worker type \"{}\" cannot make a worker for the stage \"{}\"", type.name, use.job);
    if (!use.stage && !type.create)
        return fmt::format(
            "the worker type \"{}\" is for stages of a stream, and \"{}\" is a job; name it under "
            "`stages:`, or derive it from penstock::Worker too",
            type.name, use.job);
    return {};
}

}  // namespace

TemplateInfo::TemplateInfo(const WorkerTypes& types, const Ticket& ticket) : keeps(ticket.pipeline), job(ticket.job) {
    const auto found =
        std::find_if(types.begin(), types.end(), [&](const WorkerType& t) { return t.name == job->worker; });
    if (found == types.end()) {
        problem = fmt::format("this program has no worker type \"{}\"; list it in Application<...>", job->worker);
        return;
    }
    type = &*found;
    std::vector<std::string> problems;
    fixed_parameters = type->fills_placeholders && ticket.batch == nullptr;
    if (!type->fills_placeholders && !fixed_parameters)
        fixed_parameters = placeholder_names(job->with, problems).empty() && problems.empty();
    const Plan& plan = *ticket.pipeline->plan;
    description = {plan.name,
                   job->name,
                   job->worker,
                   plan.definition_directory,
                   static_cast<int>(job->resources.cpus),
                   {},
                   ticket.batch != nullptr};
    if (problem = wrong_use(*type, description); !problem.empty()) return;
    try {
        description.makes = type->makes(job->with);
    } catch (const std::exception& error) {
        problem = fmt::format("makes() of worker type \"{}\" failed: {}", job->worker, error.what());
        return;
    }
    std::sort(description.makes.begin(), description.makes.end());
    description.makes.erase(std::unique(description.makes.begin(), description.makes.end()), description.makes.end());
    const bool stage = ticket.batch != nullptr;
    if (type->external)
        way = stage ? Way::process : Way::external;
    else
        way = job->isolation == Isolation::in_line ? Way::in_line : Way::process;
    if (way == Way::external) return;  // the runner of commands watches its own
    if (!stage) time_limit = static_cast<Nanoseconds>(job->timeout_s * 1e9);
    if (way == Way::process) memory_limit = job->resources.memory_bytes;
}

}  // namespace penstock
