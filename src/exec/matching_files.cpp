#include "exec/matching_files.hpp"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace penstock {

namespace {

// The folder's own name is no pattern.
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '*' || c == '?' || c == '[' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

}  // namespace

std::vector<std::string> matching_files(const std::filesystem::path& folder, const std::string& pattern) {
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

}  // namespace penstock
