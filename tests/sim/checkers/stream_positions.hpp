// A stream goes on from where all that came of the items before is on the disk: what a position says to be stored is
// stored and durable when the router tells of it, by the attempt that it names: what an attempt stores that a position
// does not know of makes that position worthless to a later launch. Positions do not go back. What is stored begins
// where its start began, without a gap.
#pragma once

#include "sim/cluster.hpp"

#include <map>
#include <string>
#include <tuple>

namespace penstock::sim {

class StreamPositionsHold final : public Checker {
public:
    std::string name() const override { return "stream positions"; }

    void reached(PipelineId id, const StreamPosition& position) override {
        const Plan& plan = *world().truth(id).plan;
        std::uint64_t& last = last_[id];
        if (position.items <= last && last != 0) fail(plan.name + " goes back to " + std::to_string(position.items));
        last = position.items;
        for (const auto& [job, stored] : position.stored) {
            const Stage& results = plan.stages[plan.template_of(JobIndex(job)).value];
            const std::string& stage = plan.templates[results.from.front().value].name;
            const auto there = world().disk().items_of(id, stage);
            if (!there || there->size() < stored.items)
                fail("a position counts " + std::to_string(stored.items) + " items of " + stage + ", of which " +
                     std::to_string(there ? there->size() : 0) + " are durable");
            const auto newest = world().disk().newest_of(id, stage);
            if (!newest || newest->launch != world().scenario().launch || newest->attempt != stored.attempt)
                fail("a position says that attempt " + std::to_string(stored.attempt) + " has stored " + stage +
                     ", it was " + (newest ? std::to_string(newest->attempt) : "none"));
        }
    }
    void stored(const Disk::Items& items, std::uint32_t broker) override {
        const auto key = std::tuple(items.pipeline, items.stage, items.attempt, broker);
        const auto next = next_.find(key);
        if (next != next_.end() && items.first != next->second)
            fail(items.stage + " stores item " + std::to_string(items.first) + " after item " +
                 std::to_string(next->second));
        next_[key] = items.first + items.items.size();
    }

private:
    std::map<PipelineId, std::uint64_t> last_;
    std::map<std::tuple<PipelineId, std::string, std::uint32_t, std::uint32_t>, std::uint64_t> next_;
};

}  // namespace penstock::sim
