#include "exec/worker_setup.hpp"

#include "exec/spawn_descriptor.hpp"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace penstock {

namespace {

void close_range_of(unsigned first, unsigned last) {
    if (first > last) return;
#ifdef SYS_close_range
    if (::syscall(SYS_close_range, first, last, 0U) == 0) return;
#endif
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const auto end = std::min<rlim_t>({limit.rlim_cur, 65536, rlim_t{last} + 1});
    for (rlim_t descriptor = first; descriptor < end; ++descriptor) ::close(static_cast<int>(descriptor));
}

void be_chosen_when_memory_runs_out() {
    const FileDescriptor file(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    if (file && ::write(file.get(), "500", 3) < 0) return;
}

// What a job or an item frees is used by the next one, and not given back to the system and faulted in anew, page by
// page: left alone malloc does that with all above 128 KiB, which was 3 % of the time of packing blocks of 900 KB.
void keep_freed_memory() {
    ::mallopt(M_MMAP_THRESHOLD, 4 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 16 << 20);  // a process keeps so much at most
}

void redirect(int text_writer) {
    const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (null) ::dup2(null.get(), STDIN_FILENO);
    ::dup2(text_writer, STDOUT_FILENO);
    ::dup2(text_writer, STDERR_FILENO);
}

extern "C" void do_nothing(int) {}

}  // namespace

void die_with(pid_t rank) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != rank) ::_exit(0);  // it died before the line above
}

void reset_signals() {
    struct sigaction defaults {};
    defaults.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number) ::sigaction(number, &defaults, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void close_all_but(int kept) {
    close_range_of(3, static_cast<unsigned>(kept) - 1);
    close_range_of(static_cast<unsigned>(kept) + 1, ~0U);
}

void set_up_worker_process(pid_t rank, int text_writer) {
    die_with(rank);
    ::setpgid(0, 0);
    reset_signals();
    struct sigaction nothing {};
    nothing.sa_handler = do_nothing;
    nothing.sa_flags = SA_RESTART;
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::sigaction(number, &nothing, nullptr);
    const rlimit none{};
    ::setrlimit(RLIMIT_CORE, &none);
    be_chosen_when_memory_runs_out();
    keep_freed_memory();
    redirect(text_writer);
}

}  // namespace penstock
