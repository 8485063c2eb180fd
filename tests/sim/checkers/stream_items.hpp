// What comes out of a stream is what a model of one process makes of what goes in: the same items, in their order where
// there is one, none of a start that was given up; and all of it is on the disk when the stream is over. Of a stream
// that failed, or that nobody wanted more of, it is a part of that, where there is an order the beginning.
#pragma once

#include "sim/cluster.hpp"
#include "sim/random_streams.hpp"

#include <algorithm>
#include <string>

namespace penstock::sim {

class StreamItemsAreAsModelled final : public Checker {
public:
    std::string name() const override { return "stream items"; }
    bool sees_streams() const override { return true; }

    void is_over(PipelineId id) override {
        if (!world().is_stream(id)) return;
        const PipelineTruth& p = world().truth(id);
        const test::Tree& tree = *world().scenario().streams.at(p.plan->name);
        const bool well = world().disk().has_ended(id) && tree.fails_in.empty() && !world().may_be_closed(id);
        for (std::uint32_t s = 0; s < tree.stages.size(); ++s)
            if (!tree.read(s)) check(id, tree.stages[s].name, tree.made[s], well);
    }

private:
    void check(PipelineId id, const std::string& stage, const test::Made& made, bool whole) const {
        const auto found = world().disk().items_of(id, stage);
        if (!found) fail("items of " + stage + " are missing between others");
        const List& got = *found;
        const std::string what = stage + " has " + std::to_string(got.size()) + " items, of " +
                                 std::to_string(made.items.size()) + " that should come out";
        if (whole ? got.size() != made.items.size() : got.size() > made.items.size()) fail(what);
        if (made.in_order) {
            if (!whole && made.before_failure && !world().scenario().may_end_early() &&
                got.size() != made.before_failure->size())
                fail(what + ", and " + std::to_string(made.before_failure->size()) + " before one that fails");
            if (!std::equal(got.begin(), got.end(), made.items.begin())) fail(what + ": others, or in another order");
            return;
        }
        const auto less = [](const Value& a, const Value& b) { return test::id_of(a) < test::id_of(b); };
        List ours = got, modelled = made.items;
        std::sort(ours.begin(), ours.end(), less);
        std::sort(modelled.begin(), modelled.end(), less);
        if (!std::includes(modelled.begin(), modelled.end(), ours.begin(), ours.end(), less))
            fail(what + ": others, or some of them twice");
    }
};

}  // namespace penstock::sim
