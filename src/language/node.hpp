// A definition as a tree of nodes, each with its place in the text: what YAML, JSON and the C++ API are all read into.
//
// Nodes are small and live in an arena; they may be shared (YAML aliases), so a tree is walked, never changed.
#pragma once

#include "language/diagnostics.hpp"
#include "language/limits.hpp"
#include "language/source.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <deque>
#include <memory_resource>
#include <span>
#include <string_view>
#include <vector>

namespace penstock {

struct Node;

struct Member {
    const Node* key;  // a scalar, or (in `graph:`) a list of scalars
    const Node* value;
};

struct Node {
    // `value` is a Value that text cannot spell (bytes, arrays), from the C++ API or from {"@bytes": ...} and the like.
    enum class Kind : std::uint8_t { null, boolean, int64, float64, string, list, map, value };

    Kind kind = Kind::null;
    bool merges = false;       // a plain "<<" of YAML
    std::uint32_t height = 0;  // lists and maps within one another, this one counted
    std::uint32_t weight = 1;  // nodes in it, shared ones counted each time
    Place place;
    std::string_view text;  // scalars: the text as it stands, without quotes and escapes
    union {
        bool boolean;
        std::int64_t int64;
        double float64;
        const Value* value;
        const Node* const* items;
        const Member* members;
        std::int64_t none = 0;
    };
    std::uint32_t size = 0;  // of a list or map

    bool is(Kind k) const { return kind == k; }
    bool is_scalar() const { return kind < Kind::list; }
    std::span<const Node* const> list() const { return {items, size}; }
    std::span<const Member> map() const { return {members, size}; }
    // The value of `key`, or null. Linear: for small maps.
    const Node* find(std::string_view key) const;
    // "a list", "a number", ...: for messages.
    std::string_view what() const;
};

// Keys that are no text are left out, and added to `bad_keys`.
Value to_value(const Node& node, std::vector<const Node*>& bad_keys);
// Same content, wherever it stands; the order of the keys of a map counts (it is the definition order).
bool same_content(const Node& a, const Node& b);
std::uint64_t content_hash(const Node& node);

// Something that ends the reading of a document.
struct ReadError {
    Place place;
    std::string problem;
    std::string reason;
    std::string suggestion;
};

// Owns the nodes of one file.
class Arena {
public:
    Node* node() { return allocator_.new_object<Node>(); }
    std::string_view text(std::string_view text);
    const Node* const* items(std::span<const Node* const> items);
    const Member* members(std::span<const Member> members);
    const Value* value(Value value) { return &values_.emplace_back(std::move(value)); }

private:
    std::pmr::monotonic_buffer_resource memory_;
    std::pmr::polymorphic_allocator<> allocator_{&memory_};
    std::deque<Value> values_;
};

// Makes the tree of one document from the events of a reader: scalars, and begin and end of lists and maps. Keys come
// as scalars before their values. Merge keys (`<<`), doubled keys and the limits are its business.
class TreeBuilder {
public:
    TreeBuilder(Arena& arena, const SourceText& source, const LanguageLimits& limits, Diagnostics& diagnostics);

    // Each throws ReadError when a limit is passed.
    const Node* add_null(Place place, std::string_view text);
    const Node* add_boolean(Place place, std::string_view text, bool value);
    const Node* add_int64(Place place, std::string_view text, std::int64_t value);
    const Node* add_float64(Place place, std::string_view text, double value);
    const Node* add_string(Place place, std::string_view text);
    const Node* add_merge_key(Place place);
    const Node* add_value(Place place, Value value);
    // The same node once more. It counts as if it were written out.
    void add_again(Place place, const Node* node);
    void begin_list(Place place);
    void begin_map(Place place);
    const Node* end();

    // Where a value that has no text of its own is: its key, or the list it is in.
    Place implied_place() const;
    // The finished document; null when nothing was added. Begins anew.
    const Node* take();

private:
    struct Open {
        Place place;
        bool is_map = false;
        std::size_t first = 0;  // index into stack_
    };

    const Node* add_scalar(Node node, std::string_view text);
    void add(const Node* node);
    void count(Place place, std::uint64_t nodes);
    void begin(Place place, bool is_map);
    void end_map(const Open& open, Node& node);
    void make_tagged(Node& node);
    void collect_members(const Open& open, std::vector<Member>& members);
    void merge_into(std::vector<Member>& members, const Node& merged, Place place);
    void drop_doubled(std::vector<Member>& members);

    Arena& arena_;
    const SourceText& source_;
    const LanguageLimits& limits_;
    Diagnostics& diagnostics_;
    std::vector<const Node*> stack_;  // members of what is open, keys and values in turn
    std::vector<Open> open_;
    const Node* root_ = nullptr;
    std::uint64_t nodes_ = 0;
    std::uint64_t alias_nodes_ = 0;
};

}  // namespace penstock
