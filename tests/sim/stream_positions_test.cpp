// Random streams that are ended at random instants and go on, again and again, from the last position that all of their
// jobs have reported, or lose a broker: in the end they have made what the model makes, as if nothing had been.
#include "sim/random_streams.hpp"

#include "core/stream_position.hpp"

#include <gtest/gtest.h>

#include <algorithm>
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
        items.resize(std::min<std::size_t>(items.size(), s.items));
        stored[stage] = {std::move(items), nodes.stored[stage].in_order};
    }
    return stored;
}

// What is wrong in the end, "" = as modelled.
std::string check(std::uint64_t seed, Looked& looked, StreamNodes::Fault fault = StreamNodes::Fault::none) {
    Random random(seed);
    const Tree tree = Drawing(random, Drawing::Kind::goes_on).draw();
    const auto plan = plan_of(tree.stages);
    if (const auto why = why_it_begins_again(*plan)) return *why;
    std::shared_ptr<const StreamPosition> from;
    std::map<std::string, StreamNodes::Stored> stored;
    for (std::uint32_t ends = random.below(4);; --ends) {
        const std::uint32_t brokers = random.between(1, 4);
        StreamNodes nodes(plan, tree.scripts, brokers, random.fork(), std::filesystem::temp_directory_path(), from);
        nodes.dies_working = nodes.dies_idle = tree.dies;
        nodes.stored = std::move(stored);
        nodes.fault = fault;
        if (brokers > 1 && random.chance(0.3)) nodes.losses = {{random.below(150), random.between(1, brokers)}};
        if (from != nullptr && from->items > 0) ++looked.went_on;
        nodes.run(ends == 0 ? std::numeric_limits<std::uint64_t>::max() : random.below(300));
        looked.positions += nodes.positions;
        looked.restarts += nodes.restarts;
        if (ends == 0) {
            if (nodes.restarts == 0 && nodes.ignored() != 0) return "messages that made no sense\n" + tree.text();
            return what_is_wrong(tree, nodes);
        }
        ++looked.ends;
        stored = kept(*plan, nodes);
        from = nodes.reached;
    }
}

// PENSTOCK_STREAM_POSITION=N: that seed; PENSTOCK_STREAM_SEEDS=N: so many instead of 500.
TEST(StreamPositions, StreamsThatGoOnMakeWhatUndisturbedOnesMake) {
    const char* one = std::getenv("PENSTOCK_STREAM_POSITION");
    const char* asked = std::getenv("PENSTOCK_STREAM_SEEDS");
    const std::uint64_t first = one == nullptr ? 1 : std::strtoull(one, nullptr, 10);
    const std::uint64_t seeds = one != nullptr ? 1 : asked == nullptr ? 500 : std::strtoull(asked, nullptr, 10);
    Looked all;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed)
        ASSERT_EQ(check(seed, all), "") << "again with: PENSTOCK_STREAM_POSITION=" << seed << " sim_test";
    if (one != nullptr) return;
    EXPECT_GT(all.ends, seeds);
    EXPECT_GT(all.went_on, seeds / 4) << "of " << all.ends << " ends";
    EXPECT_GT(all.positions, seeds * 4);
    EXPECT_GT(all.restarts, seeds / 10);
}

class StreamPositionFaults : public ::testing::TestWithParam<StreamNodes::Fault> {};

TEST_P(StreamPositionFaults, AreCaught) {
    std::uint64_t caught = 0;
    Looked looked;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) caught += !check(seed, looked, GetParam()).empty();
    EXPECT_GT(caught, 3u) << "of 200 seeds";
}

INSTANTIATE_TEST_SUITE_P(Simulated, StreamPositionFaults,
                         ::testing::Values(StreamNodes::Fault::hasty_position, StreamNodes::Fault::lost_state),
                         [](const auto& chosen) {
                             return chosen.param == StreamNodes::Fault::lost_state ? "lost_state" : "hasty_position";
                         });

}  // namespace
}  // namespace penstock::test
