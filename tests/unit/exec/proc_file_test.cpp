#include "exec/proc_file.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

namespace penstock {
namespace {

using testing::Contains;
using testing::IsEmpty;

// Like a file of a process that ends between open() and read(): reading fails.
TEST(ProcFile, WhatCannotBeReadIsEmpty) {
    EXPECT_EQ(proc_text("/proc/self/mem"), "");
    EXPECT_EQ(proc_text("/proc/self/none"), "");
    EXPECT_EQ(proc_text("/proc"), "");
}

TEST(ProcFile, IsReadWholeWithItsNuls) {
    const std::string line = proc_text("/proc/self/cmdline");
    EXPECT_GT(line.size(), 1u);
    EXPECT_EQ(line.back(), '\0');
}

TEST(ProcFile, EntriesOfAFolderThatIsThere) {
    EXPECT_THAT(proc_entries("/proc/self/task"), Contains("/proc/self/task/" + std::to_string(::getpid())));
    EXPECT_THAT(proc_entries("/proc/self/none"), IsEmpty());
    EXPECT_THAT(proc_entries("/proc/self/comm"), IsEmpty());
}

}  // namespace
}  // namespace penstock
