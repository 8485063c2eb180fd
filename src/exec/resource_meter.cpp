#include "exec/resource_meter.hpp"

#include "exec/spawn_descriptor.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <utility>

namespace penstock {

namespace {

double seconds(const timespec& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9; }

double cpu_seconds(const rusage& usage) {
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// The largest resident size starts again from the present one. Kernels that cannot keep the old one.
void reset_peak() {
    const FileDescriptor file(::open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC));
    if (file && ::write(file.get(), "5", 1) < 0) return;
}

}  // namespace

void ResourceMeter::begin_ticket() {
    in_ticket_ = true;
    read_cpu_s_ = cpu_s();
    short_jobs_s_ = 0;
}

double ResourceMeter::cpu_s() const {
    timespec own{};
    ::clock_gettime(of_ == Of::process ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_THREAD_CPUTIME_ID, &own);
    rusage children{};
    if (of_ == Of::process) ::getrusage(RUSAGE_CHILDREN, &children);
    return seconds(own) + cpu_seconds(children);
}

void ResourceMeter::ended(std::int64_t duration, double& cpu_s, std::uint64_t& peak_memory_bytes) {
    const double duration_s = static_cast<double>(duration) * 1e-9;
    const bool in_ticket = std::exchange(in_ticket_, false);
    if (duration < kLeastNanoseconds && !in_ticket) {
        short_jobs_s_ += duration_s;
        return;
    }
    const double now_s = this->cpu_s();
    cpu_s = std::max(0.0, now_s - read_cpu_s_ - short_jobs_s_);
    read_cpu_s_ = now_s;
    short_jobs_s_ = 0;
    if (of_ == Of::thread || duration < kLeastNanoseconds) return;
    rusage self{};
    ::getrusage(RUSAGE_SELF, &self);
    peak_memory_bytes = static_cast<std::uint64_t>(self.ru_maxrss) * 1024;
    reset_peak();
}

}  // namespace penstock
