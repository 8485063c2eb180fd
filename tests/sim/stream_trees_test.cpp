// Random trees of stages at several brokers, whose worker processes die at random, beside a model in one process: the
// same items come out, in the same order where order is promised. The brokers' own code (run/stream_node.hpp) moves the
// items; links, lanes and deaths are drawn from the seed.
#include "sim/stream_plans.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <limits>

namespace penstock::test {
namespace {

using sim::mix;

std::int64_t mixed(std::int64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(mix(static_cast<std::uint64_t>(a) ^ (b << 32)) >> 1);
}

// Of what zip made: of all of its parts.
std::int64_t id_of(const Value& item) {
    if (!item.is(Value::Type::list)) return item.int64();
    std::int64_t id = 0;
    for (const Value& part : item.list()) id = mixed(id ^ id_of(part), 77);
    return id;
}

// What a stage makes, by the model.
struct Made {
    List items;
    bool in_order = true;
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
        static constexpr const char* kMerges[] = {"any", "concat", "interleave", "zip"};
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
    explicit Drawing(Random& random) : random_(random) {}

    Tree draw() {
        tree_.brokers = random_.between(1, 4);
        const double deaths[] = {0, 0, 0.02, 0.2};
        tree_.dies = deaths[random_.below(4)];
        for (std::uint32_t n = random_.between(1, 3); n != 0; --n) source();
        for (std::uint32_t n = random_.between(1, 6); n != 0; --n) stage();
        if (random_.chance(0.15)) make_one_fail();
        return tree_;
    }

private:
    Asked common(const char* kind, StageForm form) {
        Asked a;
        a.name = kind + std::to_string(tree_.stages.size());
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
        const Asked a = common("source", StageForm::source);
        StageScript script;
        const std::uint32_t n = random_.chance(0.1) ? 0 : random_.below(300);
        for (std::uint32_t i = 0; i < n; ++i) script.source.push_back(Value(mixed(i, 1000 + tree_.stages.size())));
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
            script.finish = [](const List& seen) { return List{Value(total(seen))}; };
            out = {script.finish(input.items), true};
        } else {
            const std::uint32_t drops[] = {0, 10, 60, 100}, most = a.form == StageForm::map ? 1 : random_.between(1, 3);
            const std::uint32_t drop = drops[random_.below(4)];
            script.answers_in_parts = a.form == StageForm::generator && random_.chance(0.5);
            script.on_item = [=](const Value& item) {
                const std::int64_t id = id_of(item);
                List made;
                if (static_cast<std::uint64_t>(mixed(id, salt)) % 100 < drop) return made;
                const auto n = most == 1 ? 1 : static_cast<std::uint64_t>(mixed(id, salt + 50)) % (most + 1);
                for (std::uint64_t i = 0; i < n; ++i) made.push_back(Value(mixed(id, salt + 100 + i)));
                return made;
            };
            if (random_.chance(0.2)) skip_some(a, script, input);
            for (const Value& item : input.items)
                if (!script.raise.contains(id_of(item)) || !item.is(Value::Type::int64))
                    for (const Value& made : script.on_item(item)) out.items.push_back(made);
        }
        add(a, script, out);
    }

    static std::int64_t total(const List& seen) {
        std::int64_t sum = 0;
        for (const Value& item : seen) sum ^= mixed(id_of(item), 5);
        return sum;
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
        a.merge = static_cast<Merge>(random_.below(all.in_order ? 4 : 3));
        if (a.merge == Merge::any) all.in_order = false;
        if (a.merge == Merge::zip) {
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
        if (a.from.size() != 1 || a.form == StageForm::fold || a.on_error == OnError::skip ||
            tree_.made[a.from.front()].items.empty())
            return;
        const List& input = tree_.made[a.from.front()].items;
        const Value& item = input[random_.below(input.size())];
        if (!item.is(Value::Type::int64)) return;
        a.on_error = OnError::fail;
        a.retries = 0;
        tree_.scripts[a.name].raise = {item.int64()};
        tree_.dies = 0;
        tree_.fails_at = item.int64();
        tree_.fails_in = a.name;
    }

    void add(const Asked& a, const StageScript& script, const Made& made) {
        tree_.stages.push_back(a);
        tree_.scripts[a.name] = script;
        tree_.made.push_back(made);
    }

    Random& random_;
    Tree tree_;
};

List sorted(List items) {
    std::sort(items.begin(), items.end(), [](const Value& a, const Value& b) { return a.int64() < b.int64(); });
    return items;
}

void check_results(const Tree& tree, StreamNodes& nodes) {
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

// Whatever a stream that failed has stored is right, if not all: no item twice, and none that should not be.
void check_what_a_failed_stream_left(const Tree& tree, StreamNodes& nodes) {
    bool told = false;
    for (const auto& e : nodes.ended) told |= !e->succeeded && e->error.find("cannot do it") != std::string::npos;
    ASSERT_TRUE(told);
    for (std::uint32_t s = 0; s < tree.stages.size(); ++s) {
        const List& got = nodes.stored[tree.stages[s].name].items;
        const Made& wanted = tree.made[s];
        ASSERT_LE(got.size(), wanted.items.size()) << tree.stages[s].name;
        if (tree.read(s)) continue;
        if (wanted.in_order) {
            const List begin(wanted.items.begin(), wanted.items.begin() + static_cast<std::ptrdiff_t>(got.size()));
            ASSERT_TRUE(got == begin) << tree.stages[s].name << " has other items than at the beginning of a good run";
        }
        const List a = sorted(got), b = sorted(wanted.items);
        ASSERT_TRUE(std::includes(b.begin(), b.end(), a.begin(), a.end(),
                                  [](const Value& x, const Value& y) { return x.int64() < y.int64(); }))
            << tree.stages[s].name << " has items that it should not";
    }
}

std::uint64_t check(std::uint64_t seed) {
    SCOPED_TRACE("PENSTOCK_STREAM_SEED=" + std::to_string(seed) + " stream_sim_test");
    Random random(seed);
    const Tree tree = Drawing(random).draw();
    SCOPED_TRACE(tree.text());
    StreamNodes nodes(plan_of(tree.stages), tree.scripts, tree.brokers, random);
    nodes.dies_working = nodes.dies_idle = tree.dies;
    nodes.run();
    EXPECT_TRUE(nodes.all_ended()) << "these wait for ever: " << nodes.waiting();
    EXPECT_EQ(nodes.ignored(), 0u);
    if (!nodes.all_ended()) return nodes.deaths;
    if (!tree.fails_in.empty()) {
        check_what_a_failed_stream_left(tree, nodes);
        return nodes.deaths;
    }
    for (const auto& e : nodes.ended) EXPECT_TRUE(e->succeeded) << e->error;
    check_results(tree, nodes);
    return nodes.deaths;
}

// The same with brokers that are lost in the middle. Nothing that the checker sees, "" = as modelled.
std::string check_losses(std::uint64_t seed, StreamNodes::Fault fault, std::uint64_t& restarts) {
    Random random(seed ^ 0x10555e5);
    Tree tree = Drawing(random).draw();
    if (!tree.fails_in.empty()) return "";
    tree.brokers = random.between(2, 5);
    StreamNodes nodes(plan_of(tree.stages), tree.scripts, tree.brokers, random);
    nodes.dies_working = nodes.dies_idle = tree.dies;
    nodes.fault = fault;
    for (std::uint32_t n = random.between(1, tree.brokers - 1), round = 0; n != 0; --n)
        nodes.losses.push_back(
            {round += random.below(random.chance(0.5) ? 5 : 100), random.between(1, tree.brokers - 1)});
    nodes.run();
    restarts += nodes.restarts;
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

std::uint64_t stream_seeds() {
    const char* asked = std::getenv("PENSTOCK_STREAM_SEEDS");
    return asked == nullptr ? 500 : std::strtoull(asked, nullptr, 10);
}

// PENSTOCK_STREAM_LOSS=N: that seed; PENSTOCK_STREAM_SEEDS=N: so many instead of 500.
TEST(StreamTrees, AreAsModelledWhicheverBrokersAreLost) {
    const char* one = std::getenv("PENSTOCK_STREAM_LOSS");
    const std::uint64_t first = one == nullptr ? 1 : std::strtoull(one, nullptr, 10);
    const std::uint64_t seeds = one == nullptr ? stream_seeds() : 1;
    std::uint64_t restarts = 0;
    for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
        const std::string wrong = check_losses(seed, StreamNodes::Fault::none, restarts);
        ASSERT_EQ(wrong, "") << "again with: PENSTOCK_STREAM_LOSS=" << seed << " stream_sim_test";
    }
    EXPECT_TRUE(one != nullptr || restarts > seeds / 2) << restarts << " losses: too few";
}

class StreamLossFaults : public ::testing::TestWithParam<StreamNodes::Fault> {};

TEST_P(StreamLossFaults, AreCaught) {
    std::uint64_t caught = 0, restarts = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) caught += !check_losses(seed, GetParam(), restarts).empty();
    EXPECT_GT(caught, 3u) << "of 300 seeds";
}

INSTANTIATE_TEST_SUITE_P(Simulated, StreamLossFaults,
                         ::testing::Values(StreamNodes::Fault::deaf_to_epochs, StreamNodes::Fault::same_object),
                         [](const auto& chosen) {
                             return chosen.param == StreamNodes::Fault::same_object ? "same_object" : "deaf_to_epochs";
                         });

// PENSTOCK_STREAM_SEED=N: that one; PENSTOCK_STREAM_SEEDS=N: so many instead of 500.
TEST(StreamTrees, AreAsModelledWhoeverDies) {
    if (const char* one = std::getenv("PENSTOCK_STREAM_SEED")) {
        check(std::strtoull(one, nullptr, 10));
        return;
    }
    const std::uint64_t seeds = stream_seeds();
    std::uint64_t deaths = 0;
    for (const std::uint64_t seed : {1219, 1791, 6979, 7297, 15593, 57129}) check(seed);  // failed once
    for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) deaths += check(seed);
    EXPECT_GT(deaths, seeds) << "the trees are too tame";
}

}  // namespace
}  // namespace penstock::test
