#include "language/node.hpp"

#include "value/hash.hpp"

namespace penstock {

const Node* Node::find(std::string_view key) const {
    if (kind != Kind::map) return nullptr;
    for (const Member& member : map())
        if (member.key->is_scalar() && member.key->text == key) return member.value;
    return nullptr;
}

std::string_view Node::what() const {
    switch (kind) {
        case Kind::null:
            return "nothing";
        case Kind::boolean:
            return boolean ? "true" : "false";
        case Kind::int64:
            return "a whole number";
        case Kind::float64:
            return "a number";
        case Kind::string:
            return "text";
        case Kind::list:
            return "a list";
        case Kind::map:
            return "a map";
        case Kind::value:
            break;
    }
    return value->type_name();
}

Value to_value(const Node& node, std::vector<const Node*>& bad_keys) {
    switch (node.kind) {
        case Node::Kind::null:
            return nullptr;
        case Node::Kind::boolean:
            return node.boolean;
        case Node::Kind::int64:
            return node.int64;
        case Node::Kind::float64:
            return node.float64;
        case Node::Kind::string:
            return node.text;
        case Node::Kind::value:
            return *node.value;
        case Node::Kind::list: {
            List list;
            list.reserve(node.size);
            for (const Node* item : node.list()) list.push_back(to_value(*item, bad_keys));
            return list;
        }
        case Node::Kind::map:
            break;
    }
    Map map;
    for (const auto& [key, value] : node.map()) {
        if (!key->is_scalar())
            bad_keys.push_back(key);
        else
            map.emplace(key->text, to_value(*value, bad_keys));
    }
    return map;
}

bool same_content(const Node& a, const Node& b) {
    if (a.kind != b.kind || a.size != b.size) return false;
    switch (a.kind) {
        case Node::Kind::null:
            return true;
        case Node::Kind::boolean:
            return a.boolean == b.boolean;
        case Node::Kind::int64:
            return a.int64 == b.int64;
        case Node::Kind::float64:
            return Value(a.float64) == Value(b.float64);  // NaN equals NaN
        case Node::Kind::string:
            return a.text == b.text;
        case Node::Kind::value:
            return *a.value == *b.value;
        case Node::Kind::list: {
            for (std::uint32_t i = 0; i < a.size; ++i)
                if (!same_content(*a.items[i], *b.items[i])) return false;
            return true;
        }
        case Node::Kind::map:
            break;
    }
    for (std::uint32_t i = 0; i < a.size; ++i)
        if (a.members[i].key->text != b.members[i].key->text || !same_content(*a.members[i].key, *b.members[i].key) ||
            !same_content(*a.members[i].value, *b.members[i].value))
            return false;
    return true;
}

std::string_view Arena::text(std::string_view text) {
    if (text.empty()) return {};
    char* copy = static_cast<char*>(memory_.allocate(text.size(), 1));
    std::copy(text.begin(), text.end(), copy);
    return {copy, text.size()};
}

const Node* const* Arena::items(std::span<const Node* const> items) {
    auto* copy = static_cast<const Node**>(memory_.allocate(items.size_bytes() + 1, alignof(const Node*)));
    std::copy(items.begin(), items.end(), copy);
    return copy;
}

const Member* Arena::members(std::span<const Member> members) {
    auto* copy = static_cast<Member*>(memory_.allocate(members.size_bytes() + 1, alignof(Member)));
    std::copy(members.begin(), members.end(), copy);
    return copy;
}

}  // namespace penstock
