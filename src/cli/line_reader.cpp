#include "cli/line_reader.hpp"

#include "report/text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace penstock {

namespace {

constexpr int kAsk_ms = 100;
constexpr std::size_t kRead_bytes = 64 * 1024;

[[noreturn]] void refuse(const std::string& name, const char* reason) {
    throw std::runtime_error("cannot read --for-each " + printable(name) + ": " + reason +
                             "; name a file with one line for each pipeline, or - for standard input");
}

}  // namespace

LineReader::LineReader(const std::string& file) : name_(file) {
    if (file == "-") {
        name_ = "<standard input>";
        descriptor_ = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    } else {
        // Without O_NONBLOCK, opening a FIFO would wait for its writer.
        descriptor_ = ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    if (descriptor_ < 0) refuse(name_, std::strerror(errno));
    struct stat status {};
    if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
        ::close(descriptor_);
        refuse(name_, "it is a directory");
    }
}

LineReader::~LineReader() { ::close(descriptor_); }

std::vector<LineReader::Line> LineReader::next(const std::function<bool()>& stop) {
    std::vector<Line> lines;
    for (;;) {
        take_lines(lines);
        if (!lines.empty() || ended_) return lines;
        pollfd wait_for{descriptor_, POLLIN, 0};
        const int ready = ::poll(&wait_for, 1, kAsk_ms);
        if (stop()) return {};
        if (ready > 0 && !fill()) ended_ = true;
    }
}

// False at the end of the input.
bool LineReader::fill() {
    if (begin_ > 0) {
        buffer_.erase(0, begin_);
        searched_ -= begin_;
        begin_ = 0;
    }
    const std::size_t old_size = buffer_.size();
    buffer_.resize(old_size + kRead_bytes);
    const ssize_t n = ::read(descriptor_, buffer_.data() + old_size, kRead_bytes);
    buffer_.resize(old_size + static_cast<std::size_t>(n > 0 ? n : 0));
    if (n < 0 && errno != EINTR && errno != EAGAIN) refuse(name_, std::strerror(errno));
    return n != 0;
}

void LineReader::take_lines(std::vector<Line>& lines) {
    while (lines.size() < kMostLines) {
        const std::size_t end = buffer_.find('\n', searched_);
        const bool last = end == std::string::npos;
        if (last && buffer_.size() - begin_ > kMaxLine_bytes) {
            skipping_ = true;
            buffer_.erase(begin_);
        }
        searched_ = last ? buffer_.size() : end + 1;
        if (last && !(ended_ && (begin_ < buffer_.size() || skipping_))) return;

        std::string text = buffer_.substr(begin_, last ? std::string::npos : end - begin_);
        if (!text.empty() && text.back() == '\r') text.pop_back();
        if (skipping_) text.clear();
        lines.push_back({std::move(text), ++number_, std::exchange(skipping_, false)});
        begin_ = searched_;
    }
}

}  // namespace penstock
