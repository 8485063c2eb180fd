// The fourth step: worker types, and through them what each job needs and makes.
#include "language/plan_draft.hpp"
#include "value/placeholders.hpp"

#include <algorithm>
#include <exception>
#include <set>

namespace penstock {

std::uint32_t KeyTable::add(std::string_view key) {
    const auto [found, added] = index_.emplace(std::string(key), static_cast<std::uint32_t>(names_.size()));
    if (added) names_.push_back(found->first);
    return found->second;
}

std::uint32_t KeyTable::find(std::string_view key) const {
    const auto found = index_.find(std::string(key));
    return found == index_.end() ? kNone : found->second;
}

namespace {

class Workers {
public:
    Workers(Draft& draft, const WorkerTypes& types) : draft_(draft) {
        for (const WorkerType& type : types) {
            types_.emplace(type.name, &type);
            if (fits(type)) names_.push_back(type.name);
        }
    }

    void look_up() {
        const std::size_t jobs = draft_.definition.jobs.size();
        draft_.made.resize(jobs);
        draft_.needed.resize(jobs);
        draft_.worker_known.assign(jobs, 0);
        draft_.items_give.assign(jobs, 0);
        for (std::uint32_t i = 0; i < jobs; ++i) {
            if (draft_.job(i).worker_unreadable) continue;
            const auto found = types_.find(draft_.job(i).worker);
            if (found == types_.end())
                unknown(draft_.job(i));
            else
                ask(i, *found->second);
        }
        for (std::uint32_t i = 0; i < jobs; ++i) check_save(i);
    }

private:
    // Whether the type is worth proposing: a job cannot be a stage worker, nor a stage a program that knows only jobs.
    bool fits(const WorkerType& type) const {
        if (type.name.starts_with('@')) return false;  // the engine's own: nobody can write it
        if (draft_.definition.is_stream()) return !type.external || type.form_of;
        return type.form == StageForm::none || type.create != nullptr;
    }

    void unknown(const JobDefinition& job) const {
        std::string suggestion = draft_.reading.suggest(job.worker, names_);
        std::string problem = "unknown worker " + quote(job.worker);
        std::string reason = "the workers of this program are " + enumerate(names_, 40);
        if (!job.worker_given) {
            problem = draft_.definition.text_of(job) + " says no worker, and there is none of its own name";
            if (suggestion.empty()) suggestion = "add `worker:`";
        }
        draft_.reading.error(job.worker_place, std::move(problem), std::move(reason), std::move(suggestion));
    }

    void only_a_stage(const JobDefinition& job) const {
        draft_.reading.error(job.worker_place, "worker " + quote(job.worker) + " is a stage of a stream, and no job",
                             "it works on items that come one after another, and a job has none",
                             "write it under `stages`, in a definition of its own");
    }

    // Worker types are other people's code: what they throw is told as a diagnostic.
    void ask(std::uint32_t index, const WorkerType& type) {
        const Document& with = draft_.plan->templates[index].with;
        const bool stream = draft_.definition.is_stream();
        if (!stream && !fits(type)) return only_a_stage(draft_.job(index));
        try {
            if (stream && type.form_of) return ask_stage(index, type);
            if (type.check) {
                const std::vector<std::string> problems = type.check(with);
                if (!problems.empty()) return bad_parameters(index, problems);
            }
            if (stream) return;  // a stage gets items, whatever these are
            if (type.needs) draft_.needed[index] = type.needs(with);
            if (type.makes)
                for (const std::string& key : type.makes(with)) add_made(index, key);
            draft_.worker_known[index] = 1;
        } catch (const std::exception& error) {
            bad_parameter(index, error.what());
        }
    }

    // Of a type whose form depends on its parameters. One for each item can have keys of it.
    void ask_stage(std::uint32_t index, const WorkerType& type) {
        const Document& with = draft_.plan->templates[index].with;
        type.form_of(with, draft_.definition.stages[index].from_given);
        draft_.items_give[index] = !with.contains("frames");
        if (type.needs) draft_.needed[index] = type.needs(with);
    }

    void bad_parameters(std::uint32_t index, const std::vector<std::string>& problems) const {
        const std::set<std::string> told = bad_placeholders(draft_.plan->templates[index].with);
        for (const std::string& problem : problems)
            if (!told.contains(problem)) bad_parameter(index, problem);
    }

    // Those of placeholders are told where these are bound, at their very places.
    static std::set<std::string> bad_placeholders(const Document& with) {
        std::vector<std::string> problems;
        const auto look = [&](const Value& value, const auto& self) -> void {
            if (value.is(Value::Type::string)) placeholder_pieces(value.string(), problems);
            if (value.is(Value::Type::list))
                for (const Value& item : value.list()) self(item, self);
            if (value.is(Value::Type::map))
                for (const auto& [key, item] : value.map()) self(item, self);
        };
        for (const auto& [key, value] : with) look(value, look);
        return {problems.begin(), problems.end()};
    }

    void add_made(std::uint32_t index, const std::string& key) {
        const std::uint32_t number = draft_.keys.add(key);
        if (draft_.makers.size() <= number) draft_.makers.resize(number + 1);
        std::vector<std::uint32_t>& makers = draft_.makers[number];
        if (!makers.empty() && makers.back() == index) return;  // told twice
        makers.push_back(index);
        draft_.made[index].push_back(number);
    }

    // At the parameter that the sentence names: `seconds`, or `outputs: energy`.
    void bad_parameter(std::uint32_t index, const std::string& problem) const {
        const JobDefinition& job = draft_.job(index);
        Place place = job.worker_place;
        if (job.with) {
            place = job.with->place;
            for (std::size_t begin = problem.find('`'); begin != std::string::npos;) {
                const std::size_t end = problem.find('`', begin + 1);
                if (end == std::string::npos) break;
                const Place named = place_of(*job.with, std::string_view(problem).substr(begin + 1, end - begin - 1));
                if (named.known()) {
                    place = named;
                    break;
                }
                begin = problem.find('`', end + 1);
            }
        }
        draft_.reading.error(place, "bad parameters of worker " + quote(job.worker) + ": " + problem);
    }

    static Place place_of(const Node& map, std::string_view path) {
        const std::size_t colon = path.find(": ");
        const std::string_view name = path.substr(0, colon);
        if (!map.is(Node::Kind::map)) return {};
        for (const auto& [key, value] : map.map()) {
            if (!key->is_scalar() || key->text != name) continue;
            const Place within = colon == std::string_view::npos ? Place() : place_of(*value, path.substr(colon + 2));
            return within.known() ? within : key->place;
        }
        return {};
    }

    void check_save(std::uint32_t index) const {
        const Node* keys = draft_.job(index).settings.save_keys;
        if (!keys || !draft_.worker_known[index]) return;
        std::vector<std::string_view> made;
        for (std::uint32_t key : draft_.made[index]) made.push_back(draft_.keys.name(key));
        for (const Node* key : keys->list()) {
            if (!key->is_scalar() || !key_problem(key->text).empty()) continue;  // reported
            if (std::find(made.begin(), made.end(), key->text) != made.end()) continue;
            draft_.reading.error(key->place, job_text(draft_.job(index).name) + " does not make " + quote(key->text),
                                 made.empty() ? "it makes nothing" : "it makes " + enumerate(made),
                                 draft_.reading.suggest(key->text, made));
        }
    }

    Draft& draft_;
    std::unordered_map<std::string_view, const WorkerType*> types_;
    std::vector<std::string_view> names_;
};

}  // namespace

void draft_workers(Draft& draft, const WorkerTypes& types) { Workers(draft, types).look_up(); }

}  // namespace penstock
