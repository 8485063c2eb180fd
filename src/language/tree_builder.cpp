#include "language/node.hpp"
#include "value/value_json.hpp"

#include <algorithm>
#include <unordered_map>

namespace penstock {

TreeBuilder::TreeBuilder(Arena& arena, const SourceText& source, const LanguageLimits& limits, Diagnostics& diagnostics)
    : arena_(arena), source_(source), limits_(limits), diagnostics_(diagnostics) {}

void TreeBuilder::count(Place place, std::uint64_t nodes) {
    nodes_ += nodes;
    if (nodes_ > limits_.nodes)
        throw ReadError{
            place, "the document is too big",
            "it has more than " + std::to_string(limits_.nodes) + " keys and values when its aliases are written out",
            "use a for-each instead of many jobs, or several definitions"};
}

void TreeBuilder::add(const Node* node) {
    if (open_.empty())
        root_ = node;
    else
        stack_.push_back(node);
}

const Node* TreeBuilder::add_scalar(Node node, std::string_view text) {
    count(node.place, 1);
    Node* stored = arena_.node();
    *stored = node;
    stored->text = arena_.text(text);
    add(stored);
    return stored;
}

const Node* TreeBuilder::add_null(Place place, std::string_view text) {
    Node node;
    node.place = place;
    return add_scalar(node, text);
}

const Node* TreeBuilder::add_boolean(Place place, std::string_view text, bool value) {
    Node node;
    node.kind = Node::Kind::boolean;
    node.place = place;
    node.boolean = value;
    return add_scalar(node, text);
}

const Node* TreeBuilder::add_int64(Place place, std::string_view text, std::int64_t value) {
    Node node;
    node.kind = Node::Kind::int64;
    node.place = place;
    node.int64 = value;
    return add_scalar(node, text);
}

const Node* TreeBuilder::add_float64(Place place, std::string_view text, double value) {
    Node node;
    node.kind = Node::Kind::float64;
    node.place = place;
    node.float64 = value;
    return add_scalar(node, text);
}

const Node* TreeBuilder::add_string(Place place, std::string_view text) {
    Node node;
    node.kind = Node::Kind::string;
    node.place = place;
    return add_scalar(node, text);
}

const Node* TreeBuilder::add_merge_key(Place place) {
    Node node;
    node.kind = Node::Kind::string;
    node.merges = true;
    node.place = place;
    return add_scalar(node, "<<");
}

const Node* TreeBuilder::add_value(Place place, Value value) {
    Node node;
    node.kind = Node::Kind::value;
    node.place = place;
    node.value = arena_.value(std::move(value));
    return add_scalar(node, "");
}

void TreeBuilder::add_again(Place place, const Node* node) {
    count(place, node->weight);
    alias_nodes_ += node->weight;
    if (alias_nodes_ > limits_.alias_nodes)
        throw ReadError{place, "aliases stand for too much",
                        "written out, the aliases of this document are more than " +
                            std::to_string(limits_.alias_nodes) + " keys and values",
                        "refer to fewer or smaller things by `*name`"};
    if (open_.size() + node->height > limits_.nesting)
        throw ReadError{place, "nested too deeply",
                        "written out, this alias makes more than " + std::to_string(limits_.nesting) +
                            " lists and maps within one another",
                        ""};
    add(node);
}

void TreeBuilder::begin(Place place, bool is_map) {
    count(place, 1);
    if (open_.size() >= limits_.nesting)
        throw ReadError{place, "nested too deeply",
                        "more than " + std::to_string(limits_.nesting) + " lists and maps are within one another", ""};
    open_.push_back({place, is_map, stack_.size()});
}

void TreeBuilder::begin_list(Place place) { begin(place, false); }

void TreeBuilder::begin_map(Place place) { begin(place, true); }

Place TreeBuilder::implied_place() const {
    if (open_.empty()) return {0, 1};
    if (stack_.size() > open_.back().first) return stack_.back()->place;
    return open_.back().place;
}

const Node* TreeBuilder::end() {
    const Open open = open_.back();
    open_.pop_back();
    Node node;
    node.place = open.place;
    node.height = 1;
    if (open.is_map) {
        end_map(open, node);
    } else {
        node.kind = Node::Kind::list;
        const std::span<const Node* const> items(stack_.data() + open.first, stack_.size() - open.first);
        for (const Node* item : items) {
            node.weight += item->weight;
            node.height = std::max(node.height, item->height + 1);
        }
        node.size = static_cast<std::uint32_t>(items.size());
        node.items = arena_.items(items);
    }
    stack_.resize(open.first);
    Node* stored = arena_.node();
    *stored = node;
    add(stored);
    return stored;
}

void TreeBuilder::end_map(const Open& open, Node& node) {
    node.kind = Node::Kind::map;
    std::vector<Member> members;
    members.reserve((stack_.size() - open.first) / 2);
    collect_members(open, members);
    for (const auto& [key, value] : members) {
        node.weight += key->weight + value->weight;
        node.height = std::max({node.height, key->height + 1, value->height + 1});
    }
    node.size = static_cast<std::uint32_t>(members.size());
    node.members = arena_.members(members);
    if (node.size == 1 && members[0].key->text.starts_with('@')) make_tagged(node);
}

// {"@bytes": base64} and the like: values that JSON cannot spell.
void TreeBuilder::make_tagged(Node& node) {
    std::vector<const Node*> bad_keys;
    const Value map = to_value(node, bad_keys);
    const Place place = node.members[0].key->place;
    try {
        Value value = from_json(to_json(map, JsonForm::plain), JsonForm::tagged);
        node.kind = value.is(Value::Type::float64) ? Node::Kind::float64 : Node::Kind::value;
        if (value.is(Value::Type::float64))
            node.float64 = value.float64();
        else
            node.value = arena_.value(std::move(value));
        node.size = 0;
        node.height = 0;
    } catch (const ValueError& error) {
        diagnostics_.error(source_, place, quote(node.members[0].key->text) + " does not spell a value", error.what(),
                           "keys that begin with `@` stand for bytes, arrays and the like; write `@@` for a plain `@`");
    }
}

void TreeBuilder::collect_members(const Open& open, std::vector<Member>& members) {
    bool merges = false;
    for (std::size_t i = open.first; i + 1 < stack_.size(); i += 2) {
        if (stack_[i]->merges)
            merges = true;
        else
            members.push_back({stack_[i], stack_[i + 1]});
    }
    drop_doubled(members);
    if (!merges) return;
    for (std::size_t i = open.first; i + 1 < stack_.size(); i += 2) {
        if (!stack_[i]->merges) continue;
        const Node& merged = *stack_[i + 1];
        const Place place = stack_[i]->place;
        if (merged.is(Node::Kind::list)) {
            for (const Node* item : merged.list())
                merge_into(members, *item, item->is(Node::Kind::map) ? place : item->place);
        } else {
            merge_into(members, merged, place);
        }
    }
}

// What the map says itself comes first, then what was merged before.
void TreeBuilder::merge_into(std::vector<Member>& members, const Node& merged, Place place) {
    if (!merged.is(Node::Kind::map)) {
        diagnostics_.error(source_, place, "`<<` merges " + std::string(merged.what()),
                           "only maps, or a list of maps, can be merged into a map", "write `<<: *name` of a map");
        return;
    }
    std::unordered_map<std::string_view, const Node*> known;
    for (const auto& [key, value] : members) known.emplace(key->text, key);
    for (const Member& member : merged.map()) {
        if (member.key->is_scalar() && known.contains(member.key->text)) continue;
        alias_nodes_ += member.value->weight + 1;
        count(place, member.value->weight + 1);
        members.push_back(member);
    }
    if (alias_nodes_ > limits_.alias_nodes)
        throw ReadError{place, "merge keys stand for too much",
                        "written out, what this document merges is more than " + std::to_string(limits_.alias_nodes) +
                            " keys and values",
                        "merge fewer or smaller maps"};
}

void TreeBuilder::drop_doubled(std::vector<Member>& members) {
    const auto report = [&](const Node* first, const Node* second) {
        diagnostics_.error(source_, second->place, "the key " + quote(second->text) + " is given twice",
                           first->place.known() ? "it is given first at " + source_.describe(first->place) : "",
                           "remove or rename one of them");
    };
    constexpr std::size_t kSmall = 8;
    std::unordered_map<std::string_view, const Node*> first;
    if (members.size() > kSmall) first.reserve(members.size());
    std::size_t kept = 0;
    const auto seen_before = [&](const Node* key) -> const Node* {
        if (!key->is_scalar()) return nullptr;
        if (members.size() > kSmall) {
            const auto [found, added] = first.emplace(key->text, key);
            return added ? nullptr : found->second;
        }
        for (std::size_t i = 0; i < kept; ++i)
            if (members[i].key->is_scalar() && members[i].key->text == key->text) return members[i].key;
        return nullptr;
    };
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (const Node* before = seen_before(members[i].key))
            report(before, members[i].key);
        else
            members[kept++] = members[i];
    }
    members.resize(kept);
}

const Node* TreeBuilder::take() {
    const Node* root = root_;
    root_ = nullptr;
    stack_.clear();
    open_.clear();
    nodes_ = 0;
    alias_nodes_ = 0;
    return root;
}

}  // namespace penstock
