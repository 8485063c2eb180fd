// One rank of the small launches that `penstock doctor` makes: says who it is, in files of a folder that all ranks see,
// and stays as long as it is told to.
//
// Files, each made whole by a rename: `rank-N` (lines "name value": size, host, pid, threads, library), `alive-N` (how
// often rank 0 has called it, or called the others), `signal-N-NUMBER` (it was sent that signal). It looks for `die`,
// by which the last rank kills itself, and `stop`.
#pragma once

#include <filesystem>
#include <string>

namespace penstock {

inline constexpr const char* kTrialHello = "hello";  // says who it is, and leaves
inline constexpr const char* kTrialStay = "stay";    // stays until `stop` is there, a minute at most

int run_trial_rank(const std::string& mode, const std::filesystem::path& folder);

}  // namespace penstock
