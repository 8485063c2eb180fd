#include "language/lineage.hpp"

#include "value/hash.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace penstock {

namespace {

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// One dimension of a for-each, reduced to some of its axes.
struct Reduced {
    std::vector<Axis> axes;
    std::vector<std::uint32_t> value_class;  // as in GroupRule
    std::uint64_t size = 1;                  // values that differ
};

// True when that can be told without looking at the values one by one.
bool all_differ(const Axis& axis) {
    if (std::holds_alternative<Range>(axis.values)) return true;
    const auto* line = std::get_if<Linspace>(&axis.values);
    if (!line || line->count < 2) return false;
    const double step = std::abs(line->last - line->first) / static_cast<double>(line->count - 1);
    const double size = std::max(std::abs(line->first), std::abs(line->last));
    return step > 4 * std::numeric_limits<double>::epsilon() * size;
}

Reduced reduce(const std::vector<const Axis*>& axes) {
    Reduced reduced;
    const std::uint64_t size = axes.front()->size();
    if (std::any_of(axes.begin(), axes.end(), [](const Axis* axis) { return all_differ(*axis); })) {
        for (const Axis* axis : axes) reduced.axes.push_back(*axis);
        reduced.size = size;
        return reduced;
    }
    std::unordered_map<std::uint64_t, std::uint32_t> classes;  // by the hash of the values
    std::vector<std::uint64_t> firsts;
    reduced.value_class.reserve(size);
    for (std::uint64_t i = 0; i < size; ++i) {
        Hasher hasher;
        for (const Axis* axis : axes) hasher.add(axis->at(i));
        const auto [found, added] = classes.emplace(hasher.value(), static_cast<std::uint32_t>(firsts.size()));
        if (added) firsts.push_back(i);
        reduced.value_class.push_back(found->second);
    }
    reduced.size = firsts.size();
    const bool whole = firsts.size() == size;
    if (whole) reduced.value_class.clear();
    for (const Axis* axis : axes) {
        Axis kept;
        kept.name = axis->name;
        if (whole) {
            kept.values = axis->values;
        } else {
            std::vector<Value> values;
            for (std::uint64_t first : firsts) values.push_back(axis->at(first));
            kept.values = std::move(values);
        }
        reduced.axes.push_back(std::move(kept));
    }
    return reduced;
}

}  // namespace

std::uint32_t GroupRule::group_of(std::uint32_t instance) const {
    std::uint64_t group = 0;
    for (const Dimension& dimension : dimensions) {
        if (dimension.group_stride == 0) continue;
        const std::uint64_t value = instance / dimension.stride % dimension.size;
        group += dimension.group_stride * (dimension.value_class.empty() ? value : dimension.value_class[value]);
    }
    return static_cast<std::uint32_t>(group);
}

Grouped group(const ForEach& values, const std::vector<std::string_view>& names) {
    auto grouped = std::make_shared<ForEach>();
    GroupRule rule;
    std::vector<std::uint64_t> sizes;  // of the kept dimensions
    std::vector<std::size_t> kept;
    for (const std::vector<Axis>& axes : values.dimensions) {
        GroupRule::Dimension dimension;
        dimension.size = axes.front().size();
        std::vector<const Axis*> chosen;
        for (const Axis& axis : axes)
            if (contains(names, axis.name)) chosen.push_back(&axis);
        if (!chosen.empty()) {
            Reduced reduced = reduce(chosen);
            dimension.value_class = std::move(reduced.value_class);
            kept.push_back(rule.dimensions.size());
            sizes.push_back(reduced.size);
            grouped->dimensions.push_back(std::move(reduced.axes));
        }
        rule.dimensions.push_back(std::move(dimension));
    }
    std::uint64_t stride = 1;
    for (std::size_t d = rule.dimensions.size(); d-- > 0;) {
        rule.dimensions[d].stride = stride;
        stride *= rule.dimensions[d].size;
    }
    rule.groups = 1;
    for (std::size_t k = kept.size(); k-- > 0;) {
        rule.dimensions[kept[k]].group_stride = rule.groups;
        rule.groups *= sizes[k];
    }
    if (stride == 0) {  // no instances, no groups: one of the dimensions may still have had values
        rule.groups = 0;
        for (Axis& axis : grouped->dimensions.front()) axis.values = std::vector<Value>();
    }
    return {std::move(grouped), std::move(rule)};
}

void Lineage::set_like(std::uint32_t job, std::uint32_t other) { entries_[job].like = class_of(other); }

void Lineage::set_grouped(std::uint32_t job, std::uint32_t other, GroupRule rule) {
    entries_[job].above = class_of(other);
    entries_[job].rule = std::make_shared<const GroupRule>(std::move(rule));
}

Relation Lineage::relation(std::uint32_t producer, std::uint32_t consumer) const {
    const std::uint32_t wanted = class_of(producer);
    std::uint32_t at = class_of(consumer);
    if (at == wanted) return Relation::twin;
    for (at = entries_[at].above; at != kNone; at = entries_[at].above)
        if (at == wanted) return Relation::group;
    return Relation::all;
}

std::uint32_t Lineage::root_of(std::uint32_t job) const {
    std::uint32_t at = class_of(job);
    while (entries_[at].above != kNone) at = entries_[at].above;
    return at;
}

bool Lineage::strangers_of_one_kin(std::uint32_t producer, std::uint32_t consumer) const {
    return relation(producer, consumer) == Relation::all && root_of(producer) == root_of(consumer);
}

std::optional<std::uint32_t> Lineage::grouping(std::uint32_t producer, std::uint32_t consumer,
                                               std::uint32_t producer_count, std::vector<Grouping>& groupings,
                                               std::uint64_t& entries_left) {
    const std::uint32_t from = class_of(producer), to = class_of(consumer);
    const auto [made, added] =
        made_.try_emplace(std::uint64_t{from} << 32 | to, static_cast<std::uint32_t>(groupings.size()));
    if (!added) return made->second;
    if (producer_count > entries_left) {
        made_.erase(made);
        return std::nullopt;
    }
    entries_left -= producer_count;
    std::vector<const GroupRule*> rules;  // from the consumer up to the producer
    for (std::uint32_t at = to; at != from; at = entries_[at].above) rules.push_back(entries_[at].rule.get());
    Grouping grouping;
    grouping.groups = static_cast<std::uint32_t>(rules.front()->groups);
    grouping.consumer_of.resize(producer_count);
    for (std::uint32_t i = 0; i < producer_count; ++i) {
        std::uint32_t group = i;
        for (std::size_t r = rules.size(); r-- > 0;) group = rules[r]->group_of(group);
        grouping.consumer_of[i] = group;
    }
    groupings.push_back(std::move(grouping));
    return made->second;
}

}  // namespace penstock
