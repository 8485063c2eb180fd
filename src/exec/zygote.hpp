// Where worker processes come from.
//
// The zygote is a small process with one thread that forks on request. The new process is a child of this process, not
// of the zygote (CLONE_PARENT): its lane waits for it and learns how it ended, it dies with this process, and it lives
// on when the zygote does not. When this process is killed, the zygote ends what its commands and worker processes had
// started (live_groups.hpp); so it leads a process group of its own, which launchers that kill a rank's group leave
// alone. A zygote that died is replaced: by the program started anew when main() allows that (serve_if_zygote), else by
// a fork of this process as it is.
#pragma once

#include "exec/lanes.hpp"
#include "exec/live_groups.hpp"
#include "exec/worker_main.hpp"

#include <sys/types.h>
#include <array>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <thread>

namespace penstock {

class ZygoteProcess final : public Zygote {
public:
    // A socket to it, and its process id.
    ZygoteProcess(FileDescriptor socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}
    ~ZygoteProcess() override;

    // The process id of a new worker process. Throws std::system_error; has ended() when the zygote is gone.
    pid_t fork_worker(const std::array<int, kWorkerDescriptors>& descriptors,
                      const std::filesystem::path& scratch_root);
    // What it is to end with this process. Without effect when it is gone.
    void watch(const LiveGroups& groups) noexcept;
    bool ended() const { return ended_; }
    pid_t pid() const { return pid_; }

private:
    FileDescriptor socket_;
    pid_t pid_;
    bool ended_ = false;
};

class WorkerSource {
public:
    // `types` must outlive this object. `zygote` may be null.
    WorkerSource(const WorkerTypes& types, std::unique_ptr<Zygote> zygote, std::shared_ptr<LiveGroups> groups);
    ~WorkerSource();

    // Threads: any. Throws std::system_error when no process can be made.
    pid_t fork_worker(const std::array<int, kWorkerDescriptors>& descriptors,
                      const std::filesystem::path& scratch_root);

    LiveGroups& groups() { return *groups_; }

    // Ends the zygote. Worker processes go on.
    void close();

private:
    void replace();

    const WorkerTypes& types_;
    const std::shared_ptr<LiveGroups> groups_;
    std::mutex mutex_;
    std::unique_ptr<ZygoteProcess> zygote_;
    // A process is killed when the thread that made its parent's child ends (PR_SET_PDEATHSIG), so a replaced zygote
    // gets a thread that lives as long as its worker processes may.
    std::vector<std::thread> keepers_;
    std::condition_variable closed_changed_;
    bool closed_ = false;
};

}  // namespace penstock
