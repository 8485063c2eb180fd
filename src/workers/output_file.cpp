#include "workers/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace penstock {

namespace {

constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::string_view kPart = ".part";

// Beside the file, and of nobody else.
FileDescriptor make_temporary(const std::filesystem::path& path, std::string& name) {
    constexpr int kTries = 100;
    static std::atomic<unsigned> made{0};
    for (int tries = 0; tries < kTries; ++tries) {
        const std::string own = fmt::format(".{}.{}-{}{}", path.filename().string(), ::getpid(), made++, kPart);
        name = (path.parent_path() / own).string();
        FileDescriptor file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
        if (file || errno != EEXIST) return file;
    }
    return {};
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) {
    std::error_code ignored;  // then the file cannot be made either, and says why
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), ignored);
    file_ = make_temporary(path_, temporary_);
    if (!file_) {
        temporary_.clear();
        fail();
    }
    lock();
}

OutputFile::OutputFile(std::filesystem::path path, const Point& from)
    : path_(std::move(path)), temporary_((path_.parent_path() / from.name).string()), written_(from.bytes), has_point_(true) {
    const std::string begin = "." + path_.filename().string() + ".";
    struct stat now {};
    if (from.name.starts_with(begin) && from.name.find('/') == std::string::npos)
        file_ = FileDescriptor(::open(temporary_.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file_ || ::fstat(file_.get(), &now) != 0 || static_cast<std::uint64_t>(now.st_size) < from.bytes)
        throw std::runtime_error(fmt::format("cannot go on with {}: what has been written of it, {}, is gone or too short; "
                                             "run the stream anew (--force)", path_.string(), temporary_));
    lock();
    if (::ftruncate(file_.get(), static_cast<off_t>(from.bytes)) != 0 || ::lseek(file_.get(), 0, SEEK_END) < 0) fail();
}

// Where the file system has no locks nobody can tell.
void OutputFile::lock() const {
    if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        throw std::runtime_error(fmt::format("cannot write {}: another process still does", path_.string()));
}

OutputFile::~OutputFile() {
    if (!temporary_.empty() && !has_point_) ::unlink(temporary_.c_str());
}

void OutputFile::fail() const {
    throw std::runtime_error(fmt::format("cannot write {}: {}", path_.string(), std::strerror(errno)));
}

void OutputFile::write(std::string_view text) {
    buffer_ += text;
    if (buffer_.size() >= kBuffer) flush();
}

void OutputFile::flush() {
    std::string_view rest = buffer_;
    while (!rest.empty()) {
        const ssize_t n = ::write(file_.get(), rest.data(), rest.size());
        if (n < 0 && errno != EINTR) fail();
        if (n > 0) rest.remove_prefix(static_cast<std::size_t>(n));
    }
    written_ += buffer_.size();
    buffer_.clear();
}

OutputFile::Point OutputFile::point() {
    flush();
    if (::fdatasync(file_.get()) != 0 && errno != EINVAL) fail();
    has_point_ = true;
    return {std::filesystem::path(temporary_).filename().string(), written_};
}

void OutputFile::keep() {
    flush();
    if (::fsync(file_.get()) != 0 && errno != EINVAL) fail();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    temporary_.clear();
}

void OutputFile::remove_what_others_left() const {
    const std::string begin = "." + path_.filename().string() + ".";
    std::error_code ignored;
    const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    for (std::filesystem::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
        const std::string name = entry->path().filename().string();
        if (!name.starts_with(begin) || !name.ends_with(kPart)) continue;
        const FileDescriptor file(::open(entry->path().c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
        if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    }
}

}  // namespace penstock
