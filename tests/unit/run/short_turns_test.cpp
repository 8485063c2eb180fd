#include "run/short_turns.hpp"

#include <gtest/gtest.h>

#include <thread>

#include <sched.h>
#include <sys/resource.h>

namespace penstock {
namespace {

TEST(ShortTurns, AreOfTheThreadThatAskedAndOfNoneItMakes) {
    std::thread([] {
        const int nice = ::getpriority(PRIO_PROCESS, 0);
        const auto before = length_of_turns();
        ask_for_short_turns();
        EXPECT_EQ(::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK, SCHED_OTHER);
        EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), nice);
        if (before == 0) GTEST_SKIP() << "this kernel has no turns to ask for (Linux 6.12 has)";
        EXPECT_LT(length_of_turns(), before);
        std::thread([&] {
            EXPECT_EQ(length_of_turns(), before);
            EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), nice);
        }).join();
    }).join();
}

}  // namespace
}  // namespace penstock
