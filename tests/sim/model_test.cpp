// The model that simulations are judged by, judged by hand.
#include "sim/model.hpp"

#include "support/plans.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace penstock::sim {
namespace {

using test::plan_of;
using ::testing::ElementsAre;

constexpr Fate S = Fate::succeeds, F = Fate::fails, X = Fate::is_skipped;

std::vector<Fate> fates_of(std::string_view graph, const std::set<std::uint32_t>& failing) {
    return fates(*plan_of(graph), [&](std::uint32_t job) { return failing.contains(job); });
}

TEST(Model, ChainsAndBranches) {
    EXPECT_THAT(fates_of("a -> b -> c; a -> d", {}), ElementsAre(S, S, S, S));
    EXPECT_THAT(fates_of("a -> b -> c; a -> d", {1}), ElementsAre(S, F, X, S));
    EXPECT_THAT(fates_of("a -> b -> c; a -> d", {0, 1}), ElementsAre(F, X, X, X));
}

TEST(Model, WhenEnded) {
    EXPECT_THAT(fates_of("a -> b : ended; b -> c", {0}), ElementsAre(F, S, S));
    EXPECT_THAT(fates_of("a -> b; b -> c : ended", {0}), ElementsAre(F, X, S));
}

TEST(Model, TwinsAndGroups) {
    EXPECT_THAT(fates_of("a[2] -> b : twin", {1}), ElementsAre(S, F, S, X));
    EXPECT_THAT(fates_of("a[3] -> b : group 0 1 0", {2}), ElementsAre(S, S, F, X, S));
    EXPECT_THAT(fates_of("a[2] -> b", {1}), ElementsAre(S, F, X));
}

TEST(Model, NothingPassesFailureOn) {
    EXPECT_THAT(fates_of("a -> b[0] -> c", {0}), ElementsAre(F, X));
    EXPECT_THAT(fates_of("a -> b[0]; b -> c : ended", {0}), ElementsAre(F, S));
    EXPECT_THAT(fates_of("a -> b[0]; b -> c : twin; c -> d", {0}), ElementsAre(F, X));
}

TEST(Model, KnowsWhatIsAbove) {
    const auto plan = plan_of("a -> b -> c; d");
    EXPECT_TRUE(is_above(*plan, 0, 2));
    EXPECT_FALSE(is_above(*plan, 2, 0));
    EXPECT_FALSE(is_above(*plan, 3, 2));
    EXPECT_FALSE(is_above(*plan, 0, 0));
}

}  // namespace
}  // namespace penstock::sim
