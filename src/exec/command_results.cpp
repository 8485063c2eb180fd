#include "exec/command_results.hpp"

#include "exec/command_json.hpp"
#include "exec/command_npy.hpp"
#include "value/utf8.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace penstock {
namespace {

using As = CommandOutput::As;
using From = CommandOutput::From;

constexpr std::size_t kShownBytes = 200;  // of a text that was not as declared

[[noreturn]] void bad(const CommandOutput& output, const std::string& what) {
    throw CommandError(EndReason::bad_output, fmt::format("output `{}`: {}", output.key, what));
}

std::string shown(std::string_view text) {
    if (text.empty()) return "it is empty";
    return fmt::format("it begins: {}", to_utf8(text.substr(0, kShownBytes)));
}

Value text_value(const CommandOutput& output, std::string text, std::string_view where) {
    if (is_utf8(text)) return Value(std::move(text));
    bad(output, fmt::format("{} is not UTF-8 text. Write it to a file and use `{{file: PATH, as: bytes}}`.", where));
}

Value json_value(const CommandOutput& output, std::string_view text, std::string_view where) {
    Value all;
    try {
        all = from_json(text, JsonForm::plain);
    } catch (const ValueError& error) {
        bad(output, fmt::format("{} is not JSON ({}); {}", where, error.what(), shown(text)));
    }
    const Value* found = follow_json_pointer(all, output.pointer);
    if (!found) {
        bad(output, fmt::format("the JSON of {} has nothing at `{}`; {}", where, output.pointer, shown(text)));
    }
    return *found;
}

Value stream_value(const CommandOutput& output, const StreamText& stream) {
    const std::string_view where = output.from == From::standard_error ? "stderr" : "stdout";
    if (stream.cut) {
        bad(output, fmt::format("the command wrote more than {} MiB to {}. Write to a file instead and declare it with "
                                "`file:`.",
                                kMaxStreamOutputBytes >> 20, where));
    }
    return output.as == As::json ? json_value(output, stream.text, where) : text_value(output, stream.text, where);
}

// -1 in a shape is what the size of the file leaves.
std::vector<std::uint64_t> extents(const CommandResult& result, std::size_t bytes) {
    const std::size_t size = element_size(result.output->element);
    std::vector<std::uint64_t> shape;
    std::uint64_t known = size;
    for (const std::int64_t extent : result.shape) {
        shape.push_back(extent < 0 ? 0 : static_cast<std::uint64_t>(extent));
        if (extent >= 0 && __builtin_mul_overflow(known, shape.back(), &known)) known = UINT64_MAX;
    }
    const auto open = std::find(result.shape.begin(), result.shape.end(), -1);
    const bool fits = open == result.shape.end() ? known == bytes : known != 0 && bytes % known == 0;
    if (!fits) {
        bad(*result.output,
            fmt::format("{} has {} bytes, which is not what {} of shape [{}] needs ({} bytes{}).", result.file.string(),
                        bytes, element_name(result.output->element), fmt::join(result.shape, ", "), known,
                        open == result.shape.end() ? "" : " or a multiple"));
    }
    if (open != result.shape.end()) shape[static_cast<std::size_t>(open - result.shape.begin())] = bytes / known;
    return shape;
}

Value npy_value(const CommandOutput& output, const FileBytes& file, std::string_view where) {
    try {
        return read_npy(file.bytes(), file.data);
    } catch (const ValueError& error) {
        bad(output, fmt::format("{} cannot be read as .npy: {}.", where, error.what()));
    }
}

Value file_value(const CommandResult& result) {
    const CommandOutput& output = *result.output;
    const bool is_text = output.as == As::text || output.as == As::json;
    const std::string where = result.file.string();
    const FileBytes file = read_whole_file(result.file, is_text ? kMaxTextFileBytes : kMaxDataFileBytes);
    switch (output.as) {
        case As::text:
            return text_value(output, std::string(file.text()), where);
        case As::json:
            return json_value(output, file.text(), where);
        case As::bytes:
            return Bytes(file.bytes().begin(), file.bytes().end());
        case As::npy:
            return npy_value(output, file, where);
        default:
            return Array(output.element, extents(result, file.size), file.data, file.bytes());
    }
}

Value path_value(const CommandResult& result) {
    if (!result.destination.empty()) move_file(result.file, result.destination);
    const FileFacts facts = file_facts(result.destination.empty() ? result.file : result.destination);
    return Map{{"path", facts.path.string()}, {"size", facts.size}, {"mtime", facts.mtime_ns}};
}

// Adds the key to errors of files and arrays, which do not know it.
Value named(const CommandOutput& output, const std::function<Value()>& read) {
    try {
        return read();
    } catch (const CommandError& error) {
        const std::string_view text(error.what());
        if (text.starts_with("output `")) throw;
        throw CommandError(EndReason::bad_output, fmt::format("output `{}`: {}", output.key, text));
    } catch (const ValueError& error) {
        bad(output, error.what());
    } catch (const std::bad_alloc&) {
        bad(output, "there is not enough memory for it.");
    }
}

}  // namespace

Document read_results(const PreparedCommand& command, const StreamText& output, const StreamText& error) {
    Document made;
    for (const CommandResult& result : command.results) {
        const CommandOutput& declared = *result.output;
        made[declared.key] = named(declared, [&]() -> Value {
            switch (declared.from) {
                case From::standard_output:
                    return stream_value(declared, output);
                case From::standard_error:
                    return stream_value(declared, error);
                default:
                    break;
            }
            if (declared.as != As::path) return file_value(result);
            file_facts(result.file);  // must be there before anything is moved
            return {};
        });
    }
    for (const CommandResult& result : command.results) {
        if (result.output->from != From::file || result.output->as != As::path) continue;
        made[result.output->key] = named(*result.output, [&] { return path_value(result); });
    }
    return made;
}

}  // namespace penstock
