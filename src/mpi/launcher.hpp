// What the launcher says about this process before MPI is initialized.
#pragma once

#include <cstdint>

namespace penstock {

// The rank mpirun or srun gave this process; 0 without a launcher. Only rank 0 speaks.
std::uint32_t launcher_rank();

}  // namespace penstock
