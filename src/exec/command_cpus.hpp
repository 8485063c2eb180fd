// Which CPUs a command may run on.
//
// A command that needs several CPUs gets that many of its host for itself: no other command that was given CPUs has one
// of them. Commands that need one are left where the kernel puts them, unless the launcher bound this rank to a part of
// the host: then each gets one CPU, the rank's own first. When not enough are free (more slots than CPUs), a command
// may run on all of them.
//
// The brokers of a host agree by locks on one file, and so do other runs of the same user there: whoever has locked
// byte n has CPU n. The kernel unlocks what a process that died had locked. Without the file this process agrees with
// itself.
//
// Threads: one at a time. There are no errors.
#pragma once

#include "exec/lanes.hpp"
#include "exec/spawn_descriptor.hpp"

#include <sched.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace penstock {

// What one command was given; its CPUs are free again when this goes. Must not outlive its CommandCpus.
class CpuGrant {
public:
    CpuGrant() = default;
    CpuGrant(CpuGrant&& other) noexcept;
    CpuGrant& operator=(CpuGrant&& other) noexcept;
    ~CpuGrant() { release(); }

    void release();
    // Null = those of the calling process.
    const cpu_set_t* mask() const { return mask_ ? &*mask_ : nullptr; }

private:
    friend class CommandCpus;
    class CommandCpus* from_ = nullptr;
    std::optional<cpu_set_t> mask_;
    std::vector<std::size_t> places_;  // of CommandCpus::cpus_, exclusive
};

class CommandCpus {
public:
    explicit CommandCpus(CpusForCommands options);
    CpuGrant grant(std::uint32_t cpus);

private:
    friend class CpuGrant;
    struct Cpu {
        std::uint32_t number = 0;
        bool taken = false;  // by a command of this process: locks are between processes
    };

    bool take(std::size_t place);
    void give_back(std::size_t place);
    bool lock(std::uint32_t cpu, bool wanted);
    void open_file();

    const std::filesystem::path file_path_;
    std::vector<Cpu> cpus_;  // in the order in which they are given: the rank's own first
    bool bound_ = false;     // this rank may use a part of them only
    cpu_set_t all_;
    bool opened_ = false;
    FileDescriptor file_;
};

// The file of locks for this user on this host.
std::filesystem::path cpu_lock_file();

}  // namespace penstock
