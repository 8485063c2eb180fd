#include "run/waker.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace penstock {

namespace {

enum : std::uint32_t { kAwake, kWaked, kAsleep };  // memory of zeroes is a pump that is awake

// Not FUTEX_PRIVATE: the word may be shared between processes.
long futex(Waker::Word& word, int operation, std::uint32_t value, const timespec* timeout) {
    return ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation, value, timeout, nullptr, 0);
}

}  // namespace

void Waker::wake(Word& word) {
    std::atomic_thread_fence(std::memory_order_seq_cst);  // what there is to see is seen after sleep() resets the word
    if (word.load(std::memory_order_relaxed) == kWaked) return;
    if (word.exchange(kWaked) == kAsleep) futex(word, FUTEX_WAKE, 1, nullptr);
}

bool Waker::sleep(Nanoseconds longest) {
    std::uint32_t expected = kAwake;
    const bool sleeps = word_.compare_exchange_strong(expected, kAsleep);
    if (sleeps) {
        const timespec timeout{longest / 1'000'000'000, longest % 1'000'000'000};
        futex(word_, FUTEX_WAIT, kAsleep, &timeout);
    }
    word_.exchange(kAwake);
    return sleeps;
}

}  // namespace penstock
