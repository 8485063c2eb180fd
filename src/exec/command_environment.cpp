#include "exec/command_environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace penstock {
namespace {

// Beginnings of names.
constexpr std::array<std::string_view, 41> kLauncherPrefixes = {
    // Open MPI 4 (ORTE) and 5 (PRRTE)
    "OMPI_COMM_WORLD_", "OMPI_UNIVERSE_SIZE", "OMPI_APP_CTX_NUM_PROCS", "OMPI_NUM_APP_CTX", "OMPI_FIRST_RANKS",
    "OMPI_COMMAND", "OMPI_ARGV", "OMPI_FILE_LOCATION", "OMPI_MCA_orte_", "OMPI_MCA_ess", "OMPI_MCA_pmix",
    "OMPI_MCA_initial_wdir", "OMPI_MCA_mpi_oversubscribe", "OMPI_MCA_shmem_RUNTIME_QUERY_hint", "ORTE_", "PRTE_",
    // PMIx and PMI, whoever serves them
    "PMIX_", "PMI_", "PMI2_",
    // MPICH, MVAPICH and Intel MPI (Hydra)
    "HYDI_", "HYDRA_", "MPIEXEC_", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "MPISPAWN_", "MV2_COMM_WORLD_", "I_MPI_HYDRA_",
    // a Slurm step, as opposed to the job
    "SLURM_STEP", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_GTIDS", "SLURM_TASK_PID", "SLURM_SRUN_COMM_",
    "SLURM_LAUNCH_NODE_IPADDR", "SLURM_PMI", "SLURM_CPU_BIND", "SLURM_MPI_TYPE", "SLURM_DISTRIBUTION",
    // Flux and jsrun
    "FLUX_TASK_", "JSM_NAMESPACE_"};
// Settings that begin like one of them.
constexpr std::string_view kPmixSettings = "PMIX_MCA_";

bool is_entry_of(std::string_view entry, std::string_view name) {
    return entry.size() > name.size() && entry[name.size()] == '=' && entry.substr(0, name.size()) == name;
}

}  // namespace

bool is_launcher_variable(std::string_view name) {
    if (name.starts_with(kPmixSettings)) return false;
    return std::any_of(kLauncherPrefixes.begin(), kLauncherPrefixes.end(),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

Environment Environment::of_this_process() { return cleaned(::environ); }

Environment Environment::cleaned(const char* const* entries) {
    Environment made;
    for (; entries && *entries; ++entries) {
        const std::string_view entry(*entries);
        if (!is_launcher_variable(entry.substr(0, entry.find('=')))) made.entries_.emplace_back(entry);
    }
    return made;
}

void Environment::set(std::string_view name, std::string_view value) {
    std::string entry(name);
    entry += '=';
    entry += value;
    const auto old = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const std::string& other) { return is_entry_of(other, name); });
    if (old == entries_.end())
        entries_.push_back(std::move(entry));
    else
        *old = std::move(entry);
}

const char* Environment::get(std::string_view name) const {
    for (const std::string& entry : entries_) {
        if (is_entry_of(entry, name)) return entry.c_str() + name.size() + 1;
    }
    return nullptr;
}

std::vector<char*> Environment::pointers() const {
    std::vector<char*> made;
    made.reserve(entries_.size() + 1);
    for (const std::string& entry : entries_) made.push_back(const_cast<char*>(entry.c_str()));
    made.push_back(nullptr);
    return made;
}

}  // namespace penstock
