#include "workers/files.hpp"

#include "workers/parameters.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <memory>
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

// The folder's own name is no pattern.
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '*' || c == '?' || c == '[' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::vector<std::string> matches(const std::filesystem::path& folder, const std::string& pattern) {
    const bool absolute = pattern.starts_with('/');
    const std::string whole = absolute ? pattern : escaped((folder / "").string()) + pattern;
    glob_t found{};
    const std::unique_ptr<glob_t, void (*)(glob_t*)> frees(&found, ::globfree);
    const int result = ::glob(whole.c_str(), GLOB_NOSORT, nullptr, &found);
    if (result != 0 && result != GLOB_NOMATCH)
        throw std::runtime_error(fmt::format("cannot look for files that match {}", whole));
    std::vector<std::string> files;
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        std::error_code ignored;  // one that goes in between is none
        if (std::filesystem::is_regular_file(found.gl_pathv[i], ignored)) files.emplace_back(found.gl_pathv[i]);
    }
    std::sort(files.begin(), files.end());
    return files;
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
    const std::vector<std::string> files = matches(context.definition_directory(), options.glob.value());
    if (files.empty() && !options.may_be_empty)
        throw std::runtime_error(fmt::format("no file matches {}; if that may be, say `may-be-empty: true`",
                                             (context.definition_directory() / *options.glob).string()));
    const std::size_t first = files.size() * context.worker() / context.workers();
    const std::size_t end = files.size() * (context.worker() + std::size_t{1}) / context.workers();
    for (std::size_t i = first + std::min<std::uint64_t>(skipped_, end - first); i < end && !context.cancelled(); ++i) emit(files[i]);
}

}  // namespace penstock
