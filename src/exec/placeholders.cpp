// "{name}" in strings: one scanner, which fill_placeholders() and placeholder_names() share.
#include "exec/materialize.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace penstock {

namespace {

bool is_key_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// What of `text` is shown in a message.
std::string_view excerpt(std::string_view text) { return text.substr(0, 40); }

// Calls on_text(literal piece), on_name(name) and on_problem(sentence) for what `text` consists of.
template <class OnText, class OnName, class OnProblem>
void scan(std::string_view text, OnText&& on_text, OnName&& on_name, OnProblem&& on_problem) {
    while (!text.empty()) {
        const std::size_t brace = std::min(text.find_first_of("{}"), text.size());
        if (brace > 0) on_text(text.substr(0, brace));
        text.remove_prefix(brace);
        if (text.empty()) return;
        if (text.size() > 1 && text[1] == text[0]) {  // "{{" or "}}"
            on_text(text.substr(0, 1));
            text.remove_prefix(2);
            continue;
        }
        const std::size_t close = text[0] == '{' ? text.find('}') : std::string_view::npos;
        const std::string_view name = close == std::string_view::npos ? "" : text.substr(1, close - 1);
        if (!name.empty() && std::all_of(name.begin(), name.end(), is_key_character)) {
            on_name(name);
            text.remove_prefix(close + 1);
            continue;
        }
        on_problem(
            fmt::format("\"{}\" is no placeholder: between braces stands one key of letters, digits, \"_\" and "
                        "\"-\"; for a brace itself write \"{}\"",
                        excerpt(text), text[0] == '{' ? "{{" : "}}"));
        on_text(text.substr(0, 1));
        text.remove_prefix(1);
    }
}

bool has_braces(std::string_view text) { return text.find_first_of("{}") != std::string_view::npos; }

Value fill_string(const std::string& text, const Lookup& lookup) {
    if (!has_braces(text)) return text;
    std::string out;
    std::optional<Value> whole;  // of a string that is one placeholder and nothing else
    scan(
        text, [&out](std::string_view literal) { out += literal; },
        [&](std::string_view name) {
            Value value = lookup(name);
            if (name.size() + 2 == text.size())
                whole = std::move(value);
            else
                out += plain_text(value);
        },
        [](const std::string& problem) { throw ValueError(problem); });
    return whole ? std::move(*whole) : Value(std::move(out));
}

template <class F>
void each_string(const Value& value, F&& f) {
    if (value.is(Value::Type::string))
        f(value.string());
    else if (value.is(Value::Type::list)) {
        for (const Value& element : value.list()) each_string(element, f);
    } else if (value.is(Value::Type::map)) {
        for (const auto& [key, member] : value.map()) each_string(member, f);
    }
}

}  // namespace

Value fill_placeholders(const Value& value, const Lookup& lookup) {
    if (value.is(Value::Type::string)) return fill_string(value.string(), lookup);
    if (value.is(Value::Type::list)) {
        List list;
        list.reserve(value.list().size());
        for (const Value& element : value.list()) list.push_back(fill_placeholders(element, lookup));
        return list;
    }
    if (value.is(Value::Type::map)) {
        Map map;
        for (const auto& [key, member] : value.map())
            map.emplace_hint(map.end(), key, fill_placeholders(member, lookup));
        return map;
    }
    return value;
}

std::vector<std::string> placeholder_names(const Value& value, std::vector<std::string>& problems) {
    std::vector<std::string> names;
    each_string(value, [&](const std::string& text) {
        if (!has_braces(text)) return;
        scan(
            text, [](std::string_view) {},
            [&names](std::string_view name) {
                if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
            },
            [&problems](const std::string& problem) { problems.push_back(problem); });
    });
    return names;
}

}  // namespace penstock
