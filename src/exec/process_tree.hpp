// A process and all that it has started, and what they use together: read from /proc.
//
// A process whose parent has ended before it belongs to nobody's tree any more.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace penstock {

inline constexpr std::size_t kMaxTree = 10'000;  // processes looked at

// `root` first; empty when it is not there.
std::vector<pid_t> process_tree(pid_t root);

// What these processes have in memory. Where several share pages (forked ones, a shared segment), what they share
// counts in parts; that is slow to find out, and only looked at when the plain sum is above `enough`.
std::uint64_t resident_bytes(const std::vector<pid_t>& processes, std::uint64_t enough);

// Kills the tree: also those in process groups and sessions of their own.
void kill_tree(pid_t root);

// "out of memory: used 812 MiB of 500 MiB ...": why an attempt was ended.
std::string memory_text(std::uint64_t used, std::uint64_t limit);
// "ran longer than its timeout of 2 s and was ended".
std::string timeout_text(double timeout_s);

}  // namespace penstock
