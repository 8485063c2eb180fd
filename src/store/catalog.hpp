// What a set of files says together: pipelines, templates, exactly one final row a job in definition order, attempts.
//
// Of the rows of a job the current hash is that of its latest row (highest incarnation, then highest attempt). Of the
// rows with that hash the final one is the success with the lowest attempt, else the row with the highest attempt. A
// job of which only attempts are known that are to be followed by others is `ready`. Memory: about 150 bytes a row
// while it is made, 60 afterwards.
#pragma once

#include "store/renumbering.hpp"
#include "store/source_pool.hpp"
#include "store/stream_run.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

struct Catalog {
    struct Template {
        std::uint32_t pipeline = 0;  // the first pipeline of its definition
        std::string name;
        std::string worker;
        std::vector<std::string> parameters;  // names of its for-each, in definition order
        std::string parameters_text;          // the same, as stored
        std::uint32_t first_job = 0;
        std::uint32_t count = 1;
        struct Place {
            std::uint32_t source = 0;
            std::uint32_t row = 0;                                       // of the source's templates
            std::shared_ptr<const std::vector<std::string>> parameters;  // there; null: the same as here
        };
        const std::vector<std::string>& parameters_at(const Place& place) const {
            return place.parameters != nullptr ? *place.parameters : parameters;
        }
        std::vector<Place> places;  // by source
    };
    struct Job {
        std::uint32_t source = 0;
        std::uint32_t row = 0;  // of the source's /jobs
        std::uint32_t pipeline = 0;
        std::uint32_t job_template = 0;
        std::uint32_t number = 0;    // of the instance
        std::uint32_t attempt = 0;   // of this row
        std::uint32_t attempts = 0;  // the highest number known
        std::uint32_t incarnation = 0;
        JobStatus status = JobStatus::succeeded;
        bool final_attempt = true;
        std::uint64_t hash = 0;
        bool removed = false;  // the definition has it no more
    };
    struct Attempt {
        std::uint32_t job = 0;  // index of jobs
        std::uint32_t number = 0;
        std::uint32_t source = 0;
        std::uint32_t row = 0;  // of the source's /attempts, or of its /jobs when that says all there is to say
        bool recorded = false;  // in /attempts
    };

    std::vector<Source::Pipeline> pipelines;  // in order of submission
    std::vector<Template> templates;          // by definition, in definition order
    std::vector<Job> jobs;                    // by pipeline, in definition order
    std::vector<Attempt> attempts;            // by job, then number
    std::vector<PlacedRun> streams;           // items of streams that count, by template, pipeline, number
    std::vector<SegmentId> segments;          // what the files hold
    std::vector<std::string> warnings;

    const std::string& pipeline_name(const Template& t) const { return pipelines[t.pipeline].name; }
};

// Throws SourceFailed for a file that is gone or damaged.
// `renumbering`: jobs get new numbers; may be null.
Catalog read_catalog(SourcePool& sources, bool with_attempts, const Renumbering* renumbering = nullptr);

}  // namespace penstock
