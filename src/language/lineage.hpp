// How for-each instances of different jobs belong together: `like` and `like ... by`.
//
// Every job has a class: the job itself, or, when it is `like` another one, that one's class. Jobs of one class have
// the same instances, number by number. A job grouped `by` some names begins a class of its own, above which is the
// class of the job it groups. One job's instances follow another's when the other's class is its own (twins) or above
// it (groups).
#pragma once

#include "core/plan.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace penstock {

// From the number of an instance to the number of its group, by arithmetic: nothing is kept for each instance.
struct GroupRule {
    struct Dimension {
        std::uint64_t size = 1;
        std::uint64_t stride = 1;                // instances from one value to the next
        std::uint64_t group_stride = 0;          // groups from one value to the next; 0 = not grouped by this dimension
        std::vector<std::uint32_t> value_class;  // which values are the same; empty = all differ
    };
    std::vector<Dimension> dimensions;
    std::uint64_t groups = 0;

    std::uint32_t group_of(std::uint32_t instance) const;
};

// The groups of `values` by `names` (all known to be names of it), in order of first appearance, and their own values.
struct Grouped {
    std::shared_ptr<const ForEach> values;
    GroupRule rule;
};
Grouped group(const ForEach& values, const std::vector<std::string_view>& names);

class Lineage {
public:
    explicit Lineage(std::uint32_t jobs) : entries_(jobs) {}

    // To be called for the job it is like before it is called for those like it.
    void set_like(std::uint32_t job, std::uint32_t other);
    void set_grouped(std::uint32_t job, std::uint32_t other, GroupRule rule);

    Relation relation(std::uint32_t producer, std::uint32_t consumer) const;
    // Whether both are made, by `like` and `by`, of the instances of one job, while relation() is `all`: neither
    // follows the other's instances, as people may think who see the names they share.
    bool strangers_of_one_kin(std::uint32_t producer, std::uint32_t consumer) const;
    // For Relation::group: the index of the grouping in `groupings`, made when first asked for. Nothing when it would
    // exceed `entries_left`, from which what is made is taken.
    std::optional<std::uint32_t> grouping(std::uint32_t producer, std::uint32_t consumer, std::uint32_t producer_count,
                                          std::vector<Grouping>& groupings, std::uint64_t& entries_left);

private:
    static constexpr std::uint32_t kNone = 0xffffffff;
    struct Entry {
        std::uint32_t like = kNone;   // of this job's class
        std::uint32_t above = kNone;  // the class this class groups
        std::shared_ptr<const GroupRule> rule;
    };

    std::uint32_t root_of(std::uint32_t job) const;
    std::uint32_t class_of(std::uint32_t job) const { return entries_[job].like == kNone ? job : entries_[job].like; }

    std::vector<Entry> entries_;
    std::unordered_map<std::uint64_t, std::uint32_t> made_;
};

}  // namespace penstock
