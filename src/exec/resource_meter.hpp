// CPU time and peak memory of the jobs of one worker process or thread, where they took long enough to be worth a look,
// and CPU time of all tickets of stages, which are many items each.
#pragma once

#include <cstdint>

namespace penstock {

class ResourceMeter {
public:
    enum class Of { process, thread };  // of a thread there is no peak memory
    explicit ResourceMeter(Of of) : of_(of) {}

    // Jobs shorter than this are not measured: reading the clocks would cost more than they do.
    static constexpr std::int64_t kLeastNanoseconds = 1'000'000;

    // A ticket of a stage begins: it is measured however short it is, and nothing between two of them is.
    void begin_ticket();
    // A job or ticket of `duration` ended just now. For a long one sets CPU seconds (children it waited for included)
    // and the largest resident size of this process since the last long one; for a short one leaves both as they are,
    // but for the CPU seconds of a ticket.
    void ended(std::int64_t duration, double& cpu_s, std::uint64_t& peak_memory_bytes);

private:
    double cpu_s() const;

    Of of_;
    double read_cpu_s_ = 0;    // at the last reading
    double short_jobs_s_ = 0;  // wall time of jobs since then, taken for CPU time
    bool in_ticket_ = false;
};

}  // namespace penstock
