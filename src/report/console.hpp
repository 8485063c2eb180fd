// The terminal (or file) behind standard error at rank 0: lines, and at most one live line below them.
//
// Threads: any; each call writes at once and as a whole.
#pragma once

#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace penstock {

class Console {
public:
    struct Device {
        std::function<void(std::string_view)> write;
        // Columns of the terminal now; 0 = not a terminal, nothing live is drawn there.
        std::function<std::size_t()> width;
    };

    explicit Console(Device device) : device_(std::move(device)) {}
    // Standard error. A terminal that cannot move its cursor (TERM=dumb) counts as none.
    static Device standard_error();

    bool live() const { return width() > 0; }
    std::size_t width() const { return device_.width ? device_.width() : 0; }

    // Whole lines; they stand above the live line.
    void print(std::string_view lines);
    // Replaces the live line; "" removes it. The text must fit the width. No effect where nothing live is drawn.
    void draw(std::string_view line);

private:
    void erase();

    Device device_;
    std::mutex mutex_;
    std::string drawn_;
};

}  // namespace penstock
