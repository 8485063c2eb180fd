// What commands write: frames and lines of stages, which must be the same however the bytes come, JSON and pointers
// into it, .npy files.
#include "exec/command_json.hpp"
#include "exec/command_npy.hpp"
#include "fuzz/fuzz.hpp"
#include "value/value_json.hpp"
#include "workers/command_frames.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

namespace penstock {
namespace {

// The answers in `bytes` when they come `step` at a time; and "!" where the program is told off.
std::string answers(Frames frames, bool marks_end, std::string_view bytes, std::size_t step) {
    std::string got, buffer;
    std::size_t looked_at = 0;
    while (!bytes.empty()) {
        buffer += bytes.substr(0, step);
        bytes.remove_prefix(std::min(step, bytes.size()));
        try {
            while (const auto frame = first_frame(frames, buffer, marks_end, looked_at)) {
                got += frame->answer ? to_json(*frame->answer) : "end";
                got += '\n';
                buffer.erase(0, frame->bytes);
            }
        } catch (const std::runtime_error&) {
            return got + "!";
        }
    }
    return got;
}

void arrays(std::span<const std::uint8_t> input) {
    try {
        const Array array = read_npy(std::as_bytes(input), nullptr);
        npy_header(array);
    } catch (const ValueError&) {
    }
}

void json(std::string_view text) {
    const std::size_t end = text.find('\n');
    const std::string pointer(text.substr(0, end));
    for (const JsonForm form : {JsonForm::plain, JsonForm::tagged}) {
        try {
            const Value value = from_json(end == std::string_view::npos ? text : text.substr(end + 1), form);
            if (json_pointer_problem(pointer).empty()) follow_json_pointer(value, pointer);
            if (form == JsonForm::tagged && !(from_json(to_json(value, form), form) == value)) std::abort();
        } catch (const ValueError&) {
        }
    }
}

}  // namespace

void fuzz(std::span<const std::uint8_t> input) {
    if (input.empty()) return;
    const std::uint8_t how = input[0];
    const std::string text(input.begin() + 1, input.end());
    if (how % 8 == 6) return arrays(input.subspan(1));
    if (how % 8 == 7) return json(text);
    const Frames frames = how % 3 == 0 ? Frames::lines : how % 3 == 1 ? Frames::json : Frames::length;
    const bool marks_end = how % 2 == 0;
    const std::string whole = answers(frames, marks_end, text, text.size());
    if (answers(frames, marks_end, text, 1 + how / 8) != whole) std::abort();
}

}  // namespace penstock
