#include "report/console.hpp"

#include <sys/ioctl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>

namespace penstock {

namespace {

constexpr std::string_view kEraseLine = "\r\x1b[K";
constexpr std::size_t kUnknownWidth = 80;

// All of it, or as much as the device takes: there is nobody to tell that standard error is gone.
void write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::size_t terminal_width() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return kUnknownWidth;
}

}  // namespace

Console::Device Console::standard_error() {
    const char* terminal = std::getenv("TERM");
    const bool live = ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && std::string_view(terminal) != "dumb";
    Device device;
    device.write = [](std::string_view text) { write_all(STDERR_FILENO, text); };
    device.width = [live] { return live ? terminal_width() : 0; };
    return device;
}

void Console::erase() {
    if (drawn_.empty()) return;
    device_.write(kEraseLine);
    drawn_.clear();
}

void Console::print(std::string_view lines) {
    const std::scoped_lock lock(mutex_);
    if (drawn_.empty()) {
        device_.write(lines);
        return;
    }
    // One write, so that the live line does not flicker.
    device_.write(std::string(kEraseLine) + std::string(lines) + drawn_);
}

void Console::draw(std::string_view line) {
    if (!live()) return;
    const std::scoped_lock lock(mutex_);
    if (line == drawn_) return;
    if (line.empty()) return erase();
    device_.write(std::string(kEraseLine) + std::string(line));
    drawn_ = line;
}

}  // namespace penstock
