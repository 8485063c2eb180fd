// Wakes the pump from another thread: lanes with outcomes, the writer, the driver function.
//
// The pump says before it sleeps that it will, looks once more for work, and sleeps on the descriptor; wake() costs a
// system call only then.
#pragma once

#include <atomic>

namespace penstock {

class Waker {
public:
    Waker();
    ~Waker();
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;

    void wake();  // any thread

    // The pump: about to sleep. False when something has been waked since the last clear(): do not sleep.
    bool may_sleep();
    void awake(bool signalled);  // that the descriptor was readable
    int descriptor() const { return fd_; }

private:
    int fd_;
    std::atomic<bool> pending_{false};
    std::atomic<bool> sleeping_{false};
};

}  // namespace penstock
