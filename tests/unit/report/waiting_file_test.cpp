#include "report/waiting_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include <unistd.h>

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

Resources needs(std::uint32_t cpus, std::uint64_t memory = 0, std::map<std::string, std::uint64_t> named = {}) {
    Resources r;
    r.cpus = cpus;
    r.memory_bytes = memory;
    r.named = std::move(named);
    return r;
}

std::string text_of(const WaitingJobs& w) { return waiting_texts({w}).at(0).text; }

TEST(WaitingFile, WhatJobsWaitForInWords) {
    using For = WaitingJobs::For;
    EXPECT_EQ(text_of({needs(1), 1200, For::slot, {}}), "1,200 jobs that need 1 CPU wait: every slot is taken");
    EXPECT_EQ(text_of({needs(4), 1, For::cpus, {}}), "1 job that needs 4 CPUs waits: no host has 4 CPUs free");
    EXPECT_EQ(text_of({needs(1, 2ull << 30), 2, For::memory, {}}),
              "2 jobs that need 1 CPU, 2 GiB of memory wait: no host has 2 GiB of memory left");
    EXPECT_EQ(text_of({needs(1, 0, {{"a", 1}, {"b", 2}}), 2, For::named, {"b"}}),
              "2 jobs that need 1 CPU, 1 of a, 2 of b wait: not enough is left of `b`");
    EXPECT_EQ(text_of({needs(1), 2, For::pause, {}}),
              "2 jobs that need 1 CPU wait: they have failed and pause before their next attempt");
}

TEST(WaitingFile, IsReadAsItWasWrittenAndGoesWithTheRun) {
    const auto file = std::filesystem::temp_directory_path() / ("penstock-waiting-" + std::to_string(::getpid()));
    double written_s = 0;
    EXPECT_TRUE(read_waiting(file, written_s).empty());
    {
        WaitingFile waiting(file);
        waiting.waits({{needs(3), 5, WaitingJobs::For::cpus, {}}});
        std::vector<WaitingText> read;
        while (read.empty()) {
            std::this_thread::yield();
            read = read_waiting(file, written_s);
        }
        EXPECT_THAT(read,
                    ElementsAre(Field(&WaitingText::text, "5 jobs that need 3 CPUs wait: no host has 3 CPUs free")));
        EXPECT_EQ(read.at(0).needs, "3 CPUs");
        EXPECT_GT(written_s, 1e9);
    }
    EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(WaitingFile, WhatTheTimeDidNotSufficeForIsKept) {
    const auto file = std::filesystem::temp_directory_path() / ("penstock-left-" + std::to_string(::getpid()));
    double written_s = 0;
    WaitingJobs w{needs(1), 12, WaitingJobs::For::time, {}, "sweep/simulate", 90, 30};
    {
        WaitingFile waiting(file);
        waiting.waits({w});
        waiting.keep();
    }
    const std::vector<WaitingText> read = read_waiting(file, written_s);
    ASSERT_EQ(read.size(), 1u);
    EXPECT_EQ(read[0].text,
              "12 jobs of sweep/simulate were left for the next launch: one takes about 1 min 30 s, and 30.0 s "
              "were left");
    EXPECT_EQ(read[0].job, "sweep/simulate");
    { const WaitingFile next_launch(file); }
    EXPECT_FALSE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace penstock
