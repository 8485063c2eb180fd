#include "exec/notices.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <string>
#include <thread>

namespace penstock {
namespace {

using Asleep = Notices::Asleep;

// A thread that sleeps on the count until it is told to end, and says what it has seen.
class Sleeper {
public:
    explicit Sleeper(Notices& notices) : notices_(notices) {}

    void start() {
        ended_ = std::async(std::launch::async, [this] {
            thread_ = ::gettid();
            while (!ends_) {
                const std::uint32_t seen = notices_.count();
                seen_ = seen;
                notices_.fall_asleep(Asleep::on_count);
                if (notices_.count() == seen && !ends_) notices_.wait_for_change(seen);
                notices_.wake_up();
            }
        });
    }
    // The system has put it to sleep so often.
    long sleeps() const {
        std::ifstream status("/proc/self/task/" + std::to_string(thread_) + "/status");
        const std::string word = "voluntary_ctxt_switches:";
        bool asleep = false;
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("State:")) asleep = line.find("(sleeping)") != std::string::npos;
            if (line.starts_with(word) && asleep) return std::stol(line.substr(word.size()));
        }
        return -1;
    }
    long wait_until_asleep_after(std::uint32_t count) const {
        while (seen_ != count || notices_.asleep() == Asleep::no || sleeps() < 0) std::this_thread::yield();
        return sleeps();
    }
    void wait_until_asleep_again(long slept) const {
        while (sleeps() <= slept) std::this_thread::yield();
    }
    bool comes_to(std::uint32_t count) const {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (seen_ != count && std::chrono::steady_clock::now() < until) std::this_thread::yield();
        return seen_ == count;
    }
    void end() {
        ends_ = true;
        notices_.notify();
        ended_.get();
    }

private:
    Notices& notices_;
    std::atomic<std::uint32_t> seen_{0};
    std::atomic<bool> ends_{false};
    std::atomic<pid_t> thread_{0};
    std::future<void> ended_;
};

TEST(Notices, WakeAThreadThatSleepsOnTheCount) {
    Notices notices;
    Sleeper sleeper(notices);
    sleeper.start();
    for (std::uint32_t i = 1; i <= 200; ++i) {
        sleeper.wait_until_asleep_after(i - 1);
        notices.notify();
        ASSERT_TRUE(sleeper.comes_to(i));
    }
    sleeper.end();
}

// Whoever notifies may be off the CPU between the two halves: the thread sees the count, works, and sleeps again first.
TEST(Notices, ALateRingDoesNotMakeTheNextNoticeAMuteOne) {
    Notices notices;
    Sleeper sleeper(notices);
    notices.add();
    sleeper.start();
    for (std::uint32_t i = 1; i <= 20; ++i) {
        const long slept = sleeper.wait_until_asleep_after(i);
        notices.ring();  // of what it has seen
        sleeper.wait_until_asleep_again(slept);
        notices.notify();
        if (!sleeper.comes_to(i + 1)) {
            ADD_FAILURE() << "it slept on, at notice " << i;
            notices.fall_asleep(Asleep::on_count);  // so that it can be ended
            break;
        }
    }
    sleeper.end();
}

TEST(Notices, RingTheBellOnceForAThreadThatPolls) {
    Notices notices;
    const auto is_rung = [&] {
        pollfd bell{notices.bell(), POLLIN, 0};
        return ::poll(&bell, 1, 0) == 1;
    };
    notices.notify();
    EXPECT_FALSE(is_rung()) << "nobody sleeps";
    notices.fall_asleep(Asleep::on_bell);
    notices.notify();
    EXPECT_TRUE(is_rung());
    EXPECT_EQ(notices.asleep(), Asleep::no) << "the next one needs no system call";
    notices.notify();
    notices.take_ring();
    EXPECT_FALSE(is_rung());
    EXPECT_EQ(notices.count(), 3u);
}

}  // namespace
}  // namespace penstock
