#include "language/reading.hpp"

#include <algorithm>

namespace penstock {

namespace {

// Words of the grammar that are understood but not done yet.
constexpr std::array<std::string_view, 3> kReserved{"ranks", "launch", "gpus"};

}  // namespace

std::string job_text(std::string_view name) { return "job " + quote(name); }
std::string stage_text(std::string_view name) { return "stage " + quote(name); }

std::string Reading::describe(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null:
            return "empty";
        case Node::Kind::boolean:
            return node.boolean ? "`true`" : "`false`";
        case Node::Kind::int64:
        case Node::Kind::float64:
            return "the number " + quote(node.text);
        case Node::Kind::string:
            return "the text " + quote(node.text);
        case Node::Kind::list:
        case Node::Kind::map:
            if (node.size == 0) return node.is(Node::Kind::list) ? "an empty list" : "an empty map";
            [[fallthrough]];
        default:
            return std::string(node.what());
    }
}

std::string Reading::as_text(const Node& node) {
    const bool looks_like = node.is(Node::Kind::float64) || node.is(Node::Kind::boolean);
    return looks_like && !node.text.empty() ? "write \"" + std::string(node.text) + "\", in quotes" : "";
}

std::optional<std::string_view> Reading::text(const Node& node) const {
    if (node.is(Node::Kind::string) || node.is(Node::Kind::int64)) return node.text;
    return std::nullopt;
}

std::optional<std::int64_t> Reading::whole_number(const Node& node, std::string_view key, std::int64_t least,
                                                  std::int64_t most) const {
    if (node.is(Node::Kind::int64) && node.int64 >= least && node.int64 <= most) return node.int64;
    wrong_type(node, quote(key), "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
}

Value Reading::value(const Node& node) const {
    std::vector<const Node*> bad_keys;
    Value value = to_value(node, bad_keys);
    for (const Node* key : bad_keys)
        error(key->place, "a key is " + std::string(key->what()), "the keys of a value are text");
    return value;
}

void Reading::unknown_key(const Node& key, std::string_view where, std::span<const std::string_view> known) const {
    if (!key.is_scalar()) {
        error(key.place, "a key of " + std::string(where) + " is " + std::string(key.what()), "its keys are words");
        return;
    }
    if (std::find(kReserved.begin(), kReserved.end(), key.text) != kReserved.end()) {
        error(key.place, quote(key.text) + " is reserved: not in this version",
              "the word belongs to the format, but this version of Penstock cannot do what it says", "remove it");
        return;
    }
    const std::vector<std::string_view> words(known.begin(), known.end());
    error(key.place, "unknown key " + quote(key.text),
          "the keys of " + std::string(where) + " are " + enumerate(words, words.size()), suggest(key.text, words));
}

}  // namespace penstock
