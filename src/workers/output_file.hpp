// A file that appears under its name when it is complete, or not at all: written under another name in the same folder,
// synced, renamed. Errors are std::runtime_error and name the file.
//
// What has been written up to a point() can be gone on with by another object, of another process: it is not removed
// any more by the one that wrote it. Two never write to one file: while somebody still has it open for writing, or when
// it has got its name already, what is before the point is copied.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace penstock {

class OutputFile {
public:
    // Folders that are missing are made.
    explicit OutputFile(std::filesystem::path path);
    OutputFile(OutputFile&&) = delete;
    // Goes on where an earlier one was.
    struct Point {
        std::string name;  // of the file that is being written, in the same folder
        std::uint64_t bytes = 0;
        std::uint64_t inode = 0;  // by which it is known when it has another name
    };
    OutputFile(std::filesystem::path path, const Point& from);
    ~OutputFile();  // what was written goes, unless it was kept, or there is a point in it

    void write(std::string_view text);
    void keep();  // nothing can be written after this
    // What others have left of this file, and nobody writes any more. Looks at all files of the folder.
    void remove_what_others_left() const;
    Point point();  // what was written so far is synced

private:
    [[noreturn]] void fail() const;
    void make();
    void flush();
    bool lock() const;  // false: somebody else has it
    bool is_of_this(std::string_view temporary) const;
    FileDescriptor open_earlier(const std::filesystem::path& path, const Point& from, int mode) const;
    void copy(const FileDescriptor& earlier, std::uint64_t bytes);

    std::filesystem::path path_;
    std::string temporary_;  // "" = kept
    FileDescriptor file_;
    std::string buffer_;
    std::uint64_t written_ = 0;
    bool has_point_ = false;
};

}  // namespace penstock
