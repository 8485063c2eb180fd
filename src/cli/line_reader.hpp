// Lines of a file, a FIFO or standard input as they come, without hanging when they do not.
//
// Threads: one at a time. Lines are at most kMaxLine_bytes long; a longer one is cut and told.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace penstock {

class LineReader {
public:
    static constexpr std::size_t kMaxLine_bytes = 64u << 20;
    static constexpr std::size_t kMostLines = 512;  // of one next()

    // "-" = standard input. Throws std::runtime_error when the file cannot be opened.
    explicit LineReader(const std::string& file);
    ~LineReader();
    LineReader(const LineReader&) = delete;
    LineReader& operator=(const LineReader&) = delete;

    struct Line {
        std::string text;        // without its line end
        std::size_t number = 0;  // from 1
        bool too_long = false;   // the text was dropped
    };
    // The lines there are now, at least one; empty at the end of the input, or once `stop` says so (asked ten times a
    // second while nothing comes). A last line without a line end counts.
    std::vector<Line> next(const std::function<bool()>& stop);

    const std::string& name() const { return name_; }  // for messages

private:
    bool fill();
    void take_lines(std::vector<Line>& lines);

    std::string name_;
    int descriptor_ = -1;
    std::string buffer_;
    std::size_t begin_ = 0;     // of the first line not yet taken
    std::size_t searched_ = 0;  // up to here there is no line end
    std::size_t number_ = 0;
    bool skipping_ = false;  // within a line that is too long
    bool ended_ = false;
};

}  // namespace penstock
