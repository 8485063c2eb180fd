// What a job template is as a stage of a stream. A stream is a plan whose templates are stages: the jobs of a template
// are the stage's workers, and all jobs of the plan run at once.
#pragma once

#include "core/ids.hpp"

#include <penstock/stream.hpp>

#include <cstdint>
#include <vector>

namespace penstock {

// How items of several stages become the input of one.
enum class Merge : std::uint8_t {
    any,         // as they come
    concat,      // all of the first, then all of the second, ...
    interleave,  // one of each in turn, of those that have not ended
    zip,         // lists of one of each, until one has ended
    latest,      // lists of each of the first with the latest of the others, null while there is none
};

// Of a fold with several workers.
enum class FoldPart : std::uint8_t {
    whole,
    partial,   // sees a part of the items, and makes one: its snapshot
    combines,  // what the partial ones make
};

// What a failing item means.
enum class OnError : std::uint8_t { fail, skip, retry };

struct Stage {
    enum class Role : std::uint8_t {
        worker,   // runs user code
        order,    // puts together what comes over several links, for a stage with several workers
        results,  // stores what a stage without successors makes, or has it read by the driver function
        input,    // passes on what the driver function puts in
        sample,   // passes items on while fewer than `limit` of them are in its branch
        buffer,   // keeps what comes until it is wanted: a merge waits for another input meanwhile
    };
    Role role = Role::worker;
    StageForm form = StageForm::map;  // none: a Worker, used as a map
    std::vector<TemplateIndex> from;  // in the order of the definition; a source has none
    Merge merge = Merge::any;
    std::uint32_t queue = 0;  // of its items may be on their way to each consumer or wait there; 0 = kDefaultQueue
    bool ordered = false;     // as the definition says
    // Set by complete_stream(): the stage has several workers, is fed by one, and its results are put back into the
    // order of its input: batches keep their numbers.
    bool keeps_order = false;
    OnError on_error = OnError::fail;
    FoldPart part = FoldPart::whole;
    bool snapshots = false;  // a fold that can go on in another process
    bool seeks = false;      // a source that can begin at a position
    bool repeats = false;    // a generator that makes the same of an item each time
    // Of a sample.
    std::uint32_t limit = 0;
    std::vector<TemplateIndex> until;  // one: where its branch ends; empty = with the stages that take its items
    bool keep_latest = false;          // stages outside of the branch get its input with the latest result of it
    // Set by complete_stream(): the consumers that are in the branch of a sample. An item counts as taken when these
    // are done with all that was made of it.
    std::vector<TemplateIndex> branch;
    // Of results: what becomes of them.
    bool stored = true;      // they go to the writer
    bool delivered = false;  // they go to the driver function

    friend bool operator==(const Stage&, const Stage&) = default;
};

// The end of a link that is no job of the plan: the driver function at rank 0, which feeds stages of Role::input and
// reads results that are delivered.
inline constexpr JobIndex kDriver{0xffffffff};
inline constexpr std::uint32_t kDriverRank = 0;

inline constexpr std::uint32_t kDefaultQueue = 4096;
inline constexpr std::uint32_t kMaxStages =
    80;  // of a stream, as the definition has them: with what is added they fit one PlanBlock

struct Plan;

// Inputs of merges that wait for one another: full while the merge waits for the other one, the input would stop what
// both depend on. What comes there is kept in a buffer. `stages` as in a plan; at most kMaxStages.
struct BufferedInput {
    std::uint32_t stage = 0;
    std::uint32_t input = 0;  // of its `from`
    friend bool operator==(const BufferedInput&, const BufferedInput&) = default;
};
std::vector<BufferedInput> inputs_to_buffer(const std::vector<Stage>& stages);

// Whether items of that stage come to a sample, at once or by other stages.
bool leads_to_sample(const std::vector<Stage>& stages, TemplateIndex stage);

// Adds what a definition does not say: a stage `NAME@results` behind each stage without successors that saves anything,
// stages `NAME@order` in front of those with several workers where order has to be made, and `NAME@bufferN` in front of
// input N of a merge where inputs_to_buffer() says so; divides folds with several workers and samples that keep the
// latest result in two. Sets keeps_order, branches, and first jobs and counts of what it adds. `plan.stages` has an
// entry for every template, each named before it is used in `from` of another; at most kMaxStages.
void complete_stream(Plan& plan);

}  // namespace penstock
