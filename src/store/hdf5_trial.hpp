// Whether HDF5 files can be written and read back in a folder.
#pragma once

#include <filesystem>
#include <string>

namespace penstock {

// "" = they can; else what went wrong. Leaves the file `trial.h5` there.
std::string try_hdf5(const std::filesystem::path& folder);

}  // namespace penstock
