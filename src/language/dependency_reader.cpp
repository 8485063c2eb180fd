// after, inputs.
#include "language/definition.hpp"
#include "language/reading.hpp"

namespace penstock {

namespace {

constexpr std::string_view kAfterForm = "a job, a list of jobs, or {job: NAME, when: succeeded | ended}";
constexpr std::string_view kInputForm = "`job.key`, or {from: job.key, missing: fail | drop | null}";

// A job's name, or a wildcard for some.
bool good_job_reference(const Reading& reading, std::string_view text, Place place) {
    std::string name(text);
    for (char& c : name)
        if (c == '*' || c == '?') c = '_';  // the rest of a wildcard is made as a name is
    const std::string problem = name_problem(name);
    if (!problem.empty())
        reading.error(place, quote(text) + " does not name a job", problem + "; `*` and `?` match several jobs");
    return problem.empty();
}

void read_after_name(const Reading& reading, const Node& node, When when, std::vector<AfterDefinition>& after) {
    const auto name = reading.text(node);
    if (!name) return reading.wrong_type(node, "an item of `after`", kAfterForm, Reading::as_text(node));
    if (good_job_reference(reading, *name, node.place)) after.push_back({*name, node.place, when});
}

When read_when(const Reading& reading, const Node& node) {
    if (node.is(Node::Kind::string) && node.text == "succeeded") return When::succeeded;
    if (node.is(Node::Kind::string) && node.text == "ended") return When::ended;
    reading.wrong_type(node, "`when`", "`succeeded` or `ended`",
                       node.is(Node::Kind::string) ? reading.suggest(node.text, {"succeeded", "ended"}) : "");
    return When::succeeded;
}

void read_after_map(const Reading& reading, const Node& node, std::vector<AfterDefinition>& after) {
    static constexpr std::array<std::string_view, 2> kKeys{"job", "when"};
    When when = When::succeeded;
    const Node* jobs = nullptr;
    reading.each_member(node, "an item of `after`", kKeys, [&](std::size_t which, const Node&, const Node& value) {
        if (which == 0)
            jobs = &value;
        else
            when = read_when(reading, value);
    });
    if (!jobs)
        return reading.error(node.place, "`after` does not say which job", "it must be " + std::string(kAfterForm),
                             "add `job:`");
    if (!jobs->is(Node::Kind::list)) return read_after_name(reading, *jobs, when, after);
    for (const Node* item : jobs->list()) read_after_name(reading, *item, when, after);
}

void read_reference(const Reading& reading, const Node& node, InputDefinition& input) {
    const auto text = reading.text(node);
    if (!text) return reading.wrong_type(node, "an input", kInputForm, Reading::as_text(node));
    const auto reference = split_reference(*text);
    if (!reference) {
        const std::string word(*text);
        std::string suggestion;  // the half that is missing
        if (word.size() > 1 && word.starts_with('.'))
            suggestion = "write `JOB" + word + "`";
        else if (word.size() > 1 && word.ends_with('.'))
            suggestion = "write `" + word + "KEY`";
        else if (word.find('.') == std::string::npos && !word.empty())
            suggestion = "write `" + word + ".KEY`, or `JOB." + word + "`";
        return reading.error(node.place, quote(word) + " does not name an output",
                             "an output is written `job.key`: the job, a dot, and a key it makes", suggestion);
    }
    if (!good_job_reference(reading, reference->job, node.place)) return;
    if (const std::string problem = key_problem(reference->key); !problem.empty())
        return reading.error(node.place, quote(reference->key) + " is no key", problem);
    input.list = input.list || is_wildcard(reference->job);
    input.from.push_back({reference->job, reference->key, node.place});
}

void read_references(const Reading& reading, const Node& node, InputDefinition& input) {
    if (!node.is(Node::Kind::list)) return read_reference(reading, node, input);
    input.list = true;
    if (node.size == 0) reading.error(node.place, "an input comes from no job", "the list is empty");
    for (const Node* item : node.list()) read_reference(reading, *item, input);
}

void read_missing(const Reading& reading, const Node& node, InputDefinition& input) {
    input.missing_place = node.place;
    if (node.is(Node::Kind::null))
        input.missing = Missing::null;  // YAML reads a plain `null` so
    else if (node.is(Node::Kind::string) && node.text == "null")
        input.missing = Missing::null;
    else if (node.is(Node::Kind::string) && node.text == "drop")
        input.missing = Missing::drop;
    else if (node.is(Node::Kind::string) && node.text == "fail")
        input.missing = Missing::fail;
    else
        reading.wrong_type(node, "`missing`", "`fail`, `drop` or `null`",
                           node.is(Node::Kind::string) ? reading.suggest(node.text, {"fail", "drop", "null"}) : "");
}

void read_input(const Reading& reading, const Node& node, InputDefinition& input) {
    static constexpr std::array<std::string_view, 2> kKeys{"from", "missing"};
    if (!node.is(Node::Kind::map)) return read_references(reading, node, input);
    const Node* from = nullptr;
    reading.each_member(node, "an input", kKeys, [&](std::size_t which, const Node&, const Node& value) {
        if (which == 0)
            from = &value;
        else
            read_missing(reading, value, input);
    });
    if (from)
        read_references(reading, *from, input);
    else
        reading.error(node.place, "an input does not say where it comes from", "it must be " + std::string(kInputForm),
                      "add `from:`");
}

}  // namespace

void read_after(const Reading& reading, const Node& node, std::vector<AfterDefinition>& after) {
    const auto read_item = [&](const Node& item) {
        if (item.is(Node::Kind::map))
            read_after_map(reading, item, after);
        else
            read_after_name(reading, item, When::succeeded, after);
    };
    if (node.is(Node::Kind::null)) return;
    if (!node.is(Node::Kind::list)) return read_item(node);
    for (const Node* item : node.list()) read_item(*item);
}

void read_inputs(const Reading& reading, const Node& node, JobDefinition& job) {
    if (node.is(Node::Kind::null)) return;
    if (!node.is(Node::Kind::map)) {
        job.inputs_unreadable = true;
        return reading.wrong_type(node, "`inputs`", "a map from keys to outputs of other jobs", "write {key: job.key}");
    }
    for (const auto& [key, value] : node.map()) {
        const std::string problem = key->is_scalar() ? key_problem(key->text) : "a key is text";
        if (!problem.empty()) {
            reading.error(key->place, "bad key of an input" + (key->is_scalar() ? ": " + quote(key->text) : ""),
                          problem);
            continue;
        }
        InputDefinition input;
        input.key = key->text;
        input.place = key->place;
        read_input(reading, *value, input);
        job.inputs.push_back(std::move(input));
    }
}

}  // namespace penstock
