#include "exec/command_cpus.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock {

CpuGrant::CpuGrant(CpuGrant&& other) noexcept { *this = std::move(other); }

CpuGrant& CpuGrant::operator=(CpuGrant&& other) noexcept {
    if (this == &other) return *this;
    release();
    from_ = std::exchange(other.from_, nullptr);
    mask_ = std::exchange(other.mask_, std::nullopt);
    places_ = std::exchange(other.places_, {});
    return *this;
}

void CpuGrant::release() {
    for (const std::size_t place : places_) from_->give_back(place);
    places_.clear();
    mask_.reset();
}

CommandCpus::CommandCpus(CpusForCommands options) : file_path_(std::move(options.lock_file)) {
    const auto is_own = [&](std::uint32_t cpu) {
        return std::find(options.of_rank.begin(), options.of_rank.end(), cpu) != options.of_rank.end();
    };
    CPU_ZERO(&all_);
    for (const std::uint32_t cpu : options.of_host) {
        if (cpu >= CPU_SETSIZE) continue;
        cpus_.push_back({cpu});
        CPU_SET(cpu, &all_);
        bound_ |= !is_own(cpu);
    }
    std::stable_partition(cpus_.begin(), cpus_.end(), [&](const Cpu& cpu) { return is_own(cpu.number); });
}

CpuGrant CommandCpus::grant(std::uint32_t cpus) {
    CpuGrant made;
    if (cpus_.empty() || (cpus <= 1 && !bound_)) return made;
    made.from_ = this;
    for (std::size_t place = 0; cpus <= cpus_.size() && place < cpus_.size() && made.places_.size() < cpus; ++place) {
        if (take(place)) made.places_.push_back(place);
    }
    if (made.places_.size() == cpus) {
        CPU_ZERO(&made.mask_.emplace());
        for (const std::size_t place : made.places_) CPU_SET(cpus_[place].number, &*made.mask_);
        return made;
    }
    made.release();
    if (bound_) made.mask_ = all_;
    return made;
}

bool CommandCpus::take(std::size_t place) {
    Cpu& cpu = cpus_[place];
    if (cpu.taken) return false;
    return cpu.taken = lock(cpu.number, true);
}

void CommandCpus::give_back(std::size_t place) {
    cpus_[place].taken = false;
    lock(cpus_[place].number, false);
}

// False when another process has it. Where locks do not work, nobody has any.
bool CommandCpus::lock(std::uint32_t cpu, bool wanted) {
    if (!opened_) open_file();
    if (!file_) return true;
    struct flock byte {};
    byte.l_type = wanted ? F_WRLCK : F_UNLCK;
    byte.l_whence = SEEK_SET;
    byte.l_start = cpu;
    byte.l_len = 1;
    return ::fcntl(file_.get(), F_OFD_SETLK, &byte) == 0 || (errno != EAGAIN && errno != EACCES);
}

void CommandCpus::open_file() {
    opened_ = true;
    if (file_path_.empty()) return;
    FileDescriptor file(::open(file_path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    struct stat facts {};
    // Its folder may be written by all users: what another one has put there is not ours to lock.
    if (file && ::fstat(file.get(), &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == ::geteuid())
        file_ = std::move(file);
}

std::filesystem::path cpu_lock_file() { return fmt::format("/dev/shm/penstock-cpus-{}", ::geteuid()); }

}  // namespace penstock
