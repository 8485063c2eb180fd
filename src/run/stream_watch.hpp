// One stream as rank 0 sees it: what the workers of its stages have done so far, and which stages have ended.
//
// What complete_stream() adds to a definition does not show: `NAME@part` and `NAME@sample` count as NAME, and what only
// orders or stores is no stage. Bounds: about 130 bytes a worker.
#pragma once

#include "core/plan.hpp"
#include "core/stage_counts.hpp"
#include "core/stream_items.hpp"
#include "report/observer.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace penstock {

class StreamWatch {
public:
    explicit StreamWatch(std::shared_ptr<const Plan> plan);

    void counted(JobIndex job, StageCounts counts);
    // Jobs that ended: the stage, if these were the last of it.
    struct End {
        TemplateIndex stage;
        bool succeeded = true;
        StageCounts counts;
    };
    std::optional<End> ended(JobIndex job, bool succeeded);

    std::uint64_t items() const { return items_; }  // that its sources have made
    std::uint64_t stages() const { return shown_.size(); }
    std::uint64_t stages_failed() const;
    std::uint64_t stages_ended() const;
    // Of each stage, in the order of the plan.
    std::vector<StageSummary> summary() const;
    // A map for each worker of each stage: what is stored of them.
    StreamItems rows() const;
    // Which items of a stage the present attempt has stored.
    struct Stored {
        TemplateIndex stage;
        std::uint64_t first = 0, end = 0;
    };
    std::vector<Stored> stored() const;

private:
    enum class Part : std::uint8_t {
        whole,     // all that a stage does
        takes,     // NAME@part: items come in here, and what comes out is not the stage's
        combines,  // NAME, where there is a NAME@part
        stores,
        none,
    };
    struct Of {                   // a template
        std::uint32_t shown = 0;  // which stage it counts as
        Part part = Part::none;
    };
    struct Shown {
        TemplateIndex stage;
        std::uint32_t workers = 0;
        std::uint32_t left = 0;
        bool failed = false;
        bool source = false;
        std::vector<std::string> from;
    };
    static StageCounts counted_as(Part part, StageCounts counts);
    StageCounts counts_of(std::uint32_t shown) const;

    std::shared_ptr<const Plan> plan_;
    std::vector<Of> templates_;
    std::vector<Shown> shown_;
    std::vector<StageCounts> jobs_;
    std::uint64_t items_ = 0;
};

}  // namespace penstock
