// What a command that succeeded made: its outputs read, checked against what was declared, and moved into place.
#pragma once

#include "exec/command_template.hpp"

#include <cstddef>
#include <string>

namespace penstock {

// Bounds of one output. What is longer makes the job fail; `as: path` has no bound.
inline constexpr std::size_t kMaxStreamOutputBytes = 64ull << 20;  // text and json of stdout and stderr
inline constexpr std::size_t kMaxTextFileBytes = 1ull << 30;       // text and json of files
inline constexpr std::size_t kMaxDataFileBytes = 64ull << 30;      // bytes and arrays; memory is less on most machines

// One of the two streams of a command, kept as far as outputs need it.
struct StreamText {
    std::string text;
    bool cut = false;  // there was more than kMaxStreamOutputBytes
};

// Reads every output first and moves files last, so that a bad output leaves no file in place.
// Throws CommandError with EndReason::bad_output that names the key.
Document read_results(const PreparedCommand& command, const StreamText& output, const StreamText& error);

}  // namespace penstock
