// Wakes the pump: from other threads (lanes with outcomes, the writer, the driver function), and from other ranks of
// the host when the word it sleeps on lies in memory they share (mpi/doorbells.hpp).
//
// Waking costs a system call only when the pump sleeps, and nothing when it has been waked already.
#pragma once

#include "core/ids.hpp"

#include <atomic>
#include <cstdint>

namespace penstock {

class Waker {
public:
    using Word = std::atomic<std::uint32_t>;
    static_assert(Word::is_always_lock_free && sizeof(Word) == sizeof(std::uint32_t));

    // `shared` must be 0 at first and outlive this; null = a word of its own.
    explicit Waker(Word* shared = nullptr) : word_(shared != nullptr ? *shared : own_) {}
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;

    // Any thread, and any process that has the word. What was done before it is seen by the pump when sleep() returns.
    void wake() { wake(word_); }
    static void wake(Word& word);

    // The pump's: until somebody wakes it, a signal comes, or so long. False, at once, when it has been waked since it
    // last slept.
    bool sleep(Nanoseconds longest);

private:
    Word own_{0};
    Word& word_;
};

}  // namespace penstock
