// Random streams that are ended at random instants and go on, again and again, from the last position that all of their
// jobs have reported, or lose a broker: in the end they have made what the model makes, as if nothing had been.
#include "sim/random_streams.hpp"

#include "core/stream_position.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace penstock::test {
namespace {

struct Looked {
    std::uint64_t ends = 0;
    std::uint64_t went_on = 0;  // behind some items
    std::uint64_t positions = 0;
    std::uint64_t restarts = 0;  // after a broker was lost
};

// What is durable of what has been stored: up to the position, or nothing.
std::map<std::string, StreamNodes::Stored> kept(const Plan& plan, StreamNodes& nodes) {
    std::map<std::string, StreamNodes::Stored> stored;
    if (nodes.reached == nullptr) return stored;
    for (const auto& [job, s] : nodes.reached->stored) {
        const Stage& results = plan.stages[plan.template_of(JobIndex(job)).value];
        const std::string& stage = plan.templates[results.from.front().value].name;
        List items = nodes.stored[stage].items;
        EXPECT_GE(items.size(), s.items) << stage;
        items.resize(s.items);
        stored[stage] = {std::move(items), nodes.stored[stage].in_order};
    }
    return stored;
}

Looked check(std::uint64_t seed) {
    SCOPED_TRACE("PENSTOCK_STREAM_SEED=" + std::to_string(seed) + " stream_positions_test");
    Random random(seed);
    const Tree tree = Drawing(random, Drawing::Kind::goes_on).draw();
    SCOPED_TRACE(tree.text());
    const auto plan = plan_of(tree.stages);
    EXPECT_EQ(why_it_begins_again(*plan), std::nullopt);
    Looked looked;
    std::shared_ptr<const StreamPosition> from;
    std::map<std::string, StreamNodes::Stored> stored;
    for (std::uint32_t ends = random.below(4);; --ends) {
        const std::uint32_t brokers = random.between(1, 4);
        StreamNodes nodes(plan, tree.scripts, brokers, random.fork(),
                          std::filesystem::temp_directory_path(), from);
        nodes.dies_working = nodes.dies_idle = tree.dies;
        nodes.stored = std::move(stored);
        if (brokers > 1 && random.chance(0.3)) nodes.losses = {{random.below(150), random.between(1, brokers)}};
        if (from != nullptr && from->items > 0) ++looked.went_on;
        nodes.run(ends == 0 ? std::numeric_limits<std::uint64_t>::max() : random.below(300));
        looked.positions += nodes.positions;
        looked.restarts += nodes.restarts;
        if (ends == 0) {
            EXPECT_TRUE(nodes.all_ended()) << "these wait for ever: " << nodes.waiting();
            EXPECT_EQ(nodes.ignored(), 0u);
            if (!nodes.all_ended()) return looked;
            for (const auto& e : nodes.ended) EXPECT_TRUE(e->succeeded) << e->error;
            check_results(tree, nodes);
            return looked;
        }
        ++looked.ends;
        stored = kept(*plan, nodes);
        from = nodes.reached;
    }
}

// PENSTOCK_STREAM_SEED=N: that one; PENSTOCK_STREAM_SEEDS=N: so many instead of 500.
TEST(StreamPositions, StreamsThatGoOnMakeWhatUndisturbedOnesMake) {
    if (const char* one = std::getenv("PENSTOCK_STREAM_SEED")) {
        check(std::strtoull(one, nullptr, 10));
        return;
    }
    const char* asked = std::getenv("PENSTOCK_STREAM_SEEDS");
    const std::uint64_t seeds = asked == nullptr ? 500 : std::strtoull(asked, nullptr, 10);
    Looked all;
    for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
        const Looked one = check(seed);
        all.ends += one.ends;
        all.went_on += one.went_on;
        all.positions += one.positions;
        all.restarts += one.restarts;
    }
    EXPECT_GT(all.ends, seeds);
    EXPECT_GT(all.went_on, seeds / 4) << "of " << all.ends << " ends";
    EXPECT_GT(all.positions, seeds * 4);
    EXPECT_GT(all.restarts, seeds / 10);
}

}  // namespace
}  // namespace penstock::test
