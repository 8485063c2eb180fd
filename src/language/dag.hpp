// Who waits for whom, as a graph of indices: order, circles, and who comes before whom.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace penstock {

// One dependency: the consumer waits for the producer.
struct Arc {
    std::uint32_t producer = 0;
    std::uint32_t consumer = 0;
};

// The producers of each node, in one array.
class Dag {
public:
    Dag(std::uint32_t nodes, std::span<const Arc> arcs);

    std::uint32_t size() const { return static_cast<std::uint32_t>(begin_.size() - 1); }
    std::span<const std::uint32_t> producers(std::uint32_t node) const {
        return {producers_.data() + begin_[node], begin_[node + 1] - begin_[node]};
    }

    // Producers first; shorter than size() when there are circles: what is in one, or behind one, is missing.
    const std::vector<std::uint32_t>& order() const { return order_; }
    bool has_circles() const { return order_.size() < size(); }
    // The position of a node in order().
    std::uint32_t rank(std::uint32_t node) const { return rank_[node]; }

    // One circle of each knot of nodes that depend on one another: a short one through the knot's first node, as
    // first, next, ..., last, where each waits for the one before it and the first for the last. By first node.
    std::vector<std::vector<std::uint32_t>> circles() const;

private:
    void sort();
    std::vector<std::uint32_t> circle_through(std::uint32_t first, const std::vector<std::uint32_t>& knot_of,
                                              std::vector<std::uint8_t>& seen) const;

    std::vector<std::uint32_t> begin_;
    std::vector<std::uint32_t> producers_;
    std::vector<std::uint32_t> order_;
    std::vector<std::uint32_t> rank_;
};

// Thrown when an answer would take more steps than allowed.
struct TooManySteps {};

// Whether one node comes before another, directly or not. Prepared in O(nodes + arcs); most questions are answered at
// once from numbers given then (two depth-first walks: GRAIL labels, and a spanning forest), the others by a walk that
// these numbers keep short. No bound on that walk is near-linear in the worst case, so `steps` counts down and
// TooManySteps ends it. The graph must have no circles.
class Ancestry {
public:
    Ancestry(const Dag& dag, std::uint64_t& steps);

    bool precedes(std::uint32_t before, std::uint32_t after);

private:
    struct Label {
        std::uint32_t low = 0;    // the least number among the node and all before it
        std::uint32_t high = 0;   // its own, given when all before it have theirs
        std::uint32_t enter = 0;  // its subtree of the walk has the numbers enter .. high
    };
    enum class Answer { yes, no, unknown };

    void walk(std::vector<Label>& labels, bool backwards);
    Answer known(std::uint32_t before, std::uint32_t after) const;
    void spend(std::uint64_t steps);

    const Dag& dag_;
    std::uint64_t& steps_;
    std::vector<Label> forwards_, backwards_;
    std::vector<std::uint32_t> seen_;  // by which question
    std::uint32_t question_ = 0;
};

}  // namespace penstock
