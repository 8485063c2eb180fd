#include "mpi/check_messages.hpp"

#include "mpi/wire.hpp"

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

constexpr std::uint32_t kMostJobs = 100'000'000;  // language/limits.hpp refuses more

using Numbers = std::vector<std::uint32_t>;

void require(bool holds, const char* what) {
    if (!holds) throw WireError(std::string("a plan that cannot be: ") + what);
}

template <class Enum>
bool within(Enum value, Enum last) {
    return static_cast<std::uint8_t>(value) <= static_cast<std::uint8_t>(last);
}

// 0, ..., `last`, never going down: where the parts of a list begin.
bool are_bounds(const Numbers& bounds, std::size_t parts, std::size_t last) {
    return bounds.size() == parts + 1 && bounds.front() == 0 && bounds.back() == last &&
           std::is_sorted(bounds.begin(), bounds.end());
}

bool all_below(const Numbers& numbers, std::uint32_t limit) {
    return std::all_of(numbers.begin(), numbers.end(), [&](std::uint32_t n) { return n < limit; });
}

void check_members(const Grouping& grouping, const GroupMembers& members) {
    require(all_below(grouping.consumer_of, grouping.groups), "a group that is none");
    require(are_bounds(members.begin, grouping.groups, members.members.size()), "groups without members");
    require(all_below(members.members, static_cast<std::uint32_t>(grouping.consumer_of.size())),
            "a member of a group that is none");
}

// Every instance of a twin has its counterpart, and a grouping speaks of just those two templates' instances.
void check_edge(const Structure& s, std::uint32_t producer, std::uint32_t consumer, Relation relation,
                std::uint32_t grouping) {
    require(producer < s.templates() && consumer < s.templates(), "an edge to no template");
    require(within(relation, Relation::group), "an unknown kind of edge");
    if (relation == Relation::twin) require(s.count(producer) == s.count(consumer), "twins of different numbers");
    if (relation != Relation::group) return;
    require(grouping < s.groupings.size(), "an unknown grouping");
    const Grouping& g = s.groupings[grouping];
    require(g.consumer_of.size() == s.count(producer) && g.groups == s.count(consumer), "a grouping of others");
}

void check_binding(const Plan& plan, const JobTemplate& t, const Binding& b) {
    require(within(b.from, Binding::From::store), "an unknown kind of input");
    require(within(b.missing, Missing::null), "an unknown rule for missing inputs");
    for (const Binding::Producer& p : b.producers) {
        require(p.job.value < plan.templates.size(), "an input of no template");
        require(within(p.relation, Relation::group), "an unknown kind of input");
        const std::uint32_t jobs = plan.templates[p.job.value].count;
        require(p.relation != Relation::twin || jobs == t.count, "twins of different numbers");
        require(p.relation != Relation::group || p.grouping < plan.groupings.size(), "an unknown grouping");
        if (p.relation == Relation::group) {
            const Grouping& g = plan.groupings[p.grouping];
            require(g.consumer_of.size() == jobs && g.groups == t.count, "a grouping of others");
        }
        require(p.other_key <= b.other_keys.size(), "an input without a key");
    }
}

void check_for_each(const ForEach& for_each, std::uint32_t count) {
    std::uint64_t product = 1;
    for (const auto& dimension : for_each.dimensions) {
        require(!dimension.empty(), "a for-each over no axis");
        for (const Axis& axis : dimension) require(axis.size() == dimension[0].size(), "a zip of different lengths");
        require(!__builtin_mul_overflow(product, dimension[0].size(), &product), "a for-each too large");
    }
    require(product == count, "a for-each of another number of instances");
}

void check_stage(const Plan& plan, const Stage& s) {
    require(within(s.role, Stage::Role::buffer) && within(s.form, StageForm::source) &&
                within(s.merge, Merge::latest) && within(s.on_error, OnError::retry) &&
                within(s.part, FoldPart::combines),
            "a stage of an unknown kind");
    for (const auto* list : {&s.from, &s.until, &s.branch})
        for (const TemplateIndex t : *list) require(t.value < plan.templates.size(), "a stage from no stage");
}

}  // namespace

void check_flag(const bool& flag) {
    unsigned char byte = 0;
    std::memcpy(&byte, &flag, 1);
    if (byte > 1) throw WireError("a flag of " + std::to_string(byte));
}

void check(const Structure& s) {
    require(!s.first_job.empty() && s.first_job.front() == 0, "no first job");
    require(std::is_sorted(s.first_job.begin(), s.first_job.end()), "jobs out of order");
    require(s.jobs() <= kMostJobs, "more jobs than a definition may have");
    const std::uint32_t templates = s.templates();
    require(s.sole_source.size() == templates && s.has_inputs.size() == templates && s.feeds.size() == templates,
            "lists of different lengths");
    require(are_bounds(s.edge_begin, templates, s.edges.size()), "edges of no template");
    require(are_bounds(s.input_begin, templates, s.inputs.size()), "inputs of no template");
    require(s.members.size() == s.groupings.size(), "groups without members");
    for (std::size_t i = 0; i < s.groupings.size(); ++i) check_members(s.groupings[i], s.members[i]);
    std::vector<std::uint8_t> has_inputs(templates, 0), feeds(templates, 0);
    bool any_values = false;
    for (std::uint32_t t = 0; t < templates; ++t) {
        const std::uint32_t source = s.sole_source[t];
        require(source == Structure::kNone || source < templates, "an input of no template");
        require(source == Structure::kNone || s.count(source) == 1 || s.count(source) == s.count(t),
                "inputs of others");
        for (std::uint32_t e = s.edge_begin[t]; e < s.edge_begin[t + 1]; ++e) {
            check_flag(s.edges[e].carries_values);
            require(within(s.edges[e].when, When::ended), "an unknown kind of edge");
            check_edge(s, t, s.edges[e].consumer, s.edges[e].relation, s.edges[e].grouping);
            if (!s.edges[e].carries_values) continue;
            any_values = true;
            feeds[t] = has_inputs[s.edges[e].consumer] = 1;
        }
        for (std::uint32_t i = s.input_begin[t]; i < s.input_begin[t + 1]; ++i)
            check_edge(s, s.inputs[i].producer, t, s.inputs[i].relation, s.inputs[i].grouping);
    }
    require(any_values == s.any_values && feeds == s.feeds && has_inputs == s.has_inputs, "values that nobody has");
}

void check_header(const Plan& plan) {
    std::uint64_t jobs = 0;
    for (const JobTemplate& t : plan.templates) {
        require(t.first_job.value == jobs, "jobs out of order");
        jobs += t.count;
    }
    require(jobs == plan.job_count, "another number of jobs");
    require(plan.stages.empty() || plan.stages.size() == plan.templates.size(), "another number of stages");
    for (const Stage& s : plan.stages) check_stage(plan, s);
    for (const Grouping& g : plan.groupings) require(all_below(g.consumer_of, g.groups), "a group that is none");
}

void check_block(const Plan& plan, std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t i = first; i < last; ++i) {
        const JobTemplate& t = plan.templates[i];
        const std::uint64_t next =
            i + 1 < plan.templates.size() ? plan.templates[i + 1].first_job.value : plan.job_count;
        const JobTemplate* before = i == 0 ? nullptr : &plan.templates[i - 1];
        require(t.first_job.value == (before == nullptr ? 0 : before->first_job.value + before->count) &&
                    std::uint64_t{t.first_job.value} + t.count == next,
                "jobs of another template");
        require(within(t.isolation, Isolation::in_line), "an unknown isolation");
        require(t.follower == JobTemplate::kNoFollower ||
                    (t.follower < plan.templates.size() && plan.templates[t.follower].count == t.count),
                "an unknown follower");
        require(t.group_hashes == nullptr || t.group_hashes->size() == t.count, "another number of hashes");
        if (t.for_each != nullptr) check_for_each(*t.for_each, t.count);
        for (const Binding& b : t.bindings) check_binding(plan, t, b);
    }
}

}  // namespace penstock
