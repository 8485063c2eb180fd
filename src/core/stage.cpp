#include "core/stage.hpp"

#include "core/plan.hpp"
#include "core/stage_counts.hpp"

#include <algorithm>
#include <numeric>
#include <optional>

namespace penstock {

namespace {

// Stages that are joined by links in whatever direction, when those of one of them do not count.
class Joined {
public:
    Joined(const std::vector<Stage>& stages, std::uint32_t without) : group_(stages.size()) {
        std::iota(group_.begin(), group_.end(), 0);
        for (std::uint32_t s = 0; s < stages.size(); ++s)
            for (const TemplateIndex from : stages[s].from) {
                if (s == without || from.value == without) continue;
                const std::uint32_t other = group_[from.value], one = group_[s];
                std::replace(group_.begin(), group_.end(), other, one);
            }
    }
    bool operator()(TemplateIndex a, TemplateIndex b) const { return group_[a.value] == group_[b.value]; }

private:
    std::vector<std::uint32_t> group_;
};

bool waits_for_one_input(const Stage& stage) {
    const bool in_turn = stage.merge == Merge::concat || stage.merge == Merge::interleave || stage.merge == Merge::zip;
    return in_turn && stage.from.size() > 1;
}

}  // namespace

// Who waits for room waits for a stage behind it, and who waits for items for one before it. So a circle of stages that
// wait for one another turns somewhere, and only a merge that waits for one input while another one is full is such a
// turn. An input that is never full breaks every circle through it.
std::vector<BufferedInput> inputs_to_buffer(const std::vector<Stage>& stages) {
    std::vector<BufferedInput> found;
    for (std::uint32_t s = 0; s < stages.size(); ++s) {
        if (!waits_for_one_input(stages[s])) continue;
        const std::vector<TemplateIndex>& from = stages[s].from;
        const Joined joined(stages, s);
        for (std::uint32_t i = 0; i < from.size(); ++i) {
            // concat waits for no input after the one at hand.
            const std::size_t others = stages[s].merge == Merge::concat ? i : from.size();
            for (std::uint32_t other = 0; other < others; ++other)
                if (other != i && joined(from[i], from[other])) {
                    found.push_back({s, i});
                    break;
                }
        }
    }
    return found;
}

namespace {

class Completion {
public:
    explicit Completion(Plan& plan) : plan_(plan), asked_(count()) {}

    void run() {
        for (std::uint32_t s = 0; s < asked_; ++s) {
            if (stage(s).form == StageForm::fold && workers(s) > 1) split_fold(s);
            if (stage(s).keep_latest) split_sample(s);
        }
        for (const BufferedInput& b : inputs_to_buffer(plan_.stages)) add_buffer(b);
        const std::uint32_t all = count();
        for (std::uint32_t s = 0; s < all; ++s) order_input(s);
        for (std::uint32_t s = 0; s < count(); ++s)
            if (stage(s).role == Stage::Role::sample) mark_branch(s);
        add_results();
        number_jobs();
    }

private:
    Stage& stage(std::uint32_t s) { return plan_.stages[s]; }
    std::uint32_t workers(std::uint32_t s) const { return plan_.templates[s].count; }
    std::uint32_t count() const { return static_cast<std::uint32_t>(plan_.stages.size()); }

    // `NAME@part` sees the items, a part in each of its workers; the stage itself combines what they found.
    void split_fold(std::uint32_t s) {
        const std::uint32_t part = count();
        plan_.templates.push_back(plan_.templates[s]);
        plan_.stages.push_back(plan_.stages[s]);
        plan_.templates[part].name += "@part";
        stage(part).part = FoldPart::partial;
        stage(part).ordered = false;
        plan_.templates[s].count = 1;
        plan_.templates[s].for_each = nullptr;
        plan_.templates[s].resources = {};  // it has little to do
        plan_.templates[s].resources.cpus = 0;
        plan_.templates[s].timeout_s = 0;
        if (stage(s).on_error == OnError::skip) stage(s).on_error = OnError::fail;  // that would leave out many items
        stage(s).part = FoldPart::combines;
        stage(s).from = {TemplateIndex(part)};
        stage(s).merge = Merge::any;
    }

    // Its branch takes items from `NAME@sample`; the stage itself puts all of them together with what comes out of it.
    void split_sample(std::uint32_t s) {
        const std::uint32_t sample = add("@sample", s);
        const TemplateIndex end = stage(s).until.front();
        stage(sample) = stage(s);
        stage(sample).keep_latest = false;
        for (std::uint32_t c = 0; c < asked_; ++c)
            if (c == end.value || leads_to(c, end.value))
                std::replace(stage(c).from.begin(), stage(c).from.end(), TemplateIndex(s), TemplateIndex(sample));
        stage(s).role = Stage::Role::order;
        stage(s).from.push_back(end);
        stage(s).merge = Merge::latest;
    }

    // Whether items of `above` reach `below`; not as the latest result that a sample keeps.
    bool leads_to(std::uint32_t above, std::uint32_t below) {
        std::vector<std::uint32_t> found{below};
        for (std::size_t i = 0; i < found.size(); ++i) {
            const bool pairs = stage(found[i]).keep_latest && stage(found[i]).role == Stage::Role::order;
            for (const TemplateIndex p : stage(found[i]).from) {
                if (pairs && p != stage(found[i]).from.front()) continue;
                if (p.value == above) return true;
                if (std::find(found.begin(), found.end(), p.value) == found.end()) found.push_back(p.value);
            }
        }
        return false;
    }

    void add_buffer(const BufferedInput& of) {
        const std::uint32_t buffer = add("@buffer" + std::to_string(of.input), of.stage);
        const TemplateIndex producer = stage(of.stage).from[of.input];
        stage(buffer).role = Stage::Role::buffer;
        stage(buffer).queue = stage(producer.value).queue;
        stage(buffer).from = {producer};
        stage(of.stage).from[of.input] = TemplateIndex(buffer);
    }

    // The stages between the sample and the end of its branch wait for those after them. A buffer waits for nobody:
    // what is in it is not in the branch any more.
    void mark_branch(std::uint32_t sample) {
        const auto end = stage(sample).until.empty() ? std::nullopt : std::optional(stage(sample).until.front().value);
        for (std::uint32_t c = 0; c < count(); ++c)
            for (const TemplateIndex p : stage(c).from) {
                if (stage(p.value).role == Stage::Role::buffer) continue;
                const bool begins = p.value == sample || (end && leads_to(sample, p.value));
                const bool ends = end ? c == *end || leads_to(c, *end) : p.value == sample;
                auto& branch = stage(p.value).branch;
                if (begins && ends && std::find(branch.begin(), branch.end(), TemplateIndex(c)) == branch.end())
                    branch.push_back(TemplateIndex(c));
            }
    }

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
        inner.name = std::string(stage_shown_for(plan_.templates[beside].name)) + what;
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

bool leads_to_sample(const std::vector<Stage>& stages, TemplateIndex stage) {
    std::vector<bool> leads(stages.size(), false);
    for (bool more = true; std::exchange(more, false);)
        for (std::size_t s = 0; s < stages.size(); ++s) {
            if (stages[s].role != Stage::Role::sample && !leads[s]) continue;
            for (const TemplateIndex from : stages[s].from) {
                more = more || !leads[from.value];
                leads[from.value] = true;
            }
        }
    return leads[stage.value];
}

void complete_stream(Plan& plan) { Completion(plan).run(); }

}  // namespace penstock
