#include "exec/resource_meter.hpp"

#include "exec/spawn_descriptor.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace penstock {

namespace {

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

void ResourceMeter::ended(std::int64_t duration, double& cpu_s, std::uint64_t& peak_memory_bytes) {
    const double duration_s = static_cast<double>(duration) * 1e-9;
    if (duration < kLeastNanoseconds) {
        short_jobs_s_ += duration_s;
        return;
    }
    rusage self{};
    rusage children{};
    ::getrusage(of_ == Of::process ? RUSAGE_SELF : RUSAGE_THREAD, &self);
    if (of_ == Of::process) ::getrusage(RUSAGE_CHILDREN, &children);
    const double now_s = cpu_seconds(self) + cpu_seconds(children);
    cpu_s = std::max(0.0, now_s - read_cpu_s_ - short_jobs_s_);
    read_cpu_s_ = now_s;
    short_jobs_s_ = 0;
    if (of_ == Of::thread) return;
    peak_memory_bytes = static_cast<std::uint64_t>(self.ru_maxrss) * 1024;
    reset_peak();
}

}  // namespace penstock
