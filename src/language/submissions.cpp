// --for-each: from a line to pipelines with data of their own.
#include "language/load.hpp"
#include "language/reader.hpp"
#include "language/reading.hpp"

namespace penstock {

namespace {

// The own data a line stands for; nothing (reported) when it is no good.
std::optional<Document> own_data_of(const Reading& reading, const std::string& key) {
    const std::string_view line = reading.source.text();
    if (!check_text(reading.source, reading.diagnostics)) return std::nullopt;
    const std::size_t first = line.find_first_not_of(" \t");
    if (line[first] != '{') return Document{{key, Value(line)}};
    Arena arena;
    const Place whole{0, static_cast<std::uint32_t>(line.size())};
    const Node* node = read_json_value(reading.source, whole, arena, reading.limits, reading.diagnostics);
    if (!node) return std::nullopt;
    if (!node->is(Node::Kind::map) || node->size == 0) {
        reading.error(
            whole,
            "this line is " + (node->is(Node::Kind::map) ? std::string("an empty object") : std::string(node->what())),
            "its keys become the data of a pipeline", "write {\"key\": value}");
        return std::nullopt;
    }
    bool good = true;
    for (const auto& [name, value] : node->map()) {
        std::string problem = key_problem(name->text);
        if (problem.empty() && is_built_in_name(name->text))
            problem = "`{" + std::string(name->text) + "}` means a directory in every job";
        if (problem.empty()) continue;
        reading.error(name->place, "bad key " + quote(name->text), problem);
        good = false;
    }
    if (!good) return std::nullopt;
    return reading.value(*node).map();
}

std::string first_user_of(const Plan& plan, const std::string& key) {
    for (const JobTemplate& job : plan.templates)
        for (const Binding& binding : job.bindings)
            if (binding.from == Binding::From::data && binding.source_key == key) return job.name;
    return "";
}

bool has_all_keys(const Reading& reading, const Plan& plan, const Document& own) {
    bool good = true;
    for (const std::string& key : plan.own_keys) {
        if (own.contains(key)) continue;
        std::vector<std::string_view> words;
        for (const auto& [name, value] : own) words.push_back(name);
        const std::string user = first_user_of(plan, key);
        reading.error(
            {0, static_cast<std::uint32_t>(reading.source.text().size())},
            "pipeline " + quote(plan.name) + " needs " + quote(key) + ", and this line does not give it",
            (plan.is_stream() ? stage_text(user) : job_text(user)) + " uses it; the line gives " + enumerate(words),
            reading.suggest(key, words));
        good = false;
    }
    return good;
}

}  // namespace

ForEachLine submissions_for_line(const std::vector<std::shared_ptr<const Plan>>& plans, const std::string& line,
                                 const std::string& key, const std::string& file, std::size_t line_number) {
    ForEachLine result;
    std::string text = line;
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.find_first_not_of(" \t") == std::string::npos) return result;
    const LanguageLimits limits;
    Diagnostics diagnostics(limits.diagnostics);
    const SourceText source(file, std::move(text));
    const Reading reading(source, limits, diagnostics);
    const std::optional<Document> own = own_data_of(reading, key);
    if (own) {
        for (const std::shared_ptr<const Plan>& plan : plans)
            if (has_all_keys(reading, *plan, *own)) result.submissions.push_back({plan, label_of(*own), *own});
    }
    result.diagnostics = diagnostics.take();
    for (Diagnostic& diagnostic : result.diagnostics)
        if (diagnostic.line > 0) diagnostic.line = line_number;
    return result;
}

}  // namespace penstock
