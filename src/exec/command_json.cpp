#include "exec/command_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <vector>

namespace penstock {
namespace {

using Pointer = nlohmann::json::json_pointer;

// An index of a list: digits without a leading zero (RFC 6901, section 4).
const Value* element(const List& list, const std::string& token) {
    if (token.empty() || (token.size() > 1 && token.front() == '0')) return nullptr;
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
    if (error != std::errc{} || end != token.data() + token.size() || index >= list.size()) return nullptr;
    return &list[index];
}

const Value* member(const Map& map, const std::string& token) {
    const auto found = map.find(token);
    return found == map.end() ? nullptr : &found->second;
}

}  // namespace

std::string json_pointer_problem(const std::string& pointer) {
    try {
        Pointer parsed(pointer);
        return {};
    } catch (const nlohmann::json::exception&) {
        if (pointer.front() != '/') return "it does not begin with `/`";
        return "`~` must be followed by 0 or 1";
    }
}

const Value* follow_json_pointer(const Value& root, const std::string& pointer) {
    std::vector<std::string> tokens;  // last first
    for (Pointer rest(pointer); !rest.empty(); rest.pop_back()) tokens.push_back(rest.back());
    const Value* place = &root;
    for (auto token = tokens.rbegin(); token != tokens.rend() && place; ++token) {
        if (place->is(Value::Type::map))
            place = member(place->map(), *token);
        else if (place->is(Value::Type::list))
            place = element(place->list(), *token);
        else
            place = nullptr;
    }
    return place;
}

}  // namespace penstock
