// What all jobs of one template share, as far as running them needs it: sent to a worker process once.
#pragma once

#include "exec/task.hpp"

#include <penstock/worker.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace penstock {

struct JobDescription {
    std::string pipeline;
    std::string job;
    std::string worker;
    std::filesystem::path definition_directory;
    int cpus = 1;
    Keys makes;          // sorted
    bool stage = false;  // of a stream: its tickets have a batch
};

Document to_document(const JobDescription& description);
JobDescription job_description_from(Document document);  // throws ValueError

// How a template's jobs are run. Made by the pump when it first sees the template, immutable, shared by its tickets.
struct TemplateInfo {
    enum class Way : std::uint8_t { in_line, process, external, impossible };

    TemplateInfo(const WorkerTypes& types, const Ticket& ticket);

    std::shared_ptr<const PipelineContext> keeps;  // the plan the template belongs to
    const JobTemplate* job;
    Way way = Way::impossible;
    std::string problem;               // Way::impossible
    const WorkerType* type = nullptr;  // of the lanes' own list
    bool fixed_parameters = true;      // `with:` has no placeholders to fill in
    JobDescription description;
    // Of an attempt; 0 = none. Who gives a stage its items watches its time.
    Nanoseconds time_limit = 0;
    std::uint64_t memory_limit = 0;
    bool limited() const { return time_limit != 0 || memory_limit != 0; }
};

}  // namespace penstock
