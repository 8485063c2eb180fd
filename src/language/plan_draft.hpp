// A plan in the making: the steps from a Definition to a Plan, in the order they are taken. Each step reports what is
// wrong and leaves a draft that the next step can go on with, so that all problems are found at once.
#pragma once

#include "language/dag.hpp"
#include "language/definition.hpp"
#include "language/input_files.hpp"
#include "language/job_names.hpp"
#include "language/lineage.hpp"
#include "language/nearest_maker.hpp"
#include "language/outside_keys.hpp"
#include "language/reading.hpp"

#include <penstock/worker.hpp>

#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace penstock {

// One reason for one job to wait for another.
struct Link {
    std::uint32_t producer = 0;
    std::uint32_t consumer = 0;
    Place place;
    When when = When::succeeded;
    bool carries_values = false;
    bool yields = false;  // the `after` that a `like` implies: other links of the pair say when
};

// Keys as small numbers.
class KeyTable {
public:
    static constexpr std::uint32_t kNone = 0xffffffff;
    std::uint32_t add(std::string_view key);
    std::uint32_t find(std::string_view key) const;
    std::string_view name(std::uint32_t key) const { return names_[key]; }
    std::size_t size() const { return names_.size(); }

private:
    std::unordered_map<std::string, std::uint32_t> index_;
    std::vector<std::string_view> names_;  // into index_
};

struct Draft {
    Draft(const Reading& r, const Definition& d, InputFiles& f, const OutsideKeys& o)
        : reading(r),
          definition(d),
          files(f),
          outside(o),
          names(d),
          lineage(static_cast<std::uint32_t>(d.jobs.size())) {}

    const Reading& reading;
    const Definition& definition;
    InputFiles& files;
    const OutsideKeys& outside;

    std::shared_ptr<Plan> plan = std::make_shared<Plan>();
    JobNames names;
    Lineage lineage;
    std::vector<Link> links;
    // What each input refers to, by job: one entry for each of its inputs, in the order of the definition.
    struct InputSource {
        std::uint32_t job = 0;
        std::uint32_t reference = 0;  // index into InputDefinition::from
    };
    std::vector<std::vector<std::vector<InputSource>>> input_sources;

    KeyTable keys;
    std::vector<std::vector<std::uint32_t>> makers;  // by key: jobs, ascending
    std::vector<std::vector<std::uint32_t>> made;    // by job: keys
    std::vector<std::vector<std::string>> needed;    // by job: keys its worker needs
    std::vector<std::uint8_t> items_give;            // by job: a stage whose placeholders may be keys of its items
    std::vector<std::uint8_t> worker_known;          // by job: made and needed can be relied on
    std::vector<std::uint8_t> instances_known;       // by job: its for-each is good
    std::vector<std::uint8_t> follows_unknown;       // by job: it waits for a job that does not exist

    const JobDefinition& job(std::uint32_t index) const { return definition.jobs[index]; }
    std::string name_text(std::uint32_t index) const { return quote(definition.jobs[index].name); }
    bool has_for_each(std::uint32_t index) const { return plan->templates[index].for_each != nullptr; }
};

// Names, settings, data; for-each and how instances belong together.
void draft_jobs(Draft& draft);
// after, inputs, like and graph, with wildcards written out. False when there are too many.
bool draft_links(Draft& draft);
// Reports circles.
void draft_order(Draft& draft, const Dag& dag);
// Worker types: what each job needs and makes.
void draft_workers(Draft& draft, const WorkerTypes& types);
// Of a stream: whose items each stage gets, and whether its worker fits.
void draft_stages(Draft& draft, const WorkerTypes& types);
// Where every key comes from. Adds the links of inputs that nobody wrote down.
void draft_bindings(Draft& draft, const Dag& dag);
// Edges, groupings, numbers of jobs. False when a limit is passed.
bool draft_edges(Draft& draft);
// Of a stream, and only when nothing is wrong with it: puts the stages in the order in which items flow.
void finish_stages(Draft& draft);

}  // namespace penstock
