#include "store/files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace penstock {

namespace {

std::filesystem::path folder_of(const std::filesystem::path& path) {
    const auto parent = path.parent_path();
    return parent.empty() ? std::filesystem::path(".") : parent;
}

std::string remedy_for(const std::filesystem::path& path, int error) {
    const std::string folder = folder_of(path).string();
    switch (error) {
        case ENOENT:
            return fmt::format("Make the folder (mkdir -p {}) or choose another place.", folder);
        case ENOTDIR:
            return "Choose a place whose folders are all folders.";
        case EACCES:
        case EPERM:
            return fmt::format("Ask for permission to write in {} or choose another place.", folder);
        case EROFS:
            return "Choose a place on a file system that can be written.";
        case ENOSPC:
        case EDQUOT:
            return fmt::format("Free some space where {} is, or choose another place.", folder);
        case EFBIG:
            return "Raise the limit (ulimit -f).";
        case EMFILE:
        case ENFILE:
            return "Raise the limit of open files (ulimit -n).";
        case ENAMETOOLONG:
            return "Choose a shorter name.";
        default:
            return fmt::format("Look at the file system of {}, or choose another place.", folder);
    }
}

std::string reason_for(const std::filesystem::path& path, int error) {
    switch (error) {
        case ENOENT:
            return fmt::format("the folder {} does not exist", folder_of(path).string());
        case EACCES:
        case EPERM:
            return "permission is denied";
        case EROFS:
            return "its file system is read-only";
        case ENOSPC:
            return "the disk is full";
        case EDQUOT:
            return "the disk quota is used up";
        case EFBIG:
            return "files of this size are not allowed";
        default:
            return std::strerror(error);
    }
}

}  // namespace

StoreError file_error(std::string_view doing, const std::filesystem::path& path, int error) {
    std::error_code ignored;
    // The folder is there, so it is the file itself that is missing: making the folder would not help.
    if (error == ENOENT && std::filesystem::is_directory(folder_of(path), ignored))
        return StoreError(fmt::format("cannot {} {}: there is no such file. Look at the name, or make it first.", doing,
                                      path.string()));
    return StoreError(
        fmt::format("cannot {} {}: {}. {}", doing, path.string(), reason_for(path, error), remedy_for(path, error)));
}

File::File(const std::filesystem::path& path, int flags, std::string_view doing)
    : path_(path), descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) throw file_error(doing, path, errno);
}

File::File(File&& other) noexcept : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

File::~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint64_t File::size() const {
    struct stat info {};
    if (::fstat(descriptor_, &info) != 0) throw file_error("read", path_, errno);
    return static_cast<std::uint64_t>(info.st_size);
}

void File::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) throw file_error("write", path_, errno);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::string File::read_at(std::uint64_t offset, std::size_t length) const {
    std::string bytes(length, '\0');
    std::size_t have = 0;
    while (have < length) {
        const ssize_t got = ::pread(descriptor_, bytes.data() + have, length - have, static_cast<off_t>(offset + have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw file_error("read", path_, errno);
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
}

void File::truncate(std::uint64_t size) {
    if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) throw file_error("write", path_, errno);
}

void File::sync() {
    if (::fdatasync(descriptor_) != 0) throw file_error("write", path_, errno);
}

void sync_directory(const std::filesystem::path& directory) {
    const File file(directory, O_RDONLY | O_DIRECTORY, "open");
    // Some network file systems have no fsync of directories and sync names by themselves.
    if (::fsync(file.descriptor()) != 0 && errno != EINVAL && errno != EROFS)
        throw file_error("write", directory, errno);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
    write_file_atomically(path, [content](File& file) { file.append(content); });
}

void write_file_atomically(const std::filesystem::path& path, const std::function<void(File&)>& write) {
    auto temporary = path;
    temporary += kNewSuffix;
    {
        File file(temporary, O_WRONLY | O_CREAT | O_TRUNC, "write");
        write(file);
        file.sync();
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) throw file_error("write", path, errno);
    sync_directory(folder_of(path));
}

void remove_file(const std::filesystem::path& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) throw file_error("remove", path, errno);
}

std::string read_file(const std::filesystem::path& path) {
    const File file(path, O_RDONLY, "read");
    return file.read_at(0, file.size());
}

}  // namespace penstock
