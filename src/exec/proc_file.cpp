#include "exec/proc_file.hpp"

#include <array>
#include <cstdio>
#include <memory>

namespace penstock {

namespace {

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::string proc_text(const std::filesystem::path& file) {
    constexpr std::size_t kMost = 1 << 20;
    const std::unique_ptr<std::FILE, Close> open(std::fopen(file.c_str(), "re"));
    std::string text;
    if (!open) return text;
    std::array<char, 4096> part;
    while (text.size() < kMost) {
        const std::size_t n = std::fread(part.data(), 1, part.size(), open.get());
        if (n == 0) break;
        text.append(part.data(), n);
    }
    return text;
}

std::vector<std::filesystem::path> proc_entries(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> entries;
    std::error_code gone;
    for (std::filesystem::directory_iterator at(folder, gone), end; !gone && at != end; at.increment(gone))
        entries.push_back(at->path());
    return entries;
}

}  // namespace penstock
