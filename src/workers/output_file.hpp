// A file that appears under its name when it is complete, or not at all: written under another name in the same folder,
// synced, renamed. Errors are std::runtime_error and name the file.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace penstock {

class OutputFile {
public:
    // Folders that are missing are made.
    explicit OutputFile(std::filesystem::path path);
    OutputFile(OutputFile&&) = delete;
    ~OutputFile();  // what was written goes, unless it was kept

    void write(std::string_view text);
    void keep();  // nothing can be written after this

private:
    [[noreturn]] void fail() const;
    void flush();

    std::filesystem::path path_;
    std::string temporary_;  // "" = kept
    FileDescriptor file_;
    std::string buffer_;
};

}  // namespace penstock
