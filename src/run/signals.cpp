#include "run/signals.hpp"

#include <time.h>
#include <unistd.h>

namespace penstock {

namespace {

std::atomic<int> count{0};
std::atomic<Nanoseconds> last{0};
std::atomic<bool> may_exit{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<Nanoseconds>::is_always_lock_free,
              "a signal handler writes them");

constexpr int kExitResume = 75;
constexpr int kAtOnce = 3;

void remember(int) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);  // the steady clock
    last.store(Nanoseconds{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
    if (count.fetch_add(1) + 1 >= kAtOnce && may_exit.load()) _exit(kExitResume);
}

}  // namespace

StopSignals::StopSignals(bool router) {
    count.store(0);
    last.store(0);
    may_exit.store(router);
    struct sigaction stop {};
    stop.sa_handler = remember;
    if (!router) stop.sa_flags = SA_RESTART;  // the pump of the router is to see it at once
    sigemptyset(&stop.sa_mask);
    sigaction(SIGINT, &stop, &old_int_);
    sigaction(SIGTERM, &stop, &old_term_);
    sigaction(SIGUSR1, &stop, &old_usr1_);
    sigaction(SIGHUP, &stop, &old_hup_);
    if (old_hup_.sa_handler == SIG_IGN) sigaction(SIGHUP, &old_hup_, nullptr);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &old_pipe_);
}

StopSignals::~StopSignals() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
    sigaction(SIGUSR1, &old_usr1_, nullptr);
    sigaction(SIGHUP, &old_hup_, nullptr);
    sigaction(SIGPIPE, &old_pipe_, nullptr);
}

const std::atomic<int>& StopSignals::received() const { return count; }
const std::atomic<Nanoseconds>& StopSignals::last_at() const { return last; }

}  // namespace penstock
