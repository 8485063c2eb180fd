#include "workers/text_lines.hpp"

#include "workers/begin_again.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

namespace penstock {

namespace {

constexpr std::size_t kStep = 256 * 1024;

}  // namespace

void check_can_skip(const std::filesystem::path& path, std::uint64_t items) {
    if (items == 0 || std::filesystem::is_regular_file(path)) return;
    throw std::runtime_error(
        fmt::format("cannot go on with {} behind its first {} items: it is no regular file, so they are "
                    "gone. {}",
                    path.string(), items, kHowToBeginAgain));
}

TextLines::TextLines(const std::filesystem::path& path, std::uint32_t part, std::uint32_t parts)
    : path_(path), file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), end_(std::numeric_limits<std::uint64_t>::max()) {
    if (!file_) fail("open");
    if (parts > 1) find_part(part, parts);
}

void TextLines::fail(std::string_view doing) const {
    throw std::runtime_error(fmt::format("cannot {} {}: {}", doing, path_.string(), std::strerror(errno)));
}

void TextLines::find_part(std::uint32_t part, std::uint32_t parts) {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) fail("read");
    if (!S_ISREG(status.st_mode))
        throw std::runtime_error(
            fmt::format("{} is no regular file, so it cannot be read in {} parts; give the stage "
                        "one worker",
                        path_.string(), parts));
    const auto size = static_cast<std::uint64_t>(status.st_size);
    const auto begin_of = [&](std::uint64_t n) { return size / parts * n + size % parts * n / parts; };
    if (part + 1 < parts) end_ = begin_of(part + 1);
    if (part == 0) return;
    // A line begins behind the line end that is just before the part, or in it.
    if (begin_of(part) == 0) return;
    next_ = begin_of(part) - 1;
    if (::lseek(file_.get(), static_cast<off_t>(next_), SEEK_SET) < 0) fail("read");
    const std::uint64_t end = std::exchange(end_, std::numeric_limits<std::uint64_t>::max());
    next();
    end_ = end;
}

std::optional<std::string_view> TextLines::next() {
    if (next_ >= end_) return std::nullopt;
    std::size_t line_end = buffer_.find('\n', searched_);
    while (line_end == std::string::npos) {
        searched_ = buffer_.size();
        if (searched_ - begin_ > kMaxLine_bytes)
            throw std::runtime_error(fmt::format("{}: the line that begins at byte {} is longer than {} MiB",
                                                 path_.string(), next_, kMaxLine_bytes >> 20));
        if (!fill()) break;
        line_end = buffer_.find('\n', searched_);
    }
    const bool last = line_end == std::string::npos;
    if (last && begin_ == buffer_.size()) return std::nullopt;
    std::size_t length = (last ? buffer_.size() : line_end) - begin_;
    std::string_view line(buffer_.data() + begin_, length);
    line_ = next_;
    next_ += length + (last ? 0 : 1);
    begin_ = searched_ = begin_ + length + (last ? 0 : 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    return line;
}

// False at the end of the file.
bool TextLines::fill() {
    buffer_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    const std::size_t before = buffer_.size();
    // As much again as there is, so that a long line is not searched for in small steps.
    buffer_.resize(before + std::max(before, kStep));
    ssize_t n = 0;
    while ((n = ::read(file_.get(), buffer_.data() + before, buffer_.size() - before)) < 0 && errno == EINTR) {
    }
    buffer_.resize(before + (n > 0 ? static_cast<std::size_t>(n) : 0));
    if (n < 0) fail("read");
    return n > 0;
}

}  // namespace penstock
