// The environment of commands: the rank's own without what its launcher put there for it.
//
// A program that finds OMPI_COMM_WORLD_RANK or PMI_FD takes itself for a rank of this launch: it would wait for ever,
// or end the run. What describes the allocation (SLURM_JOB_ID, SLURM_JOB_NODELIST, PBS_NODEFILE, ...) and what the user
// set for MPI (OMPI_MCA_btl, ...) stays, so that a command can start a launcher of its own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

class Environment {
public:
    // Of this process. Not to be called while another thread changes the environment.
    static Environment of_this_process();
    static Environment cleaned(const char* const* entries);

    void set(std::string_view name, std::string_view value);
    // Null when there is none.
    const char* get(std::string_view name) const;

    // For exec: null-terminated, valid while this object neither changes nor moves.
    std::vector<char*> pointers() const;

private:
    std::vector<std::string> entries_;  // "NAME=value"
};

// Put there by a launcher for one process of its launch.
bool is_launcher_variable(std::string_view name);

}  // namespace penstock
