// What the parameters of a `command` job say: read and checked once per job template, before any value is known.
//
// docs/command.md describes every parameter; this is its form in memory. Pure.
#pragma once

#include "value/placeholders.hpp"

#include <penstock/value.hpp>
#include <penstock/worker.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

// Names that every command can use in placeholders besides its keys.
inline constexpr std::string_view kDefinitionDirectory = "definition-dir";
inline constexpr std::string_view kLaunchDirectory = "launch-dir";
inline constexpr std::string_view kScratch = "scratch";

// A string of the parameters, cut at its placeholders.
struct CommandText {
    std::vector<TextPiece> pieces;

    bool empty() const { return pieces.empty(); }
    // "{name}" and nothing else: the name; else null.
    const std::string* whole() const;
    bool names(std::string_view name) const;
};

// One entry of `outputs:`.
struct CommandOutput {
    enum class From { standard_output, standard_error, file };
    enum class As { text, json, bytes, npy, array, path };

    std::string key;
    From from = From::standard_output;
    As as = As::text;
    CommandText file;                            // From::file
    std::string pointer;                         // As::json: RFC 6901, "" = all
    ElementType element = ElementType::float64;  // As::array
    std::vector<Value> shape;                    // As::array: int64 (-1 = what is left, once) or a string "{name}"
    CommandText destination;                     // As::path: empty = stays where it is
};

struct CommandSpec {
    // Elements of `argv:`. A whole placeholder that stands for a list becomes several arguments.
    std::vector<CommandText> arguments;
    std::optional<CommandText> shell;  // instead of arguments
    bool runs_in_scratch = false;      // `cwd: scratch`
    CommandText directory;             // `cwd: PATH`; empty = the rules decide
    std::vector<std::pair<std::string, CommandText>> environment;
    std::string input_key;                                         // `stdin:`; "" = none
    std::vector<std::pair<std::string, std::string>> input_files;  // NAME, KEY
    std::vector<CommandOutput> outputs;
    bool names_scratch = false;  // some string has {scratch}
};

// The candidates nearest to a misspelt word, best first.
using Suggest =
    std::function<std::vector<std::string>(const std::string& word, const std::vector<std::string>& candidates)>;

// Every mistake goes to `problems`, one sentence each; the result is good only when there are none.
CommandSpec parse_command(const Document& with, std::vector<std::string>& problems, const Suggest& suggest = nullptr);

// The keys a command needs: names in placeholders, `stdin:` and `input-files:`; each once, in order of appearance.
Keys command_needs(const Document& with);
// The keys of `outputs:`.
Keys command_makes(const Document& with);

}  // namespace penstock
