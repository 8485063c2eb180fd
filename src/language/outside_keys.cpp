#include "language/outside_keys.hpp"

#include "language/reader.hpp"
#include "language/reading.hpp"

namespace penstock {

namespace {

void read_set(const std::string& argument, const LoadOptions& options, Sources& sources, Arena& arena,
              Diagnostics& diagnostics, OutsideKeys& outside) {
    const SourceText& whole = sources.add("--set", argument);
    const std::size_t equals = argument.find('=');
    const std::string key = argument.substr(0, equals);
    const Place key_place{0, static_cast<std::uint32_t>(key.size())};
    if (equals == std::string::npos)
        return diagnostics.error(whole, key_place, "`--set` without a value", "it takes KEY=VALUE",
                                 "write " + quote(key + "=VALUE"));
    std::string problem = key_problem(key);
    if (problem.empty() && is_built_in_name(key)) problem = "`{" + key + "}` means a directory in every job";
    if (!problem.empty()) return diagnostics.error(whole, key_place, "bad key in `--set`: " + quote(key), problem);
    const SourceText& value = sources.add("--set " + key, argument.substr(equals + 1));
    const std::uint64_t errors_before = diagnostics.errors();
    const auto documents = read_documents(value, arena, options.limits, diagnostics);
    if (diagnostics.errors() != errors_before) return;
    if (documents.size() > 1)
        return diagnostics.error(value, {0, 1}, "the value of `--set " + key + "` is several documents",
                                 "it is one YAML value");
    const Reading reading(value, options.limits, diagnostics);
    outside.set.emplace_back(key, documents.empty() ? Value() : reading.value(*documents.front().root));
}

}  // namespace

OutsideKeys read_outside_keys(const LoadOptions& options, Sources& sources, Arena& arena, Diagnostics& diagnostics) {
    OutsideKeys outside;
    outside.for_each_keys = options.for_each_keys;
    outside.for_each_given = options.for_each_given;
    outside.store_provides_keys = options.store_provides_keys;
    for (const std::string& argument : options.set) read_set(argument, options, sources, arena, diagnostics, outside);
    return outside;
}

}  // namespace penstock
