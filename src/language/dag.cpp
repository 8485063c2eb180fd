#include "language/dag.hpp"

#include <algorithm>

namespace penstock {

namespace {

constexpr std::uint32_t kNone = 0xffffffff;

// Tarjan's strongly connected components, without recursion. knot[node] = the number of its component.
class Knots {
public:
    explicit Knots(const Dag& dag)
        : dag_(dag),
          knot_(dag.size(), kNone),
          number_(dag.size(), kNone),
          low_(dag.size(), 0),
          on_stack_(dag.size(), 0) {}

    std::vector<std::uint32_t> find() {
        for (std::uint32_t node = 0; node < dag_.size(); ++node)
            if (number_[node] == kNone) visit_all(node);
        return std::move(knot_);
    }

private:
    struct Frame {
        std::uint32_t node;
        std::uint32_t next;
    };

    void enter(std::uint32_t node) {
        number_[node] = low_[node] = counter_++;
        stack_.push_back(node);
        on_stack_[node] = 1;
        frames_.push_back({node, 0});
    }

    void visit_all(std::uint32_t root) {
        enter(root);
        while (!frames_.empty()) {
            Frame& frame = frames_.back();
            const auto producers = dag_.producers(frame.node);
            if (frame.next < producers.size()) {
                const std::uint32_t producer = producers[frame.next++];
                if (number_[producer] == kNone)
                    enter(producer);  // `frame` is no longer valid
                else if (on_stack_[producer])
                    low_[frame.node] = std::min(low_[frame.node], number_[producer]);
                continue;
            }
            const std::uint32_t node = frame.node;
            frames_.pop_back();
            if (!frames_.empty()) low_[frames_.back().node] = std::min(low_[frames_.back().node], low_[node]);
            if (low_[node] == number_[node]) close(node);
        }
    }

    void close(std::uint32_t node) {
        std::uint32_t member = kNone;
        do {
            member = stack_.back();
            stack_.pop_back();
            on_stack_[member] = 0;
            knot_[member] = knots_;
        } while (member != node);
        ++knots_;
    }

    const Dag& dag_;
    std::vector<std::uint32_t> knot_, number_, low_;
    std::vector<std::uint8_t> on_stack_;
    std::vector<std::uint32_t> stack_;
    std::vector<Frame> frames_;
    std::uint32_t counter_ = 0, knots_ = 0;
};

}  // namespace

// ---------------------------------------------------------------------------------------------- Dag

Dag::Dag(std::uint32_t nodes, std::span<const Arc> arcs) : begin_(nodes + 1, 0), producers_(arcs.size()) {
    for (const Arc& arc : arcs) ++begin_[arc.consumer + 1];
    for (std::uint32_t node = 0; node < nodes; ++node) begin_[node + 1] += begin_[node];
    std::vector<std::uint32_t> next(begin_.begin(), begin_.end() - 1);
    for (const Arc& arc : arcs) producers_[next[arc.consumer]++] = arc.producer;
    sort();
}

void Dag::sort() {
    const std::uint32_t nodes = size();
    std::vector<std::uint32_t> consumer_begin(nodes + 1, 0), consumers(producers_.size()), waiting(nodes, 0);
    for (std::uint32_t producer : producers_) ++consumer_begin[producer + 1];
    for (std::uint32_t node = 0; node < nodes; ++node) consumer_begin[node + 1] += consumer_begin[node];
    std::vector<std::uint32_t> next(consumer_begin.begin(), consumer_begin.end() - 1);
    for (std::uint32_t node = 0; node < nodes; ++node) {
        waiting[node] = begin_[node + 1] - begin_[node];
        for (std::uint32_t producer : producers(node)) consumers[next[producer]++] = node;
        if (waiting[node] == 0) order_.push_back(node);
    }
    for (std::size_t done = 0; done < order_.size(); ++done) {
        const std::uint32_t node = order_[done];
        for (std::uint32_t i = consumer_begin[node]; i < consumer_begin[node + 1]; ++i)
            if (--waiting[consumers[i]] == 0) order_.push_back(consumers[i]);
    }
    rank_.assign(nodes, kNone);
    for (std::uint32_t i = 0; i < order_.size(); ++i) rank_[order_[i]] = i;
}

std::vector<std::vector<std::uint32_t>> Dag::circles() const {
    if (!has_circles()) return {};
    const std::vector<std::uint32_t> knot_of = Knots(*this).find();
    std::vector<std::uint8_t> done(size(), 0);  // by knot
    std::vector<std::uint8_t> seen(size(), 0);  // one for all: knots have no nodes in common
    std::vector<std::vector<std::uint32_t>> circles;
    for (std::uint32_t node = 0; node < size(); ++node) {
        if (done[knot_of[node]]) continue;
        done[knot_of[node]] = 1;
        std::vector<std::uint32_t> circle = circle_through(node, knot_of, seen);
        if (!circle.empty()) circles.push_back(std::move(circle));
    }
    return circles;
}

// Breadth first along producers, within the knot, until `first` comes again.
std::vector<std::uint32_t> Dag::circle_through(std::uint32_t first, const std::vector<std::uint32_t>& knot_of,
                                               std::vector<std::uint8_t>& seen) const {
    struct Step {
        std::uint32_t node;
        std::uint32_t consumer;  // where in the queue it is
    };
    std::vector<Step> queue{{first, kNone}};
    for (std::size_t at = 0; at < queue.size(); ++at) {
        for (std::uint32_t producer : producers(queue[at].node)) {
            if (producer == first) {
                std::vector<std::uint32_t> circle;
                for (std::uint32_t i = static_cast<std::uint32_t>(at); i != kNone; i = queue[i].consumer)
                    circle.push_back(queue[i].node);
                // From the last producer back to `first`: that is the order of waiting, but for where it begins.
                std::rotate(circle.begin(), circle.end() - 1, circle.end());
                return circle;
            }
            if (knot_of[producer] != knot_of[first] || seen[producer]) continue;
            seen[producer] = 1;
            queue.push_back({producer, static_cast<std::uint32_t>(at)});
        }
    }
    return {};
}

// ---------------------------------------------------------------------------------------------- Ancestry

Ancestry::Ancestry(const Dag& dag, std::uint64_t& steps)
    : dag_(dag), steps_(steps), forwards_(dag.size()), backwards_(dag.size()), seen_(dag.size(), 0) {
    walk(forwards_, false);
    walk(backwards_, true);
}

// Depth first from the last nodes towards their producers.
void Ancestry::walk(std::vector<Label>& labels, bool backwards) {
    struct Frame {
        std::uint32_t node;
        std::uint32_t next;
    };
    std::vector<std::uint8_t> entered(dag_.size(), 0);
    std::vector<Frame> frames;
    std::uint32_t counter = 0;
    const auto enter = [&](std::uint32_t node) {
        entered[node] = 1;
        labels[node].enter = counter;
        labels[node].low = kNone;
        frames.push_back({node, 0});
    };
    for (auto root = dag_.order().rbegin(); root != dag_.order().rend(); ++root) {
        if (entered[*root]) continue;
        enter(*root);
        while (!frames.empty()) {
            const std::uint32_t node = frames.back().node;
            const auto producers = dag_.producers(node);
            if (frames.back().next < producers.size()) {
                const std::uint32_t i = frames.back().next++;
                const std::uint32_t producer = producers[backwards ? producers.size() - 1 - i : i];
                if (!entered[producer])
                    enter(producer);
                else
                    labels[node].low = std::min(labels[node].low, labels[producer].low);
                continue;
            }
            labels[node].high = counter++;
            labels[node].low = std::min(labels[node].low, labels[node].high);
            frames.pop_back();
            if (!frames.empty()) {
                Label& above = labels[frames.back().node];
                above.low = std::min(above.low, labels[node].low);
            }
        }
    }
}

Ancestry::Answer Ancestry::known(std::uint32_t before, std::uint32_t after) const {
    if (dag_.rank(before) >= dag_.rank(after)) return Answer::no;
    for (const std::vector<Label>* labels : {&forwards_, &backwards_}) {
        const Label& a = (*labels)[before];
        const Label& b = (*labels)[after];
        if (a.low < b.low || a.high > b.high) return Answer::no;  // all before `a` would be before `b`
        if (a.high >= b.enter) return Answer::yes;                // below `b` in the walk
    }
    return Answer::unknown;
}

void Ancestry::spend(std::uint64_t steps) {
    if (steps > steps_) {
        steps_ = 0;
        throw TooManySteps{};
    }
    steps_ -= steps;
}

bool Ancestry::precedes(std::uint32_t before, std::uint32_t after) {
    spend(1);
    const Answer at_once = known(before, after);
    if (at_once != Answer::unknown) return at_once == Answer::yes;
    ++question_;
    std::vector<std::uint32_t> stack{after};
    while (!stack.empty()) {
        const std::uint32_t node = stack.back();
        stack.pop_back();
        const auto producers = dag_.producers(node);
        spend(producers.size());
        for (std::uint32_t producer : producers) {
            if (producer == before) return true;
            if (seen_[producer] == question_) continue;
            seen_[producer] = question_;
            const Answer answer = known(before, producer);
            if (answer == Answer::yes) return true;
            if (answer == Answer::unknown) stack.push_back(producer);
        }
    }
    return false;
}

}  // namespace penstock
