// A worker process: what runs in the children of the zygote.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <penstock/worker.hpp>

#include <sys/types.h>
#include <filesystem>

namespace penstock {

// What a worker process is given by its lane. In the order in which the descriptors are sent.
struct WorkerChannel {
    FileDescriptor memory;       // the channel
    FileDescriptor socket;       // large documents, both ways
    FileDescriptor bell;         // eventfd: wakes the lane
    FileDescriptor text_reader;  // the pipe behind stdout and stderr of jobs, both ends: what a job printed is
    FileDescriptor text_writer;  // taken from it when the job ends, by whichever side comes first
    std::filesystem::path scratch_root;
};
inline constexpr std::size_t kWorkerDescriptors = 5;

// Serves until told to stop; then ends the process. `rank` is the process whose lane it serves: it dies with it.
[[noreturn]] void serve_lane(WorkerChannel channel, const WorkerTypes& types, pid_t rank);

}  // namespace penstock
