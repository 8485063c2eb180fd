// penstock doctor: what holds here of what Penstock needs or can make use of: the folder, the processes, the launcher.
//
// Nothing is believed: files are renamed, locked and synced, worker processes made, small launches started and parts of
// them killed. Every check is bounded in time.
#pragma once

#include "cli/command_line.hpp"
#include "cli/streams.hpp"
#include "store/hdf5_trial.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace penstock {

struct Finding {
    enum class Result { holds, does_not, unknown };
    std::string part;  // "folder", "processes", "launcher"
    std::string what;  // what was tested: "a rename replaces a file"
    Result result = Result::unknown;
    std::string found = {};   // measured, or why it does not hold
    std::string advice = {};  // what it costs, and what to do; "" = nothing
    bool needed = false;      // nothing works without it, or results could be lost
};
using Findings = std::vector<Finding>;

// What a folder is tried with; tests have some that fail.
struct FolderCalls {
    int (*open)(const char* path, int flags, mode_t mode) = [](const char* path, int flags, mode_t mode) {
        return ::open(path, flags, mode);
    };
    int (*rename)(const char* from, const char* to) = ::rename;
    int (*link)(const char* from, const char* to) = ::link;
    int (*fsync)(int descriptor) = ::fsync;
    int (*stat)(const char* path, struct stat* facts) = ::stat;
    int (*statvfs)(const char* path, struct statvfs* facts) = ::statvfs;
    int (*lock)(int descriptor, struct flock* wanted) = [](int descriptor, struct flock* wanted) {
        return ::fcntl(descriptor, F_OFD_SETLK, wanted);
    };
    std::string (*hdf5)(const std::filesystem::path& folder) = try_hdf5;
};

// doctor_folder.cpp. Makes a folder of its own in `folder`, and removes it.
Findings look_at_folder(const std::filesystem::path& folder, const FolderCalls& calls = {});
// doctor_processes.cpp. `program`: this program, whose worker processes are tried.
Findings look_at_processes(const std::filesystem::path& program, const std::filesystem::path& folder);
// doctor_launch.cpp. `launcher`: "mpirun -n 4", words separated by spaces.
Findings look_at_launcher(const std::string& launcher, const std::filesystem::path& program,
                          const std::filesystem::path& folder);
// What there is to start a launch with; empty when there is nothing.
std::vector<std::string> launchers_here();

std::string doctor_text(const Findings& findings);
std::string doctor_json(const Findings& findings);
bool all_needed_holds(const Findings& findings);

int run_doctor(const DoctorCommand& command, Streams& streams);

}  // namespace penstock
