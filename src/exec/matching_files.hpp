// The files that a pattern of names means: what the stage `files` makes items of.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace penstock {

// In the order of their names. `pattern`: as of a shell; a relative one is from `folder`. Throws std::runtime_error
// when a folder cannot be read.
std::vector<std::string> matching_files(const std::filesystem::path& folder, const std::string& pattern);

}  // namespace penstock
