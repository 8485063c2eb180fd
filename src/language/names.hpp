// What jobs, pipelines and keys may be called, and references to them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

inline constexpr std::size_t kMaxName = 128;

// Why `text` is no name of a pipeline or job (letters, digits, '_', '.', '-'), or no key (the same without '.'); ""
// when it is one.
std::string name_problem(std::string_view text);
std::string key_problem(std::string_view text);

// Names that strings know without being told: {scratch}, {definition-dir}, {launch-dir}.
bool is_built_in_name(std::string_view key);

// "job.key", split at the last dot; nothing when there is none or a side is empty.
struct OutputName {
    std::string_view job;
    std::string_view key;
};
std::optional<OutputName> split_reference(std::string_view text);

// '*' stands for any characters (also none), '?' for one.
bool is_wildcard(std::string_view pattern);
bool matches_wildcard(std::string_view pattern, std::string_view name);

}  // namespace penstock
