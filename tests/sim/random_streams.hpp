// Random trees of stages, and what they make, by a model in one process.
#pragma once

#include "sim/stream_plans.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <set>

namespace penstock::test {

using sim::mix;

inline std::int64_t mixed(std::int64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(mix(static_cast<std::uint64_t>(a) ^ (b << 32)) >> 1);
}

// Of what zip made: of all of its parts.
inline std::int64_t id_of(const Value& item) {
    if (item.is(Value::Type::string)) return static_cast<std::int64_t>(item.string().size());
    if (!item.is(Value::Type::list)) return item.int64();
    std::int64_t id = 0;
    for (const Value& part : item.list()) id = mixed(id ^ id_of(part), 77);
    return id;
}

// What a stage makes, by the model.
struct Made {
    List items;
    bool in_order = true;
    std::uint64_t skipped = 0;  // items of its input
    // Although an item of this stage or of one before it fails: exactly this comes out then.
    std::optional<List> before_failure = std::nullopt;
};

struct Tree {
    std::vector<Asked> stages;
    std::vector<Made> made;
    std::map<std::string, StageScript> scripts;
    double dies = 0;
    std::uint32_t brokers = 1;
    std::int64_t fails_at = -1;  // an item of some stage that makes the stream fail
    std::string fails_in;

    std::string text() const {
        static constexpr const char* kMerges[] = {"any", "concat", "interleave", "zip", "latest"};
        static constexpr const char* kForms[] = {"none", "map", "generator", "fold", "source"};
        std::string all = std::to_string(brokers) + " brokers, deaths " + std::to_string(dies) +
                          (fails_in.empty() ? "" : ", fails in " + fails_in) + "\n";
        for (const Asked& a : stages) {
            all += "  " + a.name + ": " + kForms[static_cast<int>(a.form)] + " x" + std::to_string(a.workers) +
                   (a.ordered ? " ordered" : "") + " queue " + std::to_string(a.queue);
            for (const std::uint32_t f : a.from) all += " <- " + stages[f].name;
            all += a.from.size() > 1 ? std::string(" ") + kMerges[static_cast<int>(a.merge)] + "\n" : "\n";
        }
        return all;
    }
    bool read(std::uint32_t stage) const {
        return std::any_of(stages.begin(), stages.end(), [&](const Asked& a) {
            return std::find(a.from.begin(), a.from.end(), stage) != a.from.end();
        });
    }
};

class Drawing {
public:
    enum class Kind {
        any,
        goes_on,  // from a position: one source, no merges in turn
    };
    struct Limits {
        std::string prefix;  // of names
        std::uint32_t items = 300;
        double failing = 0.15;  // chance that an item of some stage makes the stream fail
    };
    explicit Drawing(Random& random, Kind kind = Kind::any)
        : Drawing(random, kind, {"", 300, kind == Kind::any ? 0.15 : 0}) {}
    Drawing(Random& random, Kind kind, Limits limits) : random_(random), kind_(kind), limits_(std::move(limits)) {}

    Tree draw() {
        tree_.brokers = random_.between(1, 4);
        const double deaths[] = {0, 0, 0.02, 0.2};
        tree_.dies = deaths[random_.below(4)];
        for (std::uint32_t n = kind_ == Kind::any ? random_.between(1, 3) : 1; n != 0; --n) source();
        for (std::uint32_t n = random_.between(1, 6); n != 0; --n) stage();
        if (limits_.failing > 0 && random_.chance(limits_.failing)) make_one_fail();
        return tree_;
    }

private:
    Asked common(const char* kind, StageForm form) {
        Asked a;
        a.name = limits_.prefix + kind + std::to_string(tree_.stages.size());
        a.form = form;
        a.workers = random_.chance(0.5) ? 1 : random_.between(2, 4);
        a.ordered = random_.chance(0.6);
        const std::uint32_t queues[] = {0, 1, 3, 40};
        a.queue = queues[random_.below(4)];
        if (form == StageForm::source) return a;
        a.on_error = OnError::retry;
        a.retries = 10'000;
        return a;
    }

    void source() {
        Asked a = common("source", StageForm::source);
        a.seeks = true;
        if (kind_ == Kind::goes_on) a.workers = 1;
        StageScript script;
        const std::uint32_t n = random_.chance(0.1) ? 0 : random_.below(limits_.items);
        // A link has room for few of the large ones.
        const std::string filling(n <= 40 && mix(n + (tree_.stages.size() << 16)) % 24 == 0 ? 600'000 : 0, 'x');
        for (std::uint32_t i = 0; i < n; ++i) {
            Value item(mixed(i, 1000 + tree_.stages.size()));
            if (!filling.empty()) item = Value(List{std::move(item), Value(filling)});
            script.source.push_back(std::move(item));
        }
        add(a, script, {script.source, a.ordered || a.workers == 1});
    }

    void stage() {
        const std::uint32_t kind = random_.below(10);
        Asked a = kind < 5   ? common("map", StageForm::map)
                  : kind < 9 ? common("generator", StageForm::generator)
                             : common("fold", StageForm::fold);
        const Made input = choose_input(a);
        Made out{{}, input.in_order && (a.ordered || a.workers == 1)};
        const std::uint64_t salt = tree_.stages.size();
        StageScript script;
        if (a.form == StageForm::fold) {
            a.snapshots = true;
            a.ordered = false;
            script.finish = [id = id_by(a)](const List& seen) { return List{Value(total(seen, id))}; };
            out = {script.finish(input.items), true};
        } else {
            const std::uint32_t drops[] = {0, 10, 60, 100}, most = a.form == StageForm::map ? 1 : random_.between(1, 3);
            const std::uint32_t drop = drops[random_.below(4)];
            script.answers_in_parts = a.form == StageForm::generator && random_.chance(0.5);
            script.on_item = [=, of_item = id_by(a)](const Value& item) {
                const std::int64_t id = of_item(item);
                List made;
                if (static_cast<std::uint64_t>(mixed(id, salt)) % 100 < drop) return made;
                const auto n = most == 1 ? 1 : static_cast<std::uint64_t>(mixed(id, salt + 50)) % (most + 1);
                for (std::uint64_t i = 0; i < n; ++i) made.push_back(Value(mixed(id, salt + 100 + i)));
                return made;
            };
            if (random_.chance(0.2)) skip_some(a, script, input);
            for (const Value& item : input.items) {
                if (item.is(Value::Type::int64) && script.raise.contains(item.int64())) {
                    ++out.skipped;
                    continue;
                }
                for (const Value& made : script.on_item(item)) out.items.push_back(made);
            }
        }
        add(a, script, out);
    }

    using Id = std::function<std::int64_t(const Value& item)>;

    static std::int64_t total(const List& seen, const Id& id) {
        std::int64_t sum = 0;
        for (const Value& item : seen) sum ^= mixed(id(item), 5);
        return sum;
    }

    // What decides what is made of an item; of a list with the latest items of other stages that is the item of the
    // first stage, if the others are what may be there.
    Id id_by(const Asked& a) const {
        if (a.from.size() < 2 || a.merge != Merge::latest) return id_of;
        auto others = std::make_shared<std::vector<std::set<std::int64_t>>>(a.from.size());
        for (std::size_t i = 1; i < a.from.size(); ++i)
            for (const Value& item : tree_.made[a.from[i]].items) (*others)[i].insert(id_of(item));
        return [others](const Value& item) {
            const List& row = item.list();
            bool right = row.size() == others->size();
            for (std::size_t i = 1; right && i < row.size(); ++i)
                right = row[i].is(Value::Type::null) || (*others)[i].contains(id_of(row[i]));
            return right ? id_of(row.front()) : -1;
        };
    }

    // Their worker throws, and they are left out. Deaths would leave out others.
    void skip_some(Asked& a, StageScript& script, const Made& input) {
        if (tree_.dies != 0) return;
        a.on_error = OnError::skip;
        a.retries = 0;
        script.answers_in_parts = false;
        for (const Value& item : input.items)
            if (item.is(Value::Type::int64) && item.int64() % 5 == 0) script.raise.insert(item.int64());
    }

    Made choose_input(Asked& a) {
        std::vector<std::uint32_t>& from = a.from;
        for (std::uint32_t k = random_.chance(0.6) ? 1 : random_.between(2, 3); k != 0; --k) {
            const std::uint32_t one = random_.below(tree_.stages.size());
            if (std::find(from.begin(), from.end(), one) == from.end()) from.push_back(one);
        }
        Made all;
        std::size_t longest = 0, shortest = std::numeric_limits<std::size_t>::max(), sum = 0;
        for (const std::uint32_t f : from) {
            const Made& m = tree_.made[f];
            all.in_order &= m.in_order;
            longest = std::max(longest, m.items.size());
            shortest = std::min(shortest, m.items.size());
            sum += m.items.size();
        }
        if (sum > 3000) from.resize(1);
        if (from.size() == 1) return tree_.made[from.front()];
        // Which items a zip puts together is anybody's guess when they come in any order.
        if (kind_ == Kind::any) a.merge = static_cast<Merge>(random_.below(all.in_order ? 4 : 3));
        if (kind_ == Kind::any && mix(sum + (tree_.stages.size() << 16)) % 5 == 0) a.merge = Merge::latest;
        if (a.merge == Merge::any) all.in_order = false;
        if (a.merge == Merge::latest) {
            // Which ones of the others is a matter of time.
            for (const Value& item : tree_.made[from.front()].items) {
                List row(from.size());
                row.front() = item;
                all.items.push_back(Value(std::move(row)));
            }
            all.in_order = tree_.made[from.front()].in_order;
        } else if (a.merge == Merge::zip) {
            for (std::size_t i = 0; i < shortest; ++i) {
                List row;
                for (const std::uint32_t f : from) row.push_back(tree_.made[f].items[i]);
                all.items.push_back(Value(std::move(row)));
            }
        } else if (a.merge == Merge::interleave) {
            for (std::size_t i = 0; i < longest; ++i)
                for (const std::uint32_t f : from)
                    if (i < tree_.made[f].items.size()) all.items.push_back(tree_.made[f].items[i]);
        } else {
            for (const std::uint32_t f : from)
                all.items.insert(all.items.end(), tree_.made[f].items.begin(), tree_.made[f].items.end());
        }
        return all;
    }

    void make_one_fail() {
        const std::uint32_t s = random_.below(tree_.stages.size());
        Asked& a = tree_.stages[s];
        if (a.form == StageForm::source) return make_source_fail(s);
        if (a.from.size() != 1 || a.form == StageForm::fold || a.on_error == OnError::skip ||
            tree_.made[a.from.front()].items.empty())
            return;
        const List& input = tree_.made[a.from.front()].items;
        const Value& item = input[random_.below(input.size())];
        if (!item.is(Value::Type::int64)) return;
        a.on_error = OnError::fail;
        a.retries = 0;
        fail_at(a.name, item.int64());
        const auto end = std::find(input.begin(), input.end(), item);
        if (tree_.made[a.from.front()].in_order && tree_.made[s].in_order) note_made_before(s, {input.begin(), end});
    }

    // Of its other workers what had been made by then comes out, up to the part that is not whole.
    void make_source_fail(std::uint32_t s) {
        const List& items = tree_.made[s].items;
        if (items.empty()) return;
        const std::size_t at = random_.below(items.size());
        if (!items[at].is(Value::Type::int64)) return;
        fail_at(tree_.stages[s].name, items[at].int64());
        if (tree_.stages[s].workers == 1)
            note_made_before_by(s, {items.begin(), items.begin() + static_cast<std::ptrdiff_t>(at)});
    }

    void fail_at(const std::string& stage, std::int64_t item) {
        tree_.scripts[stage].raise = {item};
        tree_.dies = 0;
        tree_.fails_at = item;
        tree_.fails_in = stage;
    }

    // Of that stage, and of those behind it where only its items come.
    void note_made_before(std::uint32_t s, const List& input) {
        List made;
        const StageScript& script = tree_.scripts.at(tree_.stages[s].name);
        for (const Value& item : input)
            if (!item.is(Value::Type::int64) || !script.raise.contains(item.int64()))
                for (Value& one : script.on_item(item)) made.push_back(std::move(one));
        note_made_before_by(s, std::move(made));
    }
    void note_made_before_by(std::uint32_t s, List made) {
        for (std::uint32_t next = s + 1; next < tree_.stages.size(); ++next) {
            const Asked& a = tree_.stages[next];
            if (a.from == std::vector{s} && a.form != StageForm::fold && tree_.made[next].in_order)
                note_made_before(next, made);
        }
        tree_.made[s].before_failure = std::move(made);
    }

    void add(const Asked& a, const StageScript& script, const Made& made) {
        tree_.stages.push_back(a);
        tree_.scripts[a.name] = script;
        tree_.made.push_back(made);
    }

    Random& random_;
    const Kind kind_;
    const Limits limits_;
    Tree tree_;
};

inline List sorted(List items) {
    std::sort(items.begin(), items.end(), [](const Value& a, const Value& b) { return id_of(a) < id_of(b); });
    return items;
}

// "" = as modelled.
inline std::string what_is_wrong(const Tree& tree, StreamNodes& nodes) {
    if (!nodes.all_ended()) return "these wait for ever: " + nodes.waiting() + "\n" + tree.text();
    for (const auto& e : nodes.ended)
        if (!e->succeeded) return e->error + "\n" + tree.text();
    for (std::uint32_t s = 0; s < tree.stages.size(); ++s) {
        const std::string& name = tree.stages[s].name;
        const auto& got = nodes.stored[name];
        const Made& wanted = tree.made[s];
        if (tree.read(s)) continue;
        if (!got.in_order) return name + " was stored in another order\n" + tree.text();
        if (wanted.in_order ? got.items != wanted.items : sorted(got.items) != sorted(wanted.items))
            return name + ": " + std::to_string(got.items.size()) + " items instead of " +
                   std::to_string(wanted.items.size()) + ", or others, or in another order\n" + tree.text();
    }
    return "";
}

inline void check_results(const Tree& tree, StreamNodes& nodes) {
    for (std::uint32_t s = 0; s < tree.stages.size(); ++s) {
        if (tree.read(s)) continue;
        const std::string& name = tree.stages[s].name;
        const List& got = nodes.stored[name].items;
        const Made& wanted = tree.made[s];
        ASSERT_TRUE(nodes.stored[name].in_order) << name;
        ASSERT_EQ(got.size(), wanted.items.size()) << name;
        ASSERT_TRUE(wanted.in_order ? got == wanted.items : sorted(got) == sorted(wanted.items))
            << name << ": other items, or another order";
    }
}

}  // namespace penstock::test
