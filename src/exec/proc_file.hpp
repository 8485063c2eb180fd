// What /proc tells of processes that may end at any moment: in the middle of a file of theirs too, where std::ifstream
// would throw what nobody expects of it, and a folder as well.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace penstock {

// Whole, but no more than 1 MiB; "" when it is not there (any more), and what there was when it goes meanwhile.
std::string proc_text(const std::filesystem::path& file);

// The entries of a folder, as far as they can be read.
std::vector<std::filesystem::path> proc_entries(const std::filesystem::path& folder);

}  // namespace penstock
