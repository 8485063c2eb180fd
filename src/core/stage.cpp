#include "core/stage.hpp"

#include "core/plan.hpp"

#include <algorithm>

namespace penstock {

namespace {

class Completion {
public:
    explicit Completion(Plan& plan) : plan_(plan), asked_(static_cast<std::uint32_t>(plan.stages.size())) {}

    void run() {
        for (std::uint32_t s = 0; s < asked_; ++s) order_input(s);
        add_results();
        number_jobs();
    }

private:
    Stage& stage(std::uint32_t s) { return plan_.stages[s]; }
    std::uint32_t workers(std::uint32_t s) const { return plan_.templates[s].count; }

    // Whether what the stage makes comes over several links that have an order among them.
    bool in_parts(std::uint32_t s) {
        const Stage& of = stage(s);
        return of.keeps_order ||
               (of.form == StageForm::source && of.role == Stage::Role::worker && of.ordered && workers(s) > 1);
    }

    // With several workers there is no one place where the stage's input could be put in order: such a place is added
    // when its input has an order that somebody can see. Without an order in its input a stage has none to keep.
    void order_input(std::uint32_t s) {
        if (workers(s) == 1 || stage(s).from.empty()) return;
        const bool merges = stage(s).from.size() > 1 && stage(s).merge != Merge::any;
        const std::uint32_t producer = stage(s).from.front().value;
        if (merges || (stage(s).ordered && in_parts(producer))) {
            const std::uint32_t order = add("@order", s);
            stage(order).from = std::move(stage(s).from);
            stage(order).merge = stage(s).merge;
            stage(s).from = {TemplateIndex(order)};
            stage(s).merge = Merge::any;
        }
        const bool one_feeds_it = stage(s).from.size() == 1 && workers(stage(s).from.front().value) == 1;
        stage(s).keeps_order = stage(s).ordered && one_feeds_it;
    }

    void add_results() {
        std::vector<bool> has_successor(plan_.stages.size(), false);
        for (const Stage& each : plan_.stages)
            for (const TemplateIndex producer : each.from) has_successor[producer.value] = true;
        for (std::uint32_t s = 0; s < asked_; ++s) {
            const SavePolicy& save = plan_.templates[s].save;
            if (has_successor[s] || (!save.all && save.keys.empty())) continue;
            const std::uint32_t results = add("@results", s);
            stage(results).role = Stage::Role::results;
            stage(results).from = {TemplateIndex(s)};
        }
    }

    std::uint32_t add(const std::string& what, std::uint32_t beside) {
        JobTemplate inner;
        inner.name = plan_.templates[beside].name + what;
        inner.worker = what;
        inner.resources.cpus = 0;
        inner.isolation = Isolation::in_line;
        inner.priority = plan_.templates[beside].priority;
        plan_.templates.push_back(std::move(inner));
        Stage added;
        added.role = Stage::Role::order;
        added.queue = stage(beside).queue;
        plan_.stages.push_back(std::move(added));
        return static_cast<std::uint32_t>(plan_.stages.size() - 1);
    }

    void number_jobs() {
        plan_.job_count = 0;
        for (JobTemplate& t : plan_.templates) {
            t.first_job = JobIndex(plan_.job_count);
            plan_.job_count += t.count;
        }
    }

    Plan& plan_;
    const std::uint32_t asked_;
};

}  // namespace

void complete_stream(Plan& plan) { Completion(plan).run(); }

}  // namespace penstock
