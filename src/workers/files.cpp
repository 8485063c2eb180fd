#include "workers/files.hpp"

#include "exec/matching_files.hpp"
#include "workers/parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace penstock {

namespace {

struct Options {
    std::optional<std::string> glob;
    bool may_be_empty = false;
};

Options options_of(Parameters& parameters) {
    Options options;
    options.glob = parameters.text("glob", "a pattern of names of files, such as \"data/*.txt\"");
    options.may_be_empty = parameters.flag("may-be-empty").value_or(false);
    return options;
}

}  // namespace

std::vector<std::string> Files::check(const Document& with) {
    Parameters parameters(with, kName, {"glob", "may-be-empty"});
    options_of(parameters);
    return std::move(parameters).problems();
}

void Files::generate(Emit& emit, Context& context) {
    Parameters parameters(context.parameters(), kName, {"glob", "may-be-empty"});
    const Options options = options_of(parameters);
    parameters.throw_first();
    const std::vector<std::string> files = matching_files(context.definition_directory(), options.glob.value());
    if (files.empty() && !options.may_be_empty)
        throw std::runtime_error(fmt::format("no file matches {}; if that may be, say `may-be-empty: true`",
                                             (context.definition_directory() / *options.glob).string()));
    const std::size_t first = files.size() * context.worker() / context.workers();
    const std::size_t end = files.size() * (context.worker() + std::size_t{1}) / context.workers();
    for (std::size_t i = first + std::min<std::uint64_t>(skipped_, end - first); i < end && !context.cancelled(); ++i)
        emit(files[i]);
}

}  // namespace penstock
