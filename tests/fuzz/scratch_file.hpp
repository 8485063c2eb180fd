// A file of this process in memory, written anew for each input.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace penstock::test {

class ScratchFile {
public:
    explicit ScratchFile(const std::string& name) {
        std::string folder =
            std::filesystem::exists("/dev/shm") ? "/dev/shm/penstock-fuzz-XXXXXX" : "/var/tmp/penstock-fuzz-XXXXXX";
        if (::mkdtemp(folder.data()) == nullptr) std::abort();
        folder_ = folder;
        path_ = folder_ / name;
    }
    ~ScratchFile() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;

    const std::filesystem::path& path() const { return path_; }
    const std::filesystem::path& folder() const { return folder_; }
    void write(std::string_view content) const {
        const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        const bool written =
            ::write(descriptor, content.data(), content.size()) == static_cast<ssize_t>(content.size());
        if (::close(descriptor) != 0 || !written) std::abort();
    }

private:
    std::filesystem::path folder_, path_;
};

}  // namespace penstock::test
