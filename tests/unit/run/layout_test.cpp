#include "run/layout.hpp"

#include <gtest/gtest.h>

#include <sched.h>

#include <thread>

namespace penstock {
namespace {

RankFacts facts(const std::string& host, std::vector<std::uint32_t> cpus) {
    return {host, 1, std::move(cpus), 1 << 30};
}

std::vector<std::string> roles(const LaunchLayout& layout) {
    std::vector<std::string> text;
    for (const RoleLine& line : layout.launch.roles) text.push_back(line.role + " " + std::to_string(line.slots));
    return text;
}

TEST(LaunchLayout, OneProcessHasAllRoles) {
    const LaunchLayout layout = lay_out({facts("a", {0, 1, 2, 3})}, 0, 1, {});
    EXPECT_EQ(roles(layout), std::vector<std::string>({"router+pipeliner+broker 4"}));
    ASSERT_EQ(layout.brokers.size(), 1u);
    EXPECT_EQ(layout.hosts[0].cpus, 4u);
}

TEST(LaunchLayout, OfTwoRanksTheFirstIsRouterAndPipeliner) {
    const LaunchLayout layout = lay_out(std::vector(2, facts("a", {0, 1})), 1, 1, {});
    EXPECT_EQ(roles(layout), std::vector<std::string>({"router+pipeliner 0", "broker 2"}));
}

TEST(LaunchLayout, CpusToWhichTheLauncherHasBoundNoRankAreCounted) {
    auto bound = [](const std::string& host, std::uint32_t cpu) {
        RankFacts f = facts(host, {cpu});
        f.all_cpus = 4;
        return f;
    };
    const LaunchLayout two = lay_out({bound("a", 0), bound("a", 1)}, 0, 1, {});
    EXPECT_EQ(two.launch.hosts[0].bound_cpus, 2u) << "the router's is no broker's, but it is used";
    EXPECT_EQ(two.launch.hosts[0].unused_cpus, 2u);
    const LaunchLayout all = lay_out({bound("a", 0), bound("a", 1), bound("a", 2), bound("a", 3)}, 0, 1, {});
    EXPECT_EQ(all.launch.hosts[0].unused_cpus, 0u);
    const LaunchLayout hosts = lay_out({bound("a", 0), bound("b", 1), bound("b", 1)}, 0, 1, {});
    ASSERT_EQ(hosts.launch.hosts.size(), 1u);
    EXPECT_EQ(hosts.launch.hosts[0].unused_cpus, 3u) << "of hosts with brokers, each by itself";
    EXPECT_EQ(lay_out({bound("a", 0)}, 0, 1, {}).launch.hosts[0].unused_cpus, 0u) << "no launcher has done that";
}

TEST(LaunchLayout, WhatWasBoundIsKnown) {
    const RankFacts free = facts_of_this_process();
    RankFacts bound;
    std::thread([&] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(free.cpus.front(), &one);
        ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
        bound = facts_of_this_process();
    }).join();
    EXPECT_EQ(bound.cpus.size(), 1u);
    EXPECT_EQ(bound.all_cpus, free.all_cpus);
    EXPECT_GE(free.all_cpus, free.cpus.size());
}

TEST(LaunchLayout, PipelinersComeAfterTheRouterAndLeaveABroker) {
    EXPECT_EQ(roles(lay_out(std::vector(5, facts("a", {0, 1})), 0, 2, {})),
              std::vector<std::string>({"router 0", "pipeliner 0", "pipeliner 0", "broker 1", "broker 1"}));
    EXPECT_EQ(roles(lay_out(std::vector(3, facts("a", {0, 1})), 0, 9, {})),
              std::vector<std::string>({"router 0", "pipeliner 0", "broker 2"}));
}

TEST(LaunchLayout, BrokersOfAHostShareItsCpusFairlyAndEachHasASlot) {
    const LaunchLayout uneven = lay_out(std::vector(4, facts("a", {0, 1, 2, 3, 4})), 0, 1, {});
    EXPECT_EQ(uneven.brokers[0].slots, 3u);
    EXPECT_EQ(uneven.brokers[1].slots, 2u);
    const LaunchLayout crowded = lay_out(std::vector(32, facts("a", {0, 1})), 0, 1, {});
    ASSERT_EQ(crowded.brokers.size(), 30u);
    for (const BrokerDescription& b : crowded.brokers) EXPECT_EQ(b.slots, 1u);
    EXPECT_EQ(crowded.hosts[0].cpus, 30u);
}

TEST(LaunchLayout, SlotsGivenAreForEachBroker) {
    const LaunchLayout layout = lay_out(std::vector(4, facts("a", {0, 1})), 0, 1, 7);
    for (const BrokerDescription& b : layout.brokers) EXPECT_EQ(b.slots, 7u);
    EXPECT_EQ(layout.hosts[0].cpus, 14u);
}

TEST(LaunchLayout, HostsAreThoseThatHaveBrokers) {
    const LaunchLayout layout =
        lay_out({facts("a", {0}), facts("a", {1}), facts("b", {0, 1}), facts("c", {0, 1, 2})}, 0, 1, {});
    ASSERT_EQ(layout.hosts.size(), 2u);
    EXPECT_EQ(layout.broker(2)->slots, 2u);
    EXPECT_EQ(layout.broker(3)->slots, 3u);
    EXPECT_NE(layout.broker(2)->host, layout.broker(3)->host);
    EXPECT_EQ(layout.broker(1), nullptr);
}

TEST(LaunchLayout, CommandsMayUseTheCpusOfAllBrokersOfTheirHost) {
    const LaunchLayout layout =
        lay_out({facts("a", {0}), facts("a", {1}), facts("a", {2}), facts("b", {5, 6}), facts("a", {4, 2})}, 0, 1, {});
    EXPECT_EQ(layout.broker_cpus[layout.broker(2)->host], (std::vector<std::uint32_t>{2, 4}));
    EXPECT_EQ(layout.broker_cpus[layout.broker(3)->host], (std::vector<std::uint32_t>{5, 6}));
}

TEST(LaunchLayout, RanksSpinOnlyWhereEachHasACpu) {
    const LaunchLayout crowded = lay_out(std::vector(3, facts("a", {0, 1})), 0, 1, 1);
    EXPECT_FALSE(crowded.may_spin(0));
    const LaunchLayout roomy = lay_out(std::vector(3, facts("a", {0, 1, 2, 3})), 0, 1, 1);
    EXPECT_TRUE(roomy.may_spin(0));
}

}  // namespace
}  // namespace penstock
