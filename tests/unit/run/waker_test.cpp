#include "run/waker.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <thread>

namespace penstock::testing {
namespace {

constexpr Nanoseconds kForEver = 3'600'000'000'000;  // a lost wake shows as a test that hangs
constexpr int kTurns = 20'000;

TEST(Waker, AWakeBeforeTheSleepIsNotLostAndCountsOnce) {
    Waker waker;
    waker.wake();
    waker.wake();
    EXPECT_FALSE(waker.sleep(kForEver));
    EXPECT_TRUE(waker.sleep(1)) << "nobody woke it since";
    EXPECT_TRUE(waker.sleep(1));
}

// Each sleeps until the other has counted on: every wake is needed, and most come while the other is falling asleep.
void count_in_turns(Waker::Word& own, Waker::Word& other, std::atomic<int>& count, int first) {
    Waker waker(&own);
    for (int next = first; next < kTurns; next += 2) {
        while (count.load(std::memory_order_relaxed) != next) waker.sleep(kForEver);
        count.store(next + 1, std::memory_order_relaxed);
        Waker::wake(other);
    }
}

TEST(Waker, NoWakeIsLostBetweenThreads) {
    Waker::Word words[2] = {0, 0};
    std::atomic<int> count{0};
    std::thread second([&] { count_in_turns(words[1], words[0], count, 1); });
    count_in_turns(words[0], words[1], count, 0);
    second.join();
    EXPECT_EQ(count.load(), kTurns);
}

TEST(Waker, NoWakeIsLostBetweenProcesses) {
    struct Shared {
        Waker::Word words[2] = {0, 0};
        std::atomic<int> count{0};
    };
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    Shared& shared = *new (memory) Shared;
    const pid_t child = ::fork();
    if (child == 0) {
        count_in_turns(shared.words[1], shared.words[0], shared.count, 1);
        ::_exit(0);
    }
    count_in_turns(shared.words[0], shared.words[1], shared.count, 0);
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(shared.count.load(), kTurns);
    ::munmap(memory, sizeof(Shared));
}

}  // namespace
}  // namespace penstock::testing
