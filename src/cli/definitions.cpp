#include "cli/definitions.hpp"

#include "report/text.hpp"

#include <algorithm>
#include <array>
#include <istream>
#include <map>
#include <optional>

namespace penstock {

namespace {

constexpr const char* kStandardInput = "<standard input>";

// Nothing when it cannot be read to its end.
std::optional<std::string> all_of(std::istream& in) {
    std::string text;
    std::array<char, 64 * 1024> part;
    do {
        in.read(part.data(), part.size());
        text.append(part.data(), static_cast<std::size_t>(in.gcount()));
    } while (in);
    if (in.bad()) return std::nullopt;
    return text;
}

Diagnostic cannot_be_read() {
    Diagnostic diagnostic;
    diagnostic.file = kStandardInput;
    diagnostic.problem = "cannot be read to its end";
    diagnostic.suggestion = "`-` reads what a pipe or a file gives: `penstock run - < pipeline.yaml`";
    return diagnostic;
}

Diagnostic defined_twice(const Plan& plan, const std::string& file) {
    Diagnostic diagnostic;
    diagnostic.file = file;
    diagnostic.problem = "pipeline `" + printable(plan.name) + "` is defined twice";
    diagnostic.reason = "another file defines a pipeline of that name in another way, and results are found by name";
    diagnostic.suggestion = "give one of them another `name`";
    return diagnostic;
}

// What standard input adds to the plans of the files.
void add(Loaded more, const std::string& file, Loaded& all) {
    all.diagnostics.insert(all.diagnostics.end(), more.diagnostics.begin(), more.diagnostics.end());
    for (auto& plan : more.plans) {
        const auto same_name = [&](const auto& known) { return known->name == plan->name; };
        const auto known = std::find_if(all.plans.begin(), all.plans.end(), same_name);
        if (known == all.plans.end())
            all.plans.push_back(std::move(plan));
        else if ((*known)->definition_text != plan->definition_text)
            all.diagnostics.push_back(defined_twice(*plan, file));
    }
}

}  // namespace

Definitions load_definitions(const DefinitionSource& source, const WorkerTypes& types, bool store_provides_keys,
                             Streams& streams) {
    LoadOptions options;
    options.set = source.set;
    options.store_provides_keys = store_provides_keys;
    options.for_each_given = !source.for_each.empty();
    if (options.for_each_given) options.for_each_keys = {source.for_each_key};

    std::vector<std::filesystem::path> files;
    bool standard_input = false;
    for (const std::string& file : source.files) {
        if (file == "-")
            standard_input = true;
        else
            files.emplace_back(file);
    }
    Loaded loaded;
    if (!files.empty()) loaded = load_files(files, types, options);
    if (standard_input) {
        if (const auto text = all_of(streams.in))
            add(load_text(*text, kStandardInput, std::filesystem::current_path(), types, options), kStandardInput,
                loaded);
        else
            loaded.diagnostics.push_back(cannot_be_read());
    }
    Definitions definitions;
    definitions.ok = loaded.ok();
    if (!loaded.diagnostics.empty()) definitions.problems = render(loaded.diagnostics);
    definitions.plans = std::move(loaded.plans);
    return definitions;
}

}  // namespace penstock
