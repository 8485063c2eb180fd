#include "run/waker.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace penstock {

Waker::Waker() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
}

Waker::~Waker() { close(fd_); }

void Waker::wake() {
    pending_.store(true);
    if (sleeping_.exchange(false)) {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);  // full = already awake
    }
}

bool Waker::may_sleep() {
    sleeping_.store(true);
    if (!pending_.exchange(false)) return true;
    sleeping_.store(false);
    return false;
}

void Waker::awake(bool signalled) {
    sleeping_.store(false);
    if (!signalled) return;
    std::uint64_t ignored;
    [[maybe_unused]] const ssize_t got = read(fd_, &ignored, sizeof ignored);
}

}  // namespace penstock
