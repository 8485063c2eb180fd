#include "core/stream_places.hpp"

#include <gtest/gtest.h>

namespace penstock {
namespace {

// A stage with so many workers of these resources, and another one.
Plan plan_of(const std::vector<std::pair<std::uint32_t, Resources>>& stages) {
    Plan plan;
    for (const auto& [workers, needs] : stages) {
        JobTemplate& t = plan.templates.emplace_back();
        t.count = workers;
        t.resources = needs;
        t.first_job = JobIndex(plan.job_count);
        plan.job_count += workers;
    }
    return plan;
}

HostLedger hosts_with(const std::vector<std::uint32_t>& cpus, const std::map<std::string, std::uint64_t>& named = {}) {
    std::vector<HostDescription> hosts;
    for (const std::uint32_t n : cpus) hosts.push_back({"h", n, 1000});
    return HostLedger(std::move(hosts), named);
}

using Hosts = std::optional<std::vector<std::uint32_t>>;

Hosts places(const Plan& plan, const HostLedger& hosts, std::uint32_t without = kAnyHost) {
    return hosts_for_stream(plan, hosts,
                            [&](std::uint32_t host) { return host == without ? std::nullopt : std::optional(0u); });
}

TEST(StreamPlaces, TheLargestComesFirst) {
    const Plan plan = plan_of({{1, {0, 0, {}}}, {2, {1, 0, {}}}, {1, {4, 0, {}}}});
    EXPECT_EQ(places(plan, hosts_with({2, 4})), (Hosts{{kAnyHost, 0, 0, 1}}));
    EXPECT_EQ(places(plan, hosts_with({4, 2})), (Hosts{{kAnyHost, 1, 1, 0}}));
    EXPECT_EQ(places(plan, hosts_with({4, 1})), std::nullopt);
}

TEST(StreamPlaces, WhatLeadsNowhereIsTakenBack) {
    // 5 leaves the least on the host of 6, but then there is no room for one of the others.
    const Plan plan = plan_of({{1, {5, 0, {}}}, {2, {3, 0, {}}}, {3, {2, 0, {}}}});
    EXPECT_TRUE(places(plan, hosts_with({6, 7, 4})));
    EXPECT_EQ(places(plan, hosts_with({6, 6, 4})), std::nullopt);
}

TEST(StreamPlaces, MemoryAndNamedResourcesCountToo) {
    EXPECT_TRUE(places(plan_of({{2, {1, 600, {}}}}), hosts_with({4, 4})));
    EXPECT_FALSE(places(plan_of({{3, {1, 600, {}}}}), hosts_with({4, 4})));
    const Plan licensed = plan_of({{2, {1, 0, {{"licence", 1}}}}});
    EXPECT_TRUE(places(licensed, hosts_with({4}, {{"licence", 2}})));
    EXPECT_FALSE(places(licensed, hosts_with({4}, {{"licence", 1}})));
}

TEST(StreamPlaces, AHostThatIsLostTakesNothing) {
    const Plan plan = plan_of({{1, {2, 0, {}}}});
    EXPECT_EQ(places(plan, hosts_with({2, 4}), 0), (Hosts{{1}}));
    EXPECT_EQ(places(plan, hosts_with({2, 1}), 0), std::nullopt);
}

TEST(StreamPlaces, WhatCannotBeIsGivenUpSoon) {
    EXPECT_EQ(places(plan_of({{500, {3, 0, {}}}, {499, {2, 0, {}}}}), hosts_with(std::vector<std::uint32_t>(500, 4))),
              std::nullopt);
}

}  // namespace
}  // namespace penstock
