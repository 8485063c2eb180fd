// What worker processes and commands are made with.
#include "cli/doctor.hpp"
#include "cli/trial_process.hpp"
#include "exec/spawn_descriptor.hpp"
#include "report/text.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace penstock {

namespace {

namespace fs = std::filesystem;
using Result = Finding::Result;

constexpr const char* kPart = "processes";
constexpr std::size_t kSharedBytes = 256 << 20;
constexpr std::uint64_t kLeastShared = 64 << 20;
constexpr rlim_t kFewDescriptors = 1024;
constexpr double kPatience_s = 60;

Finding shared_memory() {
    Finding f{kPart, "memory can be shared (memfd)", Result::holds, "", "", true};
    const FileDescriptor memory(::memfd_create("penstock-doctor", MFD_CLOEXEC));
    if (!memory || ::ftruncate(memory.get(), kSharedBytes) != 0) {
        f.result = Result::does_not;
        f.found = std::strerror(errno);
        f.advice = "worker processes are fed through it: a kernel from 3.17 on, and a memory limit that leaves room";
    }
    return f;
}

// Open MPI's ranks of one host meet in files there.
Finding shared_files() {
    Finding f{kPart, "/dev/shm has room", Result::holds, "", "", false};
    struct statvfs facts {};
    if (::statvfs("/dev/shm", &facts) != 0) {
        f.result = Result::does_not;
        f.found = std::strerror(errno);
    } else {
        const std::uint64_t free = std::uint64_t{facts.f_bavail} * facts.f_frsize;
        f.found = bytes_text(free) + " free";
        if (free < kLeastShared) f.result = Result::does_not;
    }
    if (f.result == Result::does_not)
        f.advice = "ranks of one host may talk slowly, or MPI may not start; in a container give it more (--shm-size)";
    return f;
}

Finding process_descriptors() {
    Finding f{kPart, "ends of processes can be waited for (pidfd)", Result::holds, "", "", true};
    const FileDescriptor self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    if (self) return f;
    f.result = Result::does_not;
    f.found = std::strerror(errno);
    f.advice =
        "worker processes cannot be watched: a kernel from 5.3 on is needed, and a container that lets it through";
    return f;
}

Finding descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    Finding f{kPart, "enough files may be open", Result::holds, count_text(limit.rlim_max), "", false};
    if (limit.rlim_max >= kFewDescriptors) return f;
    f.result = Result::does_not;
    f.advice = "each slot needs about 12: raise `ulimit -Hn`, or give brokers fewer --slots";
    return f;
}

// Memory limits of jobs are kept by looking at what processes have resident; a cgroup is only another bound.
Finding memory_of_group() {
    Finding f{kPart, "the cgroup says how much memory there is", Result::unknown, "", "", false};
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (!line.starts_with("0::")) continue;
        std::string limit;
        std::ifstream("/sys/fs/cgroup" + line.substr(3) + "/memory.max") >> limit;
        if (limit.empty()) continue;
        f.result = Result::holds;
        f.found = limit == "max" ? "no limit" : "at most " + bytes_text(std::strtoull(limit.c_str(), nullptr, 10));
    }
    if (f.result == Result::unknown) f.found = "no cgroup of version 2 with a memory limit";
    return f;
}

// A worker process and a command, by a run of one process.
Finding small_run(const fs::path& program, const fs::path& folder) {
    Finding f{kPart, "a run of one process works: a worker process, a command, results", Result::holds, "", "", true};
    const auto start = TrialProcess::Clock::now();
    std::ofstream(folder / "trial.yaml")
        << "penstock: 1\nname: trial\njobs:\n"
           "  worker: {worker: constant, isolation: process, with: {values: {one: 1}}}\n"
           "  command: {worker: command, with: {argv: [echo, \"2\"], outputs: {two: {json: \"\"}}}}\n";
    TrialProcess run({program.string(), "run", (folder / "trial.yaml").string(), "-o",
                      (folder / "trial-run.h5").string(), "--walltime", "none", "-q"},
                     folder / "printed");
    const auto code = run.wait(kPatience_s);
    if (code != 0) {
        f.result = Result::does_not;
        f.found = code ? "exit code " + std::to_string(*code) + ": " + run.complaint() : "it does not end";
        f.advice = "nothing runs like this; what it says names the reason";
        return f;
    }
    f.found = duration_text(std::chrono::duration<double>(TrialProcess::Clock::now() - start).count());
    return f;
}

}  // namespace

Findings look_at_processes(const fs::path& program, const fs::path& folder) {
    Findings all{shared_memory(), shared_files(), process_descriptors(), descriptors(), memory_of_group()};
    std::string name = (folder / ".penstock-doctor-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return all;
    try {
        all.push_back(small_run(program, name));
    } catch (const std::runtime_error& error) {
        all.push_back({kPart, "a run of one process works", Result::does_not, error.what(), "", true});
    }
    std::error_code ignored;
    fs::remove_all(name, ignored);
    return all;
}

}  // namespace penstock
