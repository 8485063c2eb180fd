// The first step of a plan: its jobs, their settings and their instances.
#include "language/for_each_reader.hpp"
#include "language/plan_draft.hpp"

#include <algorithm>

namespace penstock {

namespace {

constexpr std::uint32_t kMostGroupings = 32;  // one `by` above another

void apply(const Settings& from, JobTemplate& job) {
    if (from.retries) job.retries = *from.retries;
    if (from.timeout_s) job.timeout_s = *from.timeout_s;
    if (from.priority) job.priority = *from.priority;
    if (from.cpus) job.resources.cpus = *from.cpus;
    if (from.memory_bytes) job.resources.memory_bytes = *from.memory_bytes;
    if (from.resources) job.resources.named = *from.resources;
    if (from.isolation) job.isolation = *from.isolation;
    if (from.save) job.save = *from.save;
}

// Reads all for-each, then follows `like` from job to job.
class Instances {
public:
    explicit Instances(Draft& draft)
        : draft_(draft),
          likes_(draft.definition.jobs.size()),
          state_(likes_.size(), State::open),
          by_depth_(likes_.size(), 0) {}

    void make() {
        const std::uint64_t most = draft_.reading.limits.jobs_per_plan;
        for (std::uint32_t i = 0; i < likes_.size(); ++i) {
            const JobDefinition& job = draft_.job(i);
            if (!job.for_each) {
                state_[i] = State::good;
                continue;
            }
            ForEachDefinition read = read_for_each(draft_.reading, *job.for_each, draft_.files, most);
            draft_.plan->templates[i].for_each = read.values;
            likes_[i] = std::move(read.like);
            if (!likes_[i]) state_[i] = read.values ? State::good : State::bad;
        }
        for (std::uint32_t i = 0; i < likes_.size(); ++i) follow(i);
        number();
        draft_.instances_known.resize(state_.size());
        for (std::uint32_t i = 0; i < state_.size(); ++i) draft_.instances_known[i] = state_[i] == State::good;
    }

private:
    enum class State : std::uint8_t { open, entered, good, bad };

    // From a job to the one it is like, and so on, to one whose instances are known; then back.
    void follow(std::uint32_t first) {
        std::vector<std::uint32_t> chain;
        std::uint32_t at = first;
        while (state_[at] == State::open) {
            state_[at] = State::entered;
            chain.push_back(at);
            const std::uint32_t other = draft_.names.find(likes_[at]->job);
            if (other == JobNames::kNone) {
                unknown(*likes_[at]);
                state_[at] = State::bad;
                break;
            }
            at = other;
        }
        if (state_[at] == State::entered) {  // the links step tells of the circle
            for (std::uint32_t job : chain) state_[job] = State::bad;
            return;
        }
        while (!chain.empty()) {
            const std::uint32_t job = chain.back();
            chain.pop_back();
            if (state_[job] == State::entered)
                state_[job] = state_[at] == State::good && take(job, at) ? State::good : State::bad;
            at = job;
        }
    }

    void unknown(const LikeDefinition& like) {
        draft_.reading.error(
            like.place, "there is no job " + quote(like.job),
            "`like` takes the instances of another job of this definition",
            draft_.reading.diagnostics.wants_suggestions() ? did_you_mean_text(like.job, draft_.names.all()) : "");
    }

    bool take(std::uint32_t job, std::uint32_t other) {
        const LikeDefinition& like = *likes_[job];
        const auto& values = draft_.plan->templates[other].for_each;
        if (!values) {
            draft_.reading.error(like.place, job_text(draft_.job(other).name) + " has no for-each",
                                 "`like` takes the instances of another job, and this one has none",
                                 "remove the for-each: `inputs` and `after` need none");
            return false;
        }
        if (!like.grouped) {
            draft_.plan->templates[job].for_each = values;
            draft_.lineage.set_like(job, other);
            by_depth_[job] = by_depth_[other];
            return true;
        }
        if (!good_names(like, *values)) return false;
        by_depth_[job] = by_depth_[other] + 1;
        if (by_depth_[job] > kMostGroupings) {
            draft_.reading.error(like.place, "too many groupings of groupings",
                                 "at most " + std::to_string(kMostGroupings) + " `by` may stand above one another");
            return false;
        }
        std::vector<std::string_view> names;
        for (const auto& [name, place] : like.by) names.push_back(name);
        Grouped grouped = group(*values, names);
        draft_.plan->templates[job].for_each = grouped.values;
        draft_.lineage.set_grouped(job, other, std::move(grouped.rule));
        return true;
    }

    bool good_names(const LikeDefinition& like, const ForEach& values) {
        const std::vector<std::string> known = values.names();
        bool good = true;
        for (const auto& [name, place] : like.by) {
            if (std::find(known.begin(), known.end(), name) != known.end()) continue;
            const std::vector<std::string_view> words(known.begin(), known.end());
            draft_.reading.error(place, quote(name) + " is no for-each name of " + job_text(like.job),
                                 "its names are " + enumerate(words), draft_.reading.suggest(name, words));
            good = false;
        }
        return good;
    }

    // Counts, and the number of each job's first instance.
    void number() {
        std::uint64_t next = 0;
        for (std::uint32_t i = 0; i < likes_.size(); ++i) {
            JobTemplate& job = draft_.plan->templates[i];
            job.count = job.for_each ? job.for_each->count() : 1;
            job.first_job = JobIndex(static_cast<std::uint32_t>(next));
            next += job.count;
            if (next <= draft_.reading.limits.jobs_per_plan) continue;
            draft_.reading.error(draft_.job(i).place, "the pipeline has too many jobs",
                                 "up to here they are " + std::to_string(next) + ", and " +
                                     std::to_string(draft_.reading.limits.jobs_per_plan) + " are allowed",
                                 "let each job do more, or split the pipeline");
            return;
        }
        draft_.plan->job_count = static_cast<std::uint32_t>(next);
    }

    Draft& draft_;
    std::vector<std::unique_ptr<LikeDefinition>> likes_;
    std::vector<State> state_;
    std::vector<std::uint32_t> by_depth_;
};

// `like` implies `after`; known only now that for-each has been read.
void add_like_links(Draft& draft) {
    for (std::uint32_t i = 0; i < draft.definition.jobs.size(); ++i) {
        const Node* node = draft.job(i).for_each;
        const Node* like = node ? node->find("like") : nullptr;
        if (!like || !like->is_scalar()) continue;
        const std::uint32_t other = draft.names.find(like->text);
        if (other != JobNames::kNone) draft.links.push_back({other, i, like->place, When::succeeded, false, true});
    }
}

}  // namespace

void draft_jobs(Draft& draft) {
    const Definition& definition = draft.definition;
    Plan& plan = *draft.plan;
    plan.name = definition.name;
    plan.definition_text = definition.text;
    if (definition.data) plan.data = draft.reading.value(*definition.data).map();
    for (const auto& [key, value] : draft.outside.set) plan.data.insert_or_assign(key, value);
    plan.templates.resize(definition.jobs.size());
    for (std::uint32_t i = 0; i < definition.jobs.size(); ++i) {
        const JobDefinition& job = definition.jobs[i];
        JobTemplate& made = plan.templates[i];
        made.name = job.name;
        made.worker = job.worker;
        if (job.with) made.with = draft.reading.value(*job.with).map();
        apply(definition.defaults, made);
        apply(job.settings, made);
    }
    Instances(draft).make();
    plan.files = draft.files.pinned();
    add_like_links(draft);
}

}  // namespace penstock
