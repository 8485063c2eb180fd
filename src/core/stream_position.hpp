// How far a stream has come: so many items of its source, of which all that was made is durable. It can go on from
// there.
//
// The source's broker puts marks between the items on their way, each with the number of items before it. A mark goes
// along every link, and through a job once it has come over all of its links: what the job has seen then is all that
// was made of the items before the mark, and nothing else (the snapshots of K. M. Chandy and L. Lamport, 1985). Where
// that matters the job reports it: what stores results, how many there are; what folds, its state.
#pragma once

#include "core/ids.hpp"
#include "core/plan.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock {

struct StreamPosition {
    struct Stored {
        std::uint64_t items = 0;
        std::uint32_t attempt = 1;  // that stored them, or some of them
        friend bool operator==(const Stored&, const Stored&) = default;
    };
    std::uint64_t items = 0;                      // of the source
    std::map<std::uint32_t, Stored> stored;       // by job, of Stage::Role::results
    std::map<std::uint32_t, std::string> states;  // by job, of folds: an encoded value
    friend bool operator==(const StreamPosition&, const StreamPosition&) = default;
};

// Why a stream begins again from its beginning whenever it has to stop; nothing when it can go on from a position.
std::optional<std::string> why_it_begins_again(const Plan& plan);

// The jobs that report marks: those that store, those that fold, and those behind which there is nothing.
std::vector<JobIndex> reporting_jobs(const Plan& plan);
bool reports_marks(const Plan& plan, TemplateIndex stage);

// Positions of one stream that some of its jobs have reported, and the last one that all have.
//
// Bounds: kMostOpen positions and kMostState bytes of states; beyond that every other one is forgotten, so that a
// stream goes on from a somewhat earlier one.
class StreamPositions {
public:
    static constexpr std::size_t kMostOpen = 1024;
    static constexpr std::uint64_t kMostState = 64ull << 20;

    explicit StreamPositions(const Plan& plan) : reporting_(reporting_jobs(plan).size()) {}

    // `state`: of a fold. The position, when all have reported it now.
    std::shared_ptr<const StreamPosition> report(JobIndex job, std::uint64_t position,
                                                 std::optional<StreamPosition::Stored> stored, std::string state);
    std::size_t open() const { return open_.size(); }

private:
    struct Open {
        StreamPosition position;
        std::vector<JobIndex> by;
    };
    void forget_some();

    std::size_t reporting_;
    std::map<std::uint64_t, Open> open_;
    std::uint64_t state_bytes_ = 0;
};

}  // namespace penstock
