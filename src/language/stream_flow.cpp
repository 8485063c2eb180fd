// Putting flows together: always new nodes, so that no operand changes.
#include "language/stream_flow.hpp"

#include <map>
#include <set>

namespace penstock {

namespace {

using NodePtr = std::shared_ptr<const Flow::Node>;

std::string name_of(const StageSpec& stage) { return stage.name().empty() ? stage.worker() : stage.name(); }

}  // namespace

// The stages of a flow, with those that are open fed by another one.
class FlowJoin {
public:
    explicit FlowJoin(const Flow& left) : left_(left) {}

    Flow join(const Flow& right) {
        if (left_.ends_.empty())
            throw std::invalid_argument(
                "a flow without stages has no items to be taken; begin with a source or a stage");
        for (const NodePtr& end : left_.ends_)
            if (end->stage.dead_end_)
                throw std::invalid_argument("stage `" + name_of(end->stage) +
                                            "` is a dead end, so nothing comes out of it for another stage; leave "
                                            "dead_end() out, or end the flow with it");
        Flow joined;
        joined.merge_ = right.merge_;
        for (const NodePtr& end : right.ends_) joined.ends_.push_back(fed(end));
        if (!fed_any_)
            throw std::invalid_argument(
                "the items of stage `" + name_of(left_.ends_.front()->stage) +
                "` are taken by nobody: what stands behind `|` begins with a source, which makes "
                "items and takes none; put the source first, or merge the two");
        return joined;
    }

    static Flow together(const std::vector<Flow>& flows, std::string merge) {
        Flow all;
        all.merge_ = std::move(merge);
        std::set<const Flow::Node*> known;
        for (const Flow& flow : flows)
            for (const NodePtr& end : flow.ends_)
                if (known.insert(end.get()).second) all.ends_.push_back(end);
        return all;
    }

private:
    NodePtr fed(const NodePtr& node) {
        const auto known = done_.find(node.get());
        if (known != done_.end()) return known->second;
        Flow::Node copy = *node;
        bool changed = node->open;
        if (node->open) {
            copy.open = false;
            copy.from = left_.ends_;
            copy.merge = left_.merge_;
            fed_any_ = true;
        } else {
            for (NodePtr& from : copy.from) {
                NodePtr other = fed(from);
                changed |= other != from;
                from = std::move(other);
            }
        }
        NodePtr made = changed ? std::make_shared<const Flow::Node>(std::move(copy)) : node;
        done_.emplace(node.get(), made);
        return made;
    }

    const Flow& left_;
    std::map<const Flow::Node*, NodePtr> done_;
    bool fed_any_ = false;
};

Flow::Flow(StageSpec stage) {
    const bool open = !stage.is_source_;
    ends_.push_back(std::make_shared<const Node>(Node{std::move(stage), {}, "", open}));
}

Flow operator|(const Flow& left, const Flow& right) { return FlowJoin(left).join(right); }
Flow& Flow::operator|=(const Flow& right) { return *this = *this | right; }

namespace merge {
Flow any(std::vector<Flow> flows) { return FlowJoin::together(flows, "any"); }
Flow concat(std::vector<Flow> flows) { return FlowJoin::together(flows, "concat"); }
Flow interleave(std::vector<Flow> flows) { return FlowJoin::together(flows, "interleave"); }
Flow zip(std::vector<Flow> flows) { return FlowJoin::together(flows, "zip"); }
}  // namespace merge
Flow fork(std::vector<Flow> branches) { return FlowJoin::together(branches, ""); }

// ------------------------------------------------------------------------------------------ pipelines

namespace {

// All stages, producers first, and names for those that have none.
class Placing {
public:
    void visit(const NodePtr& node) {
        if (!seen_.insert(node.get()).second) return;
        for (const NodePtr& from : node->from) visit(from);
        order.push_back(node);
        open |= node->open;
        if (!node->stage.name().empty()) taken_.insert(node->stage.name());
    }

    std::string name(const Flow::Node& node, const std::string& usual) {
        if (!node.stage.name().empty()) return node.stage.name();
        std::string free = usual;
        for (std::size_t n = 2; !taken_.insert(free).second; ++n) free = usual + "-" + std::to_string(n);
        return free;
    }

    std::vector<NodePtr> order;
    bool open = false;

private:
    std::set<const Flow::Node*> seen_;
    std::set<std::string> taken_;
};

}  // namespace

StreamPipeline::StreamPipeline(std::string name, std::vector<Flow> flows) : name_(std::move(name)) {
    Placing placing;
    for (const Flow& flow : flows)
        for (const NodePtr& end : flow.ends_) placing.visit(end);
    if (placing.open) {  // what is put into the stream
        const NodePtr fed = Flow(input()).ends_.front();
        placing.visit(fed);
        placed_.push_back(std::make_shared<const Placed>(Placed{fed->stage.name(), fed->stage, {}, "", false}));
        placing.order.pop_back();
    }
    std::map<const Flow::Node*, std::string> names;
    std::set<const Flow::Node*> taken;
    for (const NodePtr& node : placing.order) {
        Placed placed{placing.name(*node, node->stage.is_input_ ? "source" : node->stage.worker()),
                      node->stage,
                      {},
                      node->merge,
                      false};
        names[node.get()] = placed.name;
        for (const NodePtr& from : node->from) {
            placed.from.push_back(names[from.get()]);
            taken.insert(from.get());
        }
        if (node->open) placed.from.push_back(placed_.front()->name);
        placed_.push_back(std::make_shared<const Placed>(std::move(placed)));
    }
    const std::size_t added = placing.open ? 1 : 0;
    for (std::size_t i = 0; i < placing.order.size(); ++i) {
        if (taken.contains(placing.order[i].get()) || placing.order[i]->stage.dead_end_) continue;
        Placed sink = *placed_[i + added];
        sink.sink = true;
        placed_[i + added] = std::make_shared<const Placed>(std::move(sink));
    }
}

StreamPipeline StreamPipeline::data(std::string key, Value value) const {
    StreamPipeline changed = *this;
    changed.data_.insert_or_assign(std::move(key), std::move(value));
    return changed;
}

std::vector<std::string> StreamPipeline::stages() const {
    std::vector<std::string> names;
    for (const auto& each : placed_) names.push_back(each->name);
    return names;
}

std::vector<std::string> StreamPipeline::sinks() const {
    std::set<std::string> paired;  // what these make goes into the pairs of a sample
    for (const auto& each : placed_) {
        const Document& with = each->stage.parameters();
        const auto keeps = with.find("keep-latest");
        const auto until = with.find("until");
        if (keeps != with.end() && keeps->second == Value(true) && until != with.end() &&
            until->second.is(Value::Type::string))
            paired.insert(until->second.string());
    }
    std::vector<std::string> names;
    for (const auto& each : placed_)
        if (each->sink && !paired.contains(each->name)) names.push_back(each->name);
    return names;
}

std::vector<std::string> StreamPipeline::inputs() const {
    std::vector<std::string> names;
    for (const auto& each : placed_)
        if (each->stage.is_input_ && !each->stage.feed_) names.push_back(each->name);
    return names;
}

std::vector<std::pair<std::string, std::string>> StreamPipeline::graph() const {
    std::vector<std::pair<std::string, std::string>> arrows;
    for (const auto& each : placed_)
        for (const std::string& from : each->from) arrows.emplace_back(from, each->name);
    return arrows;
}

StreamError::StreamError(std::string stage, std::optional<std::uint64_t> item, std::string cause)
    : std::runtime_error((stage.empty() ? std::string("the stream failed")
                                        : "stage `" + stage + "` failed" +
                                              (item ? " with item " + std::to_string(*item) : std::string())) +
                         ": " + cause),
      stage_(std::move(stage)),
      item_(item),
      cause_(std::move(cause)) {}

}  // namespace penstock
