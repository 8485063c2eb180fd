// How a lane's thread is told that there is something to look at, by any thread: a count that it compares, and a way to
// wake it that costs a system call only when it sleeps.
//
// A thread that waits for nothing else sleeps on the count itself. To wake it by a descriptor took 17 us instead of 2
// (5 % of two CPUs where batches of 1 MiB went through three stages); only one that watches a worker process as well
// has to poll.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <atomic>
#include <cstdint>

namespace penstock {

class Notices {
public:
    enum class Asleep : std::uint8_t { no, on_count, on_bell };

    Notices();  // throws std::system_error without a descriptor

    // Any thread: what was done before is seen by whoever finds another count.
    void notify() {
        add();
        ring();
    }
    void add() { count_.fetch_add(1); }
    void ring();

    std::uint32_t count() const { return count_.load(std::memory_order_acquire); }

    // The thread's own, around a sleep: between fall_asleep() and the sleep it looks once more at all it waits for.
    void fall_asleep(Asleep how);
    void wake_up() { asleep_.store(Asleep::no); }
    Asleep asleep() const { return asleep_.load(); }
    // on_count: until the count is another.
    void wait_for_change(std::uint32_t seen) const { count_.wait(seen); }
    // on_bell: what poll() is to watch, readable once it was rung, until take_ring().
    int bell() const { return bell_.get(); }
    void take_ring();

private:
    std::atomic<std::uint32_t> count_{0};
    std::atomic<Asleep> asleep_{Asleep::no};
    FileDescriptor bell_;
};

}  // namespace penstock
