#include "exec/notices.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace penstock {

Notices::Notices() : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!bell_) throw std::system_error(errno, std::generic_category(), "eventfd");
}

// It stays asleep on the count until it says otherwise: waked too late for what it has seen already, it sleeps on
// without a word, and whoever has more to say must wake it again. From poll() it always comes back.
void Notices::ring() {
    Asleep asleep = asleep_.load();
    if (asleep == Asleep::no) return;
    if (asleep == Asleep::on_count) return count_.notify_one();
    if (!asleep_.compare_exchange_strong(asleep, Asleep::no)) return;
    const std::uint64_t one = 1;
    while (::write(bell_.get(), &one, sizeof one) < 0 && errno == EINTR) {
    }
}

void Notices::fall_asleep(Asleep how) {
    asleep_.store(how);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // a notice that does not see it is seen
}

void Notices::take_ring() {
    std::uint64_t rung = 0;
    // Nothing there: it was taken with the ring before.
    while (::read(bell_.get(), &rung, sizeof rung) < 0 && errno == EINTR) {
    }
}

}  // namespace penstock
