// What a command may take: its time and its memory.
#include "command_harness.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

namespace penstock::command_test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

void await_death(pid_t process) {
    for (;;) {
        const std::string stat = read_text("/proc/" + std::to_string(process) + "/stat");
        if (stat.empty() || stat.find(") Z ") != std::string::npos) return;
        ::usleep(1000);
    }
}

TEST(CommandLimits, OneThatTakesTooLongIsEndedWithWhatItStarted) {
    CommandHarness harness;
    const fs::path numbers = harness.root() / "numbers";
    const Document with{{"shell", "sleep 600 & echo $! > " + numbers.string() + "; setsid sleep 600 & echo $! >> " +
                                      numbers.string() + "; echo here; wait"}};
    const Outcome outcome = harness.wait(harness.start(harness.job(with, {}, {}, 0.5)));
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_EQ(outcome.details->reason, EndReason::timeout);
    EXPECT_THAT(outcome.details->error, HasSubstr("ran longer than its timeout of 0.5 s and was ended"));
    EXPECT_THAT(outcome.details->error, HasSubstr("The last lines it wrote:\nhere"));
    std::ifstream in(numbers);
    int children = 0;
    for (pid_t child = 0; in >> child; ++children) await_death(child);
    EXPECT_EQ(children, 2);
}

TEST(CommandLimits, OneThatIgnoresBeingAskedIsKilled) {
    CommandHarness harness;
    const Document with{{"shell", "trap '' TERM; while true; do sleep 0.01; done"}};
    const Outcome outcome = harness.wait(harness.start(harness.job(with, {}, {}, 0.1)));
    EXPECT_EQ(outcome.details->reason, EndReason::timeout);
    EXPECT_EQ(outcome.details->signal, SIGKILL);
}

TEST(CommandLimits, OneThatUsesTooMuchMemoryIsEnded) {
    CommandHarness harness;
    Resources resources;
    resources.memory_bytes = 100 << 20;
    // A grandchild holds it: tail reads all of a line without an end.
    const Document with{{"shell", "head -c 400M /dev/zero | tail > /dev/null; sleep 600"}};
    const Outcome outcome = harness.wait(harness.start(harness.job(with, {}, resources)));
    ASSERT_FALSE(outcome.succeeded);
    EXPECT_EQ(outcome.details->reason, EndReason::memory) << outcome.details->error;
    EXPECT_THAT(outcome.details->error, StartsWith("out of memory: used "));
    EXPECT_THAT(outcome.details->error, HasSubstr(" of 100 MiB (`memory`)"));
    EXPECT_GT(outcome.details->peak_memory_bytes, 100u << 20);
}

TEST(CommandLimits, WithinItsLimitsItIsLeftAlone) {
    CommandHarness harness;
    Resources resources;
    resources.memory_bytes = 1ull << 40;
    const Outcome outcome = harness.wait(harness.start(harness.job({{"shell", "sleep 0.2"}}, {}, resources, 100)));
    EXPECT_TRUE(outcome.succeeded) << outcome.details->error;
    EXPECT_GT(outcome.details->peak_memory_bytes, 0u);
}

}  // namespace
}  // namespace penstock::command_test
