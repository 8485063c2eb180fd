#include "run/signals.hpp"

#include <unistd.h>

namespace penstock {

namespace {

std::atomic<int> last_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler writes it");

constexpr int kExitResume = 75;

void remember(int signal) {
    if (signal == SIGINT && last_signal.exchange(signal) == SIGINT) _exit(kExitResume);
    last_signal.store(signal);
}

}  // namespace

StopSignals::StopSignals(bool router) {
    last_signal.store(0);
    struct sigaction stop {};
    stop.sa_handler = router ? remember : SIG_IGN;
    sigemptyset(&stop.sa_mask);
    sigaction(SIGINT, &stop, &old_int_);
    sigaction(SIGTERM, &stop, &old_term_);
    sigaction(SIGUSR1, &stop, &old_usr1_);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &old_pipe_);
}

StopSignals::~StopSignals() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
    sigaction(SIGUSR1, &old_usr1_, nullptr);
    sigaction(SIGPIPE, &old_pipe_, nullptr);
}

const std::atomic<int>& StopSignals::received() const { return last_signal; }

}  // namespace penstock
