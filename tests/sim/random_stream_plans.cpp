#include "sim/random_stream_plans.hpp"

#include "sim/random_streams.hpp"

#include <algorithm>

namespace penstock::sim {

namespace {

constexpr double kWithStreams = 0.3;

// Such that each of them finds its place when nothing else runs: the stages are spread over hosts as if it did.
bool give_resources(Plan& plan, const Scenario& s, Random& random) {
    std::vector<std::uint32_t> free;
    for (const HostDescription& h : s.hosts) free.push_back(h.cpus);
    bool any = false;
    for (std::uint32_t t = 0; t < plan.templates.size(); ++t) {
        if (plan.stages[t].role != Stage::Role::worker || random.chance(0.4)) continue;
        const std::uint32_t host = random.below(free.size());
        const std::uint32_t each = free[host] / plan.templates[t].count;
        if (each == 0) continue;
        plan.templates[t].resources.cpus = random.between(1, each);
        free[host] -= plan.templates[t].resources.cpus * plan.templates[t].count;
        any = true;
    }
    return any;
}

// Of some stages an item may take so long at most, and some never get done with one: it is tried again.
void give_timeouts(Plan& plan, test::Tree& tree, Random random) {
    constexpr double kTimeout = 0.5;  // far longer than any item else takes
    for (std::uint32_t s = 0; s < tree.stages.size(); ++s) {
        const test::Asked& a = tree.stages[s];
        if (a.from.size() != 1 || a.on_error != OnError::retry || !random.chance(0.2)) continue;
        for (std::uint32_t t = 0; t < plan.templates.size(); ++t)
            if (stage_shown_for(plan.templates[t].name) == a.name && plan.stages[t].role == Stage::Role::worker &&
                plan.stages[t].part != FoldPart::combines)
                plan.templates[t].timeout_s = kTimeout;
        const List& input = tree.made[a.from.front()].items;
        for (std::uint32_t n = input.empty() ? 0 : random.below(4); n != 0; --n) {
            const Value& item = input[random.below(input.size())];
            if (item.is(Value::Type::int64)) tree.scripts.at(a.name).hang.insert(item.int64());
        }
    }
}

// Beside many small jobs: one that needs several CPUs at once.
void add_wide_stream(Scenario& s, Random& random) {
    auto tree =
        std::make_shared<test::Tree>(test::Drawing(random, test::Drawing::Kind::goes_on, {"wide-", 20, 0}).draw());
    auto plan = std::make_shared<Plan>(*test::plan_of(tree->stages));
    plan->name = "wide";
    for (JobTemplate& t : plan->templates) t.resources = {0, 0, {}};
    give_resources(*plan, s, random);
    s.streams.emplace(plan->name, std::move(tree));
    s.jobs += plan->job_count;
    s.submissions.push_back({static_cast<std::uint32_t>(s.plans.size()), s.longest_job, false});
    s.plans.push_back(std::move(plan));
}

}  // namespace

void add_streams(Scenario& s, Random random, bool may_fail) {
    if (s.crowded && random.chance(0.5)) return add_wide_stream(s, random);
    if (s.crowded || !random.chance(kWithStreams)) return;
    const bool hold = random.chance(0.4);
    for (std::uint32_t n = random.between(1, 2); n != 0; --n) {
        const std::string name = "s" + std::to_string(s.plans.size());
        const bool ends = s.end_now_at || s.ends_at;
        const auto kind = random.chance(ends ? 0.2 : 0.5) ? test::Drawing::Kind::goes_on : test::Drawing::Kind::any;
        auto tree = std::make_shared<test::Tree>(test::Drawing(random, kind,
                                                               {name + "-", random.chance(0.8) ? 40u : 150u,
                                                                !may_fail ? 0
                                                                : ends    ? 0.7
                                                                          : 0.15})
                                                     .draw());
        auto plan = std::make_shared<Plan>(*test::plan_of(tree->stages));
        plan->name = name;
        for (JobTemplate& t : plan->templates) t.resources = {0, 0, {}};
        if (!ends) give_timeouts(*plan, *tree, Random(s.seed ^ mix(0x71e0 + s.plans.size())));
        if (hold && give_resources(*plan, s, random)) s.only_simple = false;
        s.streams.emplace(name, std::move(tree));
        s.jobs += plan->job_count;
        Submission submission{static_cast<std::uint32_t>(s.plans.size()), 0, random.chance(0.1)};
        if (random.chance(0.4)) submission.at = random.time(1000, 500'000'000);
        const auto at = static_cast<std::ptrdiff_t>(random.below(s.submissions.size() + 1));
        Random closing(s.seed ^ mix(0xc105e + s.plans.size()));
        if (s.streams.at(name)->fails_in.empty() && closing.chance(0.15))
            submission.closed_after = closing.chance(0.4) ? 0 : closing.time(1000, 2'000'000'000);
        s.submissions.insert(s.submissions.begin() + at, submission);
        s.plans.push_back(std::move(plan));
    }
}

Scenario without_streams(Scenario s) {
    std::erase_if(s.submissions, [&](const Submission& submission) {
        const Plan& plan = *s.plans[submission.plan];
        if (plan.is_stream()) s.jobs -= plan.job_count;
        return plan.is_stream();
    });
    s.streams.clear();
    return s;
}

}  // namespace penstock::sim
