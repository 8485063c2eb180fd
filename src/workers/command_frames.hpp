// How items travel to a program and back: its standard input and output as a row of frames.
//
//   lines    an item is a line of text; what is no text is written as JSON. An answer is a line, a string.
//   json     both are a line of JSON each.
//   length   u32 little-endian, then so many bytes: text and bytes as they are, an array as .npy, all else as JSON. An
//            answer is bytes.
// Where an item may have any number of answers, an empty line (a length of 0xffffffff) says that there are no more.
#pragma once

#include <penstock/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace penstock {

enum class Frames { none, lines, json, length };

inline constexpr std::size_t kMaxLineBytes = 64 << 20;
inline constexpr std::size_t kMaxFrameBytes = 1 << 30;

// The frame of an item, appended. Throws std::invalid_argument for text that cannot be a line, and for what is too
// long.
void append_frame(Frames frames, const Value& item, std::string& out);

struct Frame {
    std::optional<Value> answer;  // none: the end of an item's answers
    std::size_t bytes = 0;        // it took so many
};
// The first frame of `bytes`; nothing when it is not all there. `marks_end`: an end of answers may come. Throws
// std::runtime_error for what is none.
std::optional<Frame> first_frame(Frames frames, std::string_view bytes, bool marks_end, std::size_t& looked_at);

}  // namespace penstock
