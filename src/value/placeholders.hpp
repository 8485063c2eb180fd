// Placeholders in text: "{name}" stands for a value, "{{" and "}}" for braces.
//
// A name is a key: letters, digits, '_' and '-'. What a name stands for is decided elsewhere: a definition is checked
// with these functions before it runs, and a job's parameters are filled in with them when it does.
#pragma once

#include <penstock/value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace penstock {

// The key under which a parameter that names itself finds the data of its name: no name of a definition is like it.
inline std::string data_behind_parameter(std::string_view name) { return std::string(name) + "@data"; }

// A stretch of text, as it stands; or the name between two braces.
struct TextPiece {
    bool is_name = false;
    std::string text;
    friend bool operator==(const TextPiece&, const TextPiece&) = default;
};

// `text` cut into pieces, "{{" and "}}" already made into single braces. A malformed placeholder ("{", "{a b}") counts
// as text and is reported in `problems`, one sentence each.
std::vector<TextPiece> placeholder_pieces(std::string_view text, std::vector<std::string>& problems);

// The names in placeholders of all strings within `value` (not of the keys of maps), in order of appearance, each once.
std::vector<std::string> placeholder_names(const Value& value, std::vector<std::string>& problems);

}  // namespace penstock
