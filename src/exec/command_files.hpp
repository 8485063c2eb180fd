// The files of a command: its scratch directory, the files written for it and those it leaves.
//
// Errors are CommandErrors: problem, reason, remedy, and how /attempts calls it.
#pragma once

#include "exec/task.hpp"

#include <penstock/value.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

class CommandError : public std::runtime_error {
public:
    CommandError(EndReason why, const std::string& text) : std::runtime_error(text), reason(why) {}
    EndReason reason;
};

// Relative, not empty, and no component that is empty, "." or "..": it cannot lead out of a directory.
bool is_safe_relative_path(std::string_view name);

// The content of a file. Copies share it.
struct FileBytes {
    std::shared_ptr<const std::byte[]> data;
    std::size_t size = 0;
    std::span<const std::byte> bytes() const { return {data.get(), size}; }
    std::string_view text() const { return {reinterpret_cast<const char*>(data.get()), size}; }
};

// A whole regular file of at most `limit` bytes.
FileBytes read_whole_file(const std::filesystem::path& path, std::size_t limit);

// What is written to a file or to a program's standard input: the pieces one after another. Keeps the value they
// point into.
struct InputBytes {
    Value value;
    std::string text;
    std::vector<std::string_view> pieces;
};

// An array as .npy, a string and bytes as they are, everything else as JSON.
std::unique_ptr<InputBytes> input_bytes(const Value& value);

// Makes `directory / name` (a safe relative path) and the folders it needs.
void write_input_file(const std::filesystem::path& directory, const std::string& name, const Value& value);

// A new directory within `root`, which is made when it is not there. `stem` becomes part of its name.
std::filesystem::path make_scratch_directory(const std::filesystem::path& root, const std::string& stem);

// What the value of an `as: path` output is made of.
struct FileFacts {
    std::filesystem::path path;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;  // since the Unix epoch
};
FileFacts file_facts(const std::filesystem::path& path);

// Gives a file another name, replacing what had it. Across file systems the file is copied, synced and renamed, so that
// `to` is complete or what it was. Folders of `to` are made.
void move_file(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace penstock
