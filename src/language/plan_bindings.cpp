// The fifth step: where the value of every key comes from.
//
// First found: the for-each value, `with`, `inputs`, the nearest job before this one that makes it, `data`. The same
// order serves the keys a worker needs and the names in the strings of `with`.
#include "language/plan_draft.hpp"
#include "value/placeholders.hpp"

#include <algorithm>
#include <set>
#include <unordered_set>

namespace penstock {

namespace {

// Who asks for a key, for the diagnostics.
struct Asker {
    Place place;
    bool is_worker = true;  // else a placeholder in a string of `with`
};

class Binder {
public:
    Binder(Draft& draft, const Dag& dag) : draft_(draft), dag_(dag) {
        if (!dag.has_circles()) nearest_.emplace(dag, draft.makers, draft.reading.limits.ancestor_steps);
        some_unknown_ = std::count(draft.worker_known.begin(), draft.worker_known.end(), 0) > 0 ||
                        std::count(draft.follows_unknown.begin(), draft.follows_unknown.end(), 1) > 0;
    }

    void bind() {
        for (std::uint32_t job = 0; job < draft_.definition.jobs.size(); ++job) {
            if (!draft_.instances_known[job]) continue;  // its names are not known: reported
            bound_.clear();
            bind_inputs(job);
            for (const std::string& key : draft_.needed[job]) bind_key(job, key, {draft_.job(job).worker_place, true});
            bind_placeholders(job);
        }
    }

private:
    JobTemplate& made(std::uint32_t job) { return draft_.plan->templates[job]; }
    bool makes(std::uint32_t job, std::uint32_t key) const {
        const auto& keys = draft_.made[job];
        return std::find(keys.begin(), keys.end(), key) != keys.end();
    }
    static bool has_axis(const JobTemplate& job, std::string_view name) {
        if (!job.for_each) return false;
        for (const std::vector<Axis>& dimension : job.for_each->dimensions)
            for (const Axis& axis : dimension)
                if (axis.name == name) return true;
        return false;
    }

    void add(std::uint32_t job, Binding binding) {
        bound_.insert_or_assign(binding.key, made(job).bindings.size());
        made(job).bindings.push_back(std::move(binding));
    }

    // ------------------------------------------------------------------------------ explicit inputs

    void bind_inputs(std::uint32_t job) {
        const JobDefinition& definition = draft_.job(job);
        for (std::size_t i = 0; i < definition.inputs.size(); ++i) {
            const InputDefinition& input = definition.inputs[i];
            if (!bind_input(job, input, draft_.input_sources[job][i])) missing_.insert({job, std::string(input.key)});
        }
    }

    // False when it is no good: reported, here or where its jobs were looked up.
    bool bind_input(std::uint32_t job, const InputDefinition& input, const std::vector<Draft::InputSource>& from) {
        if (is_built_in_name(input.key))
            return fail(input.place, quote(input.key) + " cannot be the key of an input",
                        "`{" + std::string(input.key) + "}` means a directory in every job", "choose another name");
        if (has_axis(made(job), input.key) || made(job).with.contains(input.key)) {
            const std::string first = has_axis(made(job), input.key) ? "for-each" : "with";
            return fail(input.place, "the input " + quote(input.key) + " would never be seen",
                        "a value of the same name in `" + first + "` comes first", "rename one of them");
        }
        bool good = !from.empty();
        for (const Draft::InputSource& s : from) good = check_makes(input.from[s.reference], s.job) && good;
        if (!good) return false;
        if (!input.list)
            warn_of_all(job, input.key, input.from.front().place, from.front().job, input.from.front().key);
        Binding binding = input_binding(job, input, from);
        if (!binding.list && input.missing == Missing::drop)
            return fail(input.missing_place, "`missing: drop` needs a list",
                        "this input is a single value: without it nothing is left", "write `missing: null`");
        binding.missing = input.missing;
        add(job, std::move(binding));
        return true;
    }

    bool fail(Place place, std::string problem, std::string reason, std::string suggestion) const {
        draft_.reading.error(place, std::move(problem), std::move(reason), std::move(suggestion));
        return false;
    }

    // What a job makes can be read, and its for-each values.
    bool check_makes(const InputDefinition::Reference& reference, std::uint32_t producer) {
        if (!draft_.worker_known[producer]) return true;  // reported elsewhere
        const std::string_view key = reference.key;
        const std::uint32_t number = draft_.keys.find(key);
        if (number != KeyTable::kNone && makes(producer, number)) return true;
        if (has_axis(made(producer), key)) {
            std::vector<std::string>& shown = made(producer).shown_parameters;
            if (std::find(shown.begin(), shown.end(), key) == shown.end()) shown.emplace_back(key);
            return true;
        }
        std::vector<std::string_view> words;
        for (std::uint32_t k : draft_.made[producer]) words.push_back(draft_.keys.name(k));
        std::string reason = words.empty() ? "it makes nothing" : "it makes " + enumerate(words);
        const std::vector<std::string> axes =
            made(producer).for_each ? made(producer).for_each->names() : std::vector<std::string>();
        words.insert(words.end(), axes.begin(), axes.end());
        draft_.reading.error(reference.place, job_text(draft_.job(producer).name) + " does not make " + quote(key),
                             std::move(reason), draft_.reading.suggest(key, words));
        return false;
    }

    Binding input_binding(std::uint32_t job, const InputDefinition& input,
                          const std::vector<Draft::InputSource>& from) const {
        std::vector<std::uint32_t> producers;
        for (const Draft::InputSource& s : from) producers.push_back(s.job);
        const std::string_view first = input.from.front().key;
        Binding binding = outputs_binding(job, input.key, first, producers, input.list);
        std::unordered_map<std::string_view, std::uint32_t> numbers{{first, 0}};
        for (std::size_t i = 0; i < from.size(); ++i) {
            const std::string_view key = input.from[from[i].reference].key;
            const auto [number, added] = numbers.try_emplace(key, static_cast<std::uint32_t>(numbers.size()));
            if (added) binding.other_keys.emplace_back(key);
            binding.producers[i].other_key = number->second;
        }
        return binding;
    }

    // Two jobs made of the instances of one, neither of the other's: all values are seen where one may be expected.
    void warn_of_all(std::uint32_t job, std::string_view key, Place place, std::uint32_t producer,
                     std::string_view source_key) const {
        if (!draft_.instances_known[producer] || !draft_.instances_known[job] || !draft_.has_for_each(producer)) return;
        if (!draft_.has_for_each(job) || !draft_.lineage.strangers_of_one_kin(producer, job)) return;
        const std::string name(draft_.job(producer).name), word(key), output = name + "." + std::string(source_key);
        const auto& templates = draft_.plan->templates;
        std::string by;
        bool finer = true;  // the producer has all names of the consumer: its instances can be grouped by them
        const std::vector<std::string> known = templates[producer].for_each->names();
        const std::vector<std::string> names = templates[job].for_each->names();
        for (const std::string& n : names) {
            finer = finer && std::find(known.begin(), known.end(), n) != known.end();
            by += (by.empty() ? "" : ", ") + n;
        }
        const std::string like =
            names.size() == known.size() ? "{like: " + name + "}" : "{like: " + name + ", by: [" + by + "]}";
        draft_.reading.warning(
            place,
            "every instance of " + job_text(draft_.job(job).name) + " gets all values of `" + output + "`, as a list",
            "instances belong together only along `like`: this job is not made from those of " + quote(name),
            (finer ? "write `for-each: " + like + "` to follow its own; or, " : "") + "if all are meant, `inputs: {" +
                word + ": [" + output + "]}` says so");
    }

    Binding outputs_binding(std::uint32_t job, std::string_view key, std::string_view source_key,
                            const std::vector<std::uint32_t>& from, bool list) const {
        Binding binding;
        binding.key = key;
        binding.from = Binding::From::outputs;
        binding.source_key = source_key;
        binding.list = list;
        for (std::uint32_t producer : from) {
            const Relation relation = draft_.lineage.relation(producer, job);
            binding.producers.push_back({TemplateIndex(producer), relation, 0});
            if (relation == Relation::group || !draft_.instances_known[producer] ||
                (relation == Relation::all && draft_.has_for_each(producer)))
                binding.list = true;
        }
        return binding;
    }

    // ------------------------------------------------------------------------------ keys

    // True when a binding for the key exists afterwards.
    bool bind_key(std::uint32_t job, std::string_view key, Asker asker) {
        const auto known = bound_.find(std::string(key));
        if (known != bound_.end()) {
            Binding& binding = made(job).bindings[known->second];
            binding.in_document = binding.in_document || asker.is_worker;
            return true;
        }
        if (missing_.contains({job, std::string(key)})) return false;
        std::optional<Binding> binding = find_key(job, key, asker);
        if (!binding) {
            missing_.insert({job, std::string(key)});
            return false;
        }
        binding->in_document = asker.is_worker;
        add(job, std::move(*binding));
        return true;
    }

    std::optional<Binding> find_key(std::uint32_t job, std::string_view key, Asker asker) {
        Binding binding;
        binding.key = binding.source_key = key;
        if (has_axis(made(job), key)) {
            binding.from = Binding::From::for_each;
            return binding;
        }
        if (made(job).with.contains(key)) {
            binding.from = Binding::From::with;
            return binding;
        }
        const std::uint32_t number = draft_.keys.find(key);
        if (number != KeyTable::kNone && !nearest_) return binding;
        if (number != KeyTable::kNone) {
            const NearestMaker::Found found = nearest_->find(job, number);
            switch (found.what) {
                case NearestMaker::Found::What::none:
                    break;
                case NearestMaker::Found::What::one:
                    draft_.links.push_back({found.maker, job, asker.place, When::succeeded, true, false});
                    warn_of_all(job, key, asker.place, found.maker, key);
                    return outputs_binding(job, key, key, {found.maker}, false);
                case NearestMaker::Found::What::several:
                    ambiguous(job, key, asker, found);
                    return std::nullopt;
                case NearestMaker::Found::What::too_many_steps:
                    too_hard(job, key, asker);
                    return std::nullopt;
            }
        }
        const auto& own = draft_.outside.for_each_keys;
        if (draft_.plan->data.contains(key) || std::find(own.begin(), own.end(), key) != own.end()) return binding;
        if (draft_.outside.store_provides_keys) {
            binding.from = Binding::From::store;
            return binding;
        }
        if (draft_.outside.for_each_given) return binding;
        if (may_be_given(job) || draft_.items_give[job]) return std::nullopt;
        nowhere(job, key, asker);
        return std::nullopt;
    }

    // What should give it is no good itself, which is reported: unreadable `inputs`, or a job before this one that does
    // not exist or whose worker is not known. Only so many jobs are looked at.
    bool may_be_given(std::uint32_t job) const {
        if (draft_.job(job).inputs_unreadable || draft_.follows_unknown[job]) return true;
        if (!some_unknown_) return false;
        if (!draft_.reading.diagnostics.wants_suggestions()) return true;  // it would not be shown
        bool unknown = false;
        const bool all = look_before(job, [&](std::uint32_t other) {
            unknown = unknown || !draft_.worker_known[other] || draft_.follows_unknown[other] ||
                      draft_.job(other).inputs_unreadable;
        });
        return unknown || !all;
    }

    std::string asks(std::uint32_t job, std::string_view key, Asker asker) const {
        const std::string text = draft_.definition.text_of(draft_.job(job));
        if (asker.is_worker) return text + " needs " + quote(key);
        return "`{" + std::string(key) + "}` stands in " + text;
    }

    void ambiguous(std::uint32_t job, std::string_view key, Asker asker, const NearestMaker::Found& found) const {
        const std::string left(draft_.job(found.maker).name), right(draft_.job(found.other).name), word(key);
        draft_.reading.error(
            asker.place,
            asks(job, key, asker) + ", and two jobs before it make it: " + quote(left) + " and " + quote(right),
            "neither of these comes before the other, so it is not clear whose is meant",
            "say whose: `inputs: {" + word + ": " + left + "." + word + "}`, or take both: `inputs: {" + word + ": [" +
                left + "." + word + ", " + right + "." + word + "]}`");
    }

    void too_hard(std::uint32_t job, std::string_view key, Asker asker) const {
        const std::string word(key);
        draft_.reading.error(asker.place,
                             asks(job, key, asker) + ", and it takes too long to find the job that makes it",
                             "many jobs make it and the graph between them is dense; the search was given up after " +
                                 std::to_string(draft_.reading.limits.ancestor_steps) + " steps",
                             "say whose is meant: `inputs: {" + word + ": JOB." + word + "}`");
    }

    void nowhere(std::uint32_t job, std::string_view key, Asker asker) {
        std::string reason;
        if (asker.is_worker) reason = "worker " + quote(draft_.job(job).worker) + " reads it; ";
        if (draft_.definition.is_stream()) reason = "it must be known before the first item comes; ";
        std::vector<std::string_view> near;
        reason += available(job, near);
        draft_.reading.error(asker.place, asks(job, key, asker) + ", and nothing gives it", std::move(reason),
                             remedy(job, key, near));
    }

    // "there are: for-each `seed`; with `argv`; from jobs before it `download.html`; data `url`"
    std::string available(std::uint32_t job, std::vector<std::string_view>& near) {
        if (!draft_.reading.diagnostics.wants_suggestions()) return "";
        std::string text;
        const auto section = [&](std::string_view title, const std::vector<std::string_view>& words) {
            if (words.empty()) return;
            text += (text.empty() ? "there are: " : "; ") + std::string(title) + " " + enumerate(words);
            near.insert(near.end(), words.begin(), words.end());
        };
        std::vector<std::string_view> words;
        if (made(job).for_each)
            for (const std::vector<Axis>& dimension : made(job).for_each->dimensions)
                for (const Axis& axis : dimension) words.push_back(axis.name);
        section("for-each", words);
        words.clear();
        for (const auto& [name, value] : made(job).with) words.push_back(name);
        section("with", words);
        words.clear();
        for (const InputDefinition& input : draft_.job(job).inputs) words.push_back(input.key);
        section("inputs", words);
        section("made by jobs before it", made_before(job));
        words.clear();
        for (const auto& [name, value] : draft_.plan->data) words.push_back(name);
        for (const std::string& name : draft_.outside.for_each_keys) words.push_back(name);
        section("data", words);
        if (text.empty() && draft_.definition.is_stream()) return "there is no `data`";
        return text.empty()
                   ? "it has no for-each, `with` or `inputs`, no job before it makes anything, and there is no `data`"
                   : text;
    }

    // Visits the jobs before a job, nearest first. False when they are too many: the others are left out.
    template <class F>
    bool look_before(std::uint32_t job, F&& visit) const {
        constexpr std::size_t kMostJobs = 1000;
        std::vector<std::uint32_t> queue{job};
        std::unordered_set<std::uint32_t> seen{job};
        for (std::size_t at = 0; at < queue.size(); ++at) {
            if (queue.size() >= kMostJobs) return false;
            for (std::uint32_t producer : dag_.producers(queue[at])) {
                if (!seen.insert(producer).second) continue;
                queue.push_back(producer);
                visit(producer);
            }
        }
        return true;
    }

    // The keys that the jobs before a job make.
    std::vector<std::string_view> made_before(std::uint32_t job) const {
        std::unordered_set<std::uint32_t> keys;
        std::vector<std::string_view> words;
        look_before(job, [&](std::uint32_t producer) {
            for (std::uint32_t key : draft_.made[producer])
                if (keys.insert(key).second) words.push_back(draft_.keys.name(key));
        });
        return words;
    }

    std::string remedy(std::uint32_t job, std::string_view key, const std::vector<std::string_view>& near) {
        if (!draft_.reading.diagnostics.wants_suggestions()) return "";
        const std::uint32_t number = draft_.keys.find(key);
        const std::string word(key);
        if (number != KeyTable::kNone) {
            for (std::uint32_t maker : draft_.makers[number]) {
                if (maker == job || comes_before(job, maker)) continue;
                const std::string name(draft_.job(maker).name);
                return quote(name) + " makes it: add `after: " + name + "`, or `inputs: {" + word + ": " + name + "." +
                       word + "}`";
            }
        }
        const std::string similar = did_you_mean_text(key, near);
        if (!similar.empty()) return similar;
        if (key.find_first_not_of("0123456789") == std::string_view::npos)  // as in ".{60}"
            return "write `{{" + word + "}}` for braces that mean nothing here";
        return "add it to `data`, or to `with` of this " + std::string(draft_.definition.is_stream() ? "stage" : "job");
    }

    bool comes_before(std::uint32_t job, std::uint32_t other) {
        try {
            return nearest_ && nearest_->precedes(job, other);
        } catch (const TooManySteps&) {
            return false;
        }
    }

    // ------------------------------------------------------------------------------ placeholders

    void bind_placeholders(std::uint32_t job) {
        const JobDefinition& definition = draft_.job(job);
        if (!definition.with) return;
        std::vector<std::vector<std::string>> refers(
            definition.with->size);  // by parameter: the parameters it refers to
        bool any = false;
        for (std::uint32_t i = 0; i < definition.with->size; ++i) {
            visit_strings(*definition.with->members[i].value, [&](const Node& node) {
                std::vector<std::string> problems;
                for (const TextPiece& piece : placeholder_pieces(node.text, problems)) {
                    if (!piece.is_name || is_built_in_name(piece.text)) continue;
                    if (piece.text == definition.with->members[i].key->text && bind_data_of(job, piece.text)) continue;
                    bind_key(job, piece.text, {node.place, false});
                    if (has_axis(made(job), piece.text) || !made(job).with.contains(piece.text)) continue;
                    refers[i].push_back(piece.text);
                    any = true;
                }
                for (const std::string& problem : problems)
                    draft_.reading.error(node.place, "bad placeholder: " + problem,
                                         "`{name}` in a string stands for a value");
            });
        }
        if (any) check_circles(job, *definition.with, refers);
    }

    // A parameter that names itself, as in `with: {top: "{top}"}`, means the data of that name; false when there is
    // none.
    bool bind_data_of(std::uint32_t job, const std::string& name) {
        const auto& own = draft_.outside.for_each_keys;
        const bool given = draft_.plan->data.contains(name) || draft_.outside.for_each_given ||
                           std::find(own.begin(), own.end(), name) != own.end();
        if (!given || has_axis(made(job), name)) return false;
        const std::string key = data_behind_parameter(name);
        if (bound_.contains(key)) return true;
        Binding binding;
        binding.key = key;
        binding.source_key = name;
        binding.in_document = false;
        add(job, std::move(binding));
        return true;
    }

    template <class F>
    static void visit_strings(const Node& node, F&& f) {
        if (node.is(Node::Kind::string) && node.text.find_first_of("{}") != std::string_view::npos) f(node);
        if (node.is(Node::Kind::list))
            for (const Node* item : node.list()) visit_strings(*item, f);
        if (node.is(Node::Kind::map))
            for (const Member& member : node.map()) visit_strings(*member.value, f);
    }

    // Parameters that refer to one another must come to an end.
    void check_circles(std::uint32_t job, const Node& with, const std::vector<std::vector<std::string>>& refers) const {
        std::unordered_map<std::string_view, std::uint32_t> index;
        for (std::uint32_t i = 0; i < with.size; ++i) index.emplace(with.members[i].key->text, i);
        std::vector<Arc> arcs;
        for (std::uint32_t i = 0; i < with.size; ++i)
            for (const std::string& name : refers[i]) arcs.push_back({index.at(name), i});
        for (const std::vector<std::uint32_t>& circle : Dag(with.size, arcs).circles()) {
            std::string path(with.members[circle.front()].key->text);
            for (auto at = circle.rbegin(); at != circle.rend(); ++at)
                path += " -> " + std::string(with.members[*at].key->text);
            draft_.reading.error(with.members[circle.front()].key->place,
                                 "the parameters of " + draft_.definition.text_of(draft_.job(job)) +
                                     " refer to one another in a circle: " + path,
                                 "a name in a string of `with` means another parameter before it means data",
                                 circle.size() == 1 ? "add " + quote(with.members[circle.front()].key->text) +
                                                          " to `data`: in its own text the name means that"
                                                    : "rename one of them");
        }
    }

    Draft& draft_;
    const Dag& dag_;
    std::optional<NearestMaker> nearest_;  // nothing when jobs wait in circles: only what is sure is reported then
    bool some_unknown_ = false;            // workers, or jobs that others wait for
    std::unordered_map<std::string, std::size_t> bound_;       // of the job at hand: key -> binding
    std::set<std::pair<std::uint32_t, std::string>> missing_;  // reported
};

}  // namespace

void draft_bindings(Draft& draft, const Dag& dag) { Binder(draft, dag).bind(); }

}  // namespace penstock
