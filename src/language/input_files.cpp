#include "language/input_files.hpp"

#include "value/hash.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

namespace penstock {

bool read_file(const std::filesystem::path& path, std::uint64_t most_bytes, std::string& text, std::string& problem) {
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        problem = "is a directory";
        return false;
    }
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    if (!in) {
        problem = std::string("cannot be opened: ") + std::strerror(errno);
        return false;
    }
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    text.clear();
    if (!error && size <= most_bytes) text.reserve(size);
    char block[1 << 16];
    while (in.read(block, sizeof block) || in.gcount() > 0) {
        text.append(block, static_cast<std::size_t>(in.gcount()));
        if (text.size() > most_bytes) {
            problem = "is longer than " + std::to_string(most_bytes) + " bytes";
            return false;
        }
    }
    if (in.bad()) {
        problem = std::string("cannot be read: ") + std::strerror(errno);
        return false;
    }
    return true;
}

const SourceText* InputFiles::read(std::string_view name, std::string& problem) {
    const std::filesystem::path path = (directory_ / std::filesystem::path(name)).lexically_normal();
    const auto known = read_.find(path.string());
    if (known != read_.end()) return known->second;
    std::string text;
    if (!read_file(path, most_bytes_, text, problem)) return nullptr;
    pinned_.push_back({path.string(), Hasher().add(std::string_view(text)).value()});
    const SourceText& source = sources_.add((shown_directory_ / std::filesystem::path(name)).string(), std::move(text));
    read_.emplace(path.string(), &source);
    return &source;
}

}  // namespace penstock
