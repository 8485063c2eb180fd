// The lines of a file, or of one of several parts of it that are about equally long: a line belongs to the part in
// which it begins. Each part is read by itself.
//
// Bounds: kMaxLine_bytes a line. Errors are std::runtime_error and name the file.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

// Of a pipe what has been read is gone. Throws std::runtime_error when a source is to begin behind some of its items.
void check_can_skip(const std::filesystem::path& path, std::uint64_t items);

class TextLines {
public:
    static constexpr std::size_t kMaxLine_bytes = 64u << 20;

    // What is no regular file (a pipe) has one part only.
    TextLines(const std::filesystem::path& path, std::uint32_t part, std::uint32_t parts);

    // Without its line end ("\n" or "\r\n"); a last line need not have one. Good until the next call.
    std::optional<std::string_view> next();
    std::uint64_t offset() const { return line_; }  // where that line begins, in bytes

private:
    [[noreturn]] void fail(std::string_view doing) const;
    void find_part(std::uint32_t part, std::uint32_t parts);
    bool fill();

    std::filesystem::path path_;
    FileDescriptor file_;
    std::string buffer_;
    std::size_t begin_ = 0;     // of the next line
    std::size_t searched_ = 0;  // from begin_ up to here there is no line end
    std::uint64_t next_ = 0;    // where the next line begins in the file
    std::uint64_t line_ = 0;
    std::uint64_t end_;  // lines that begin here belong to the next part
};

}  // namespace penstock
