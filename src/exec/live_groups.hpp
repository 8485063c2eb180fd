// The process groups of what this rank runs, in memory that the zygote shares: what is to end when the rank is killed.
//
// The kernel kills the processes a rank started when the rank dies (PR_SET_PDEATHSIG), but not their children: the
// programs of a shell script would go on. The zygote sees its rank end and kills the groups that stand here
// (zygote.cpp). A process that made a group or session of its own is out of reach.
//
// A number stands here from before its process runs until just before that is waited for, so it is never another's.
// Watching a command costs two stores. Bounds: kPlaces at once; more run unwatched. Threads: any, but one for each
// place.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <sys/types.h>

#include <cstddef>
#include <mutex>
#include <vector>

namespace penstock {

class LiveGroups {
public:
    static constexpr std::size_t kPlaces = 16 * 1024;

    // One group; none at first. Must not outlive its LiveGroups.
    class Place {
    public:
        Place() = default;
        Place(LiveGroups* groups, pid_t* number) : groups_(groups), number_(number) {}
        Place(Place&& other) noexcept;
        Place& operator=(Place&& other) noexcept;
        ~Place() { clear(); }

        void set(pid_t leader);
        // Where the kernel itself may write the number (CLONE_CHILD_SETTID); null = unwatched.
        pid_t* number() const { return number_; }
        // To be called before the leader is waited for. Gives the place back.
        void clear();

    private:
        LiveGroups* groups_ = nullptr;
        pid_t* number_ = nullptr;
    };

    // Without memory for it nothing is watched, and all else works.
    LiveGroups();
    ~LiveGroups();
    LiveGroups(const LiveGroups&) = delete;
    LiveGroups& operator=(const LiveGroups&) = delete;

    Place take();
    // For the zygote; -1 = there is none.
    int memfd() const { return memfd_.get(); }

private:
    FileDescriptor memfd_;
    pid_t* numbers_ = nullptr;
    std::mutex mutex_;
    std::size_t untouched_ = 0;  // from here on no place was taken so far
    std::vector<pid_t*> free_;   // before it
};

// The zygote's side of the table. Not seen by the processes it forks.
class WatchedGroups {
public:
    WatchedGroups() = default;
    WatchedGroups(const WatchedGroups&) = delete;
    WatchedGroups& operator=(const WatchedGroups&) = delete;
    ~WatchedGroups();

    void open(const FileDescriptor& memfd);
    void kill_all() const;

private:
    pid_t* numbers_ = nullptr;
};

}  // namespace penstock
