#include "workers/command_frames.hpp"

#include "exec/command_files.hpp"
#include "value/utf8.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <stdexcept>

namespace penstock {

namespace {

constexpr std::uint32_t kEndOfAnswers = 0xffffffff;
constexpr std::size_t kHeaderBytes = 4;
constexpr std::size_t kShown = 80;

void append_line(Frames frames, const Value& item, std::string& out) {
    if (frames == Frames::json || !item.is(Value::Type::string)) {
        out += to_json(item, JsonForm::plain);
    } else {
        if (item.string().find('\n') != std::string::npos)
            throw std::invalid_argument(
                "the item is a text with a line break, which cannot be one line; use `frames: "
                "json` or `frames: length`");
        out += item.string();
    }
    out += '\n';
}

void append_length(const Value& item, std::string& out) {
    const auto input = input_bytes(item);
    std::size_t size = 0;
    for (const std::string_view piece : input->pieces) size += piece.size();
    if (size > kMaxFrameBytes)
        throw std::invalid_argument(fmt::format("the item has {} bytes, and a frame at most {}", size, kMaxFrameBytes));
    for (std::size_t i = 0; i < kHeaderBytes; ++i) out += static_cast<char>(size >> (8 * i) & 0xff);
    for (const std::string_view piece : input->pieces) out += piece;
}

Value line_value(Frames frames, std::string_view line) {
    if (frames == Frames::json) {
        try {
            return from_json(line, JsonForm::plain);
        } catch (const ValueError& error) {
            throw std::runtime_error(fmt::format("it wrote a line that is no JSON: \"{}\" ({})",
                                                 to_utf8(line.substr(0, kShown)), error.what()));
        }
    }
    if (!is_utf8(line))
        throw std::runtime_error(
            fmt::format("it wrote a line that is no UTF-8: \"{}\"; bytes can be sent with `frames: "
                        "length`",
                        to_utf8(line.substr(0, kShown))));
    return std::string(line);
}

std::optional<Frame> first_line(Frames frames, std::string_view bytes, bool marks_end, std::size_t& looked_at) {
    const std::size_t end = bytes.find('\n', looked_at);
    looked_at = bytes.size();
    if (std::min(end, bytes.size()) > kMaxLineBytes)
        throw std::runtime_error(fmt::format("it wrote a line of more than {} bytes", kMaxLineBytes));
    if (end == std::string_view::npos) return std::nullopt;
    looked_at = 0;
    if (end == 0 && marks_end) return Frame{std::nullopt, 1};
    return Frame{line_value(frames, bytes.substr(0, end)), end + 1};
}

std::optional<Frame> first_of_length(std::string_view bytes, bool marks_end) {
    if (bytes.size() < kHeaderBytes) return std::nullopt;
    std::uint32_t size = 0;
    for (std::size_t i = 0; i < kHeaderBytes; ++i)
        size |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    if (marks_end && size == kEndOfAnswers) return Frame{std::nullopt, kHeaderBytes};
    if (size > kMaxFrameBytes)
        throw std::runtime_error(
            fmt::format("it wrote a frame with a length of {}, and at most {} are allowed; a length is "
                        "4 bytes, little-endian",
                        size, kMaxFrameBytes));
    if (bytes.size() - kHeaderBytes < size) return std::nullopt;
    const auto* begin = reinterpret_cast<const std::byte*>(bytes.data()) + kHeaderBytes;
    return Frame{Bytes(begin, begin + size), kHeaderBytes + size};
}

}  // namespace

void append_frame(Frames frames, const Value& item, std::string& out) {
    if (frames == Frames::length)
        append_length(item, out);
    else
        append_line(frames, item, out);
}

std::optional<Frame> first_frame(Frames frames, std::string_view bytes, bool marks_end, std::size_t& looked_at) {
    return frames == Frames::length ? first_of_length(bytes, marks_end)
                                    : first_line(frames, bytes, marks_end, looked_at);
}

}  // namespace penstock
