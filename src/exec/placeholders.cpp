#include "value/placeholders.hpp"
#include "exec/materialize.hpp"
#include "value/value_json.hpp"

namespace penstock {

namespace {

Value fill_string(const std::string& text, const Lookup& lookup) {
    if (text.find_first_of("{}") == std::string::npos) return text;
    std::vector<std::string> problems;
    std::vector<TextPiece> pieces = placeholder_pieces(text, problems);
    if (!problems.empty()) throw ValueError(problems.front());
    if (pieces.size() == 1 && pieces[0].is_name) return lookup(pieces[0].text);
    std::string filled;
    for (const TextPiece& piece : pieces) filled += piece.is_name ? plain_text(lookup(piece.text)) : piece.text;
    return filled;
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

}  // namespace penstock
