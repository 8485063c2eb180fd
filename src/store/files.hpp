// The few things this folder does with plain files: synced writes, and errors that say what to do.
#pragma once

#include "store/store_error.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace penstock {

// "cannot make runs/a.h5.run: the folder runs does not exist. Make it (mkdir -p runs) or choose another place."
// `doing` is the verb ("make", "write", "read"); `error` an errno value.
StoreError file_error(std::string_view doing, const std::filesystem::path& path, int error);

// A file descriptor that closes itself.
class File {
public:
    File() = default;
    // Throws file_error(doing, path); the descriptor is not inherited by programs started later.
    File(const std::filesystem::path& path, int flags, std::string_view doing);
    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    ~File();

    int descriptor() const { return descriptor_; }
    const std::filesystem::path& path() const { return path_; }

    std::uint64_t size() const;
    void append(std::string_view bytes);  // all of them, at the end or where the last read ended
    std::string read_at(std::uint64_t offset, std::size_t length) const;  // shorter at the end of the file
    void truncate(std::uint64_t size);
    void sync();

private:
    std::filesystem::path path_;
    int descriptor_ = -1;
};

// The names in the directory become durable.
void sync_directory(const std::filesystem::path& directory);

// The file appears under its name complete and durable, or not at all. Until then it has this behind its name.
inline constexpr const char* kNewSuffix = ".new";
void write_file_atomically(const std::filesystem::path& path, std::string_view content);
void write_file_atomically(const std::filesystem::path& path, const std::function<void(File&)>& write);

// No error when it is not there.
void remove_file(const std::filesystem::path& path);

// The whole file.
std::string read_file(const std::filesystem::path& path);

}  // namespace penstock
