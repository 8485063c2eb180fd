// The functions of <penstock/pipeline.hpp>.
#include <penstock/pipeline.hpp>

#include "language/dot.hpp"
#include "language/pipeline_form.hpp"
#include "language/reader.hpp"
#include "value/hash.hpp"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace penstock {

namespace {

std::string_view missing_text(Job::IfMissing missing) {
    switch (missing) {
        case Job::IfMissing::fail:
            return "fail";
        case Job::IfMissing::drop:
            return "drop";
        case Job::IfMissing::null:
            break;
    }
    return "null";
}

Value list_of(const std::vector<std::string>& words) { return List(words.begin(), words.end()); }

// Adds to what may be one item, a list, or not there yet.
void append(Document& settings, const std::string& key, Value item) {
    Value& value = settings[key];
    if (value.is_null())
        value = List();
    else if (!value.is(Value::Type::list))
        value = List{value};
    value.list().push_back(std::move(item));
}

Map& map_at(Document& settings, const std::string& key) {
    Value& value = settings[key];
    if (!value.is(Value::Type::map)) value = Map();
    return value.map();
}

std::string sentence(const Diagnostic& d) {
    std::string text = d.problem;
    if (!d.reason.empty()) text += ": " + d.reason;
    if (!d.suggestion.empty()) text += "; " + d.suggestion;
    return text;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- Job

Job::Job(std::string name, std::string worker) : name_(std::move(name)), worker_(std::move(worker)) {}

Job& Job::set(std::string key, Value value) {
    settings_.insert_or_assign(std::move(key), std::move(value));
    return *this;
}

Job& Job::with(std::string key, Value value) {
    map_at(settings_, "with").insert_or_assign(std::move(key), std::move(value));
    return *this;
}

Job& Job::with(const Document& parameters) {
    for (const auto& [key, value] : parameters) with(key, value);
    return *this;
}

Job& Job::for_each_value(std::string name, Value values) {
    for_each_.push_back({std::move(name), std::move(values), {}});
    return *this;
}

Job& Job::range(std::string name, std::int64_t start, std::int64_t stop, std::int64_t step) {
    return for_each_value(std::move(name), Map{{"range", List{start, stop, step}}});
}

Job& Job::linspace(std::string name, double first, double last, std::int64_t count) {
    return for_each_value(std::move(name), Map{{"linspace", List{first, last, count}}});
}

Job& Job::lines(std::string name, std::string file) {
    return for_each_value(std::move(name), Map{{"lines", std::move(file)}});
}

Job& Job::rows(std::string file) { return for_each_value("rows", std::move(file)); }

Job& Job::zip(std::vector<std::pair<std::string, List>> values) {
    ForEachMember member{"zip", Value(), {}};
    for (auto& [name, list] : values) member.zip.emplace_back(std::move(name), Value(std::move(list)));
    for_each_.push_back(std::move(member));
    return *this;
}

Job& Job::like(std::string job, std::vector<std::string> by) {
    for_each_value("like", std::move(job));
    return by.empty() ? *this : for_each_value("by", list_of(by));
}

Job& Job::after(std::string job_or_wildcard) {
    append(settings_, "after", std::move(job_or_wildcard));
    return *this;
}

Job& Job::after_ended(std::string job_or_wildcard) {
    append(settings_, "after", Map{{"job", std::move(job_or_wildcard)}, {"when", "ended"}});
    return *this;
}

Job& Job::input(std::string key, std::string from, IfMissing missing) {
    Value input = missing == IfMissing::fail
                      ? Value(std::move(from))
                      : Value(Map{{"from", std::move(from)}, {"missing", missing_text(missing)}});
    map_at(settings_, "inputs").insert_or_assign(std::move(key), std::move(input));
    return *this;
}

Job& Job::gather(std::string key, std::vector<std::string> from, IfMissing missing) {
    map_at(settings_, "inputs")
        .insert_or_assign(std::move(key), Map{{"from", list_of(from)}, {"missing", missing_text(missing)}});
    return *this;
}

Job& Job::retries(std::int64_t further_attempts) { return set("retries", further_attempts); }
Job& Job::timeout_s(double seconds) { return set("timeout", seconds); }
Job& Job::priority(std::int64_t priority) { return set("priority", priority); }
Job& Job::cpus(std::int64_t cpus) { return set("cpus", cpus); }
Job& Job::memory_bytes(std::int64_t bytes) { return set("memory", bytes); }
Job& Job::run_inline() { return set("isolation", "inline"); }
Job& Job::save(std::vector<std::string> keys) { return set("save", list_of(keys)); }
Job& Job::save_none() { return set("save", "none"); }

Job& Job::resource(std::string name, std::int64_t amount) {
    map_at(settings_, "resources").insert_or_assign(std::move(name), amount);
    return *this;
}

std::string Job::repr() const {
    return worker_ == name_ ? "Job(\"" + name_ + "\")" : "Job(\"" + name_ + "\", \"" + worker_ + "\")";
}

bool operator==(const Job& a, const Job& b) {
    return a.name_ == b.name_ && a.worker_ == b.worker_ && a.for_each_ == b.for_each_ &&
           a.for_each_as_given_ == b.for_each_as_given_ && a.settings_ == b.settings_;
}

// ---------------------------------------------------------------------------------------------- Pipeline

Pipeline::Pipeline(std::string name, Document data) : name_(std::move(name)), data_(std::move(data)) {}

Pipeline::Pipeline(std::string name, Graph graph, Document data) : Pipeline(std::move(name), std::move(data)) {
    for (const Arrow& arrow : graph) connect(arrow.from, arrow.to);
}

Pipeline& Pipeline::add(Job job) {
    const auto [found, added] = index_.emplace(job.name(), jobs_.size());
    if (added) {
        jobs_.push_back(std::move(job));
    } else if (!(jobs_[found->second] == job)) {
        throw std::invalid_argument("pipeline " + quote(name_) + " has another job " + quote(job.name()) +
                                    " already: give one of them another name");
    }
    return *this;
}

Pipeline& Pipeline::connect(const Nodes& from, const Nodes& to) {
    // A job that is only named stands for the one that was added with all details.
    const auto add_unless_known = [this](const Job& job) {
        if (!(index_.contains(job.name()) && job == Job(job.name()))) add(job);
    };
    for (const Job& job : from.jobs()) add_unless_known(job);
    for (const Job& job : to.jobs()) add_unless_known(job);
    for (const Job& a : from.jobs())
        for (const Job& b : to.jobs()) arrows_.emplace_back(a.name(), b.name());
    return *this;
}

Pipeline& Pipeline::data(std::string key, Value value) {
    data_.insert_or_assign(std::move(key), std::move(value));
    return *this;
}

Pipeline& Pipeline::defaults(std::string key, Value value) {
    defaults_.insert_or_assign(std::move(key), std::move(value));
    return *this;
}

std::size_t Pipeline::index_of(std::string_view name) const {
    const auto found = index_.find(std::string(name));
    if (found == index_.end()) throw std::invalid_argument("pipeline " + quote(name_) + " has no job " + quote(name));
    return found->second;
}

const Job& Pipeline::job(std::string_view name) const { return jobs_[index_of(name)]; }

bool Pipeline::has_job(std::string_view name) const { return index_.contains(std::string(name)); }

std::vector<std::pair<std::string, std::string>> Pipeline::graph() const {
    std::vector<std::pair<std::string, std::string>> pairs;
    const LinkedPipeline linked(*this);
    for (const LinkedPipeline::Arrow& arrow : linked.arrows())
        pairs.emplace_back(jobs_.at(arrow.from).name(), jobs_.at(arrow.to).name());
    return pairs;
}

std::vector<std::vector<std::size_t>> Pipeline::producers() const {
    std::vector<std::vector<std::size_t>> producers(jobs_.size());
    const LinkedPipeline linked(*this);
    for (const LinkedPipeline::Arrow& arrow : linked.arrows()) producers.at(arrow.to).push_back(arrow.from);
    return producers;
}

std::vector<std::string> Pipeline::starters() const {
    std::vector<std::string> names;
    const auto producers_of = producers();
    for (std::size_t i = 0; i < jobs_.size(); ++i)
        if (producers_of[i].empty()) names.push_back(jobs_[i].name());
    return names;
}

std::vector<std::string> Pipeline::problems() const {
    std::vector<std::string> problems;
    for (const Diagnostic& diagnostic : LinkedPipeline(*this).take_diagnostics())
        if (diagnostic.severity == Diagnostic::Severity::error) problems.push_back(sentence(diagnostic));
    return problems;
}

bool Pipeline::has_finished(std::size_t job) const {
    return std::find(finished_.begin(), finished_.end(), job) != finished_.end();
}

std::vector<std::string> Pipeline::available_jobs() const {
    std::vector<bool> done(jobs_.size(), false);
    for (std::size_t job : finished_) done[job] = true;
    const auto producers_of = producers();
    std::vector<std::string> names;
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
        const bool ready =
            std::all_of(producers_of[i].begin(), producers_of[i].end(), [&](std::size_t p) { return done[p]; });
        if (!done[i] && ready) names.push_back(jobs_[i].name());
    }
    return names;
}

void Pipeline::add_finished_job(std::string_view name) {
    const std::size_t job = index_of(name);
    if (has_finished(job))
        throw std::logic_error("job " + quote(name) + " of pipeline " + quote(name_) + " has finished already");
    finished_.push_back(job);
}

std::vector<std::string> Pipeline::finished_jobs() const {
    std::vector<std::string> names;
    for (std::size_t job : finished_) names.push_back(jobs_[job].name());
    return names;
}

std::optional<double> Pipeline::duration_s() const {
    if (!started_at_s_ || !finished_at_s_) return std::nullopt;
    return *finished_at_s_ - *started_at_s_;
}

std::string Pipeline::serialize() const { return PipelineForm::to_json_text(*this); }

Pipeline Pipeline::deserialize(std::string_view json) {
    const LanguageLimits limits;
    Diagnostics diagnostics(limits.diagnostics);
    const SourceText source("", std::string(json));
    Arena arena;
    const Reading reading(source, limits, diagnostics);
    std::optional<Pipeline> pipeline;
    if (check_text(source, diagnostics)) {
        const std::vector<SourceDocument> documents = read_json(source, arena, limits, diagnostics);
        Definition definition;
        if (!documents.empty() && read_definition(reading, *documents.front().root, source.text(), definition)) {
            if (definition.is_stream())
                reading.error(definition.name_place, "it is a stream",
                              "a Pipeline is made of jobs, and this has `stages`");
            else
                pipeline = PipelineForm::from_definition(reading, definition);
        }
    }
    if (diagnostics.errors() > 0 || !pipeline)
        throw std::invalid_argument("this is no pipeline:\n" + render(diagnostics.take()));
    return *pipeline;
}

std::string Pipeline::repr() const {
    std::string text = "Pipeline(\"" + name_ + "\":";
    for (std::size_t i = 0; i < jobs_.size(); ++i) text += (i == 0 ? " " : ", ") + jobs_[i].name();
    return text + ")";
}

std::string Pipeline::to_dot() const {
    std::string text = "digraph " + dot_quoted(name_) + " {\n";
    for (const Job& job : jobs_) text += "    " + dot_quoted(job.name()) + ";\n";
    for (const auto& [from, to] : graph()) text += "    " + dot_quoted(from) + " -> " + dot_quoted(to) + ";\n";
    return text + "}\n";
}

void Pipeline::save_dot(const std::filesystem::path& file) const {
    std::ofstream out(file);
    out << to_dot();
    out.close();
    if (!out) throw std::runtime_error("cannot write " + file.string());
}

bool operator==(const Pipeline& a, const Pipeline& b) {
    const auto sorted = [](std::vector<std::pair<std::string, std::string>> arrows) {
        std::sort(arrows.begin(), arrows.end());
        arrows.erase(std::unique(arrows.begin(), arrows.end()), arrows.end());
        return arrows;
    };
    return a.name_ == b.name_ && a.data_ == b.data_ && a.defaults_ == b.defaults_ && a.jobs_ == b.jobs_ &&
           sorted(a.arrows_) == sorted(b.arrows_);
}

std::size_t Pipeline::hash() const {
    Hasher hasher;
    hasher.add(name_).add(data_);
    for (const Job& job : jobs_) hasher.add(job.name()).add(job.worker());
    return hasher.value();
}

}  // namespace penstock
