// Which of the jobs before a job makes a key: the nearest one, when there is such a thing.
//
// Among all jobs before a job that make the key, the nearest is the one that comes after all the others. With two that
// do not come one after the other there is none, and the definition must say which is meant.
//
// Only asked for keys that are really needed. A key that few jobs make is decided by who precedes whom; for others the
// graph is searched upwards as far as the next makers, and what is found is kept for each job on the way. Near-linear
// on graphs as people make them; LanguageLimits::ancestor_steps bounds the rest.
#pragma once

#include "language/dag.hpp"

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

namespace penstock {

class NearestMaker {
public:
    // `makers[key]`: the nodes that make it, ascending.
    NearestMaker(const Dag& dag, const std::vector<std::vector<std::uint32_t>>& makers, std::uint64_t steps);

    struct Found {
        enum class What { none, one, several, too_many_steps };
        What what = What::none;
        std::uint32_t maker = 0;
        std::uint32_t other = 0;  // several: one that does not precede `maker`, and is not preceded by it
    };
    Found find(std::uint32_t node, std::uint32_t key);

    // Whether one node comes before another. Throws TooManySteps.
    bool precedes(std::uint32_t before, std::uint32_t after) { return ancestry_.precedes(before, after); }

private:
    // Candidates for the nearest maker before a node: none, one, or a set of several that all precede the node.
    using Candidates = std::shared_ptr<const std::vector<std::uint32_t>>;  // null = none

    Found choose(const std::vector<std::uint32_t>& candidates);
    Found find_among_few(std::uint32_t node, const std::vector<std::uint32_t>& makers);
    Candidates search(std::uint32_t node, std::uint32_t key);
    bool combine(std::uint32_t node, std::uint32_t key);
    bool makes(std::uint32_t node, std::uint32_t key) const;
    void spend(std::uint64_t steps);
    static std::uint64_t memo_key(std::uint32_t node, std::uint32_t key) { return std::uint64_t{key} << 32 | node; }

    const Dag& dag_;
    const std::vector<std::vector<std::uint32_t>>& makers_;
    std::uint64_t steps_;
    Ancestry ancestry_;
    std::unordered_map<std::uint64_t, Candidates> memo_;
    std::vector<std::uint32_t> waiting_;  // nodes whose candidates are being looked for
};

}  // namespace penstock
