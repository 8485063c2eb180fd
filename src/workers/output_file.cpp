#include "workers/output_file.hpp"

#include "workers/begin_again.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

OutputFile::OutputFile(std::filesystem::path path) : path_(std::move(path)) { make(); }

void OutputFile::make() {
    std::error_code ignored;  // then the file cannot be made either, and says why
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), ignored);
    file_ = make_temporary(path_, temporary_);
    if (!file_) {
        temporary_.clear();
        fail();
    }
    lock();
}

OutputFile::OutputFile(std::filesystem::path path, const Point& from) : path_(std::move(path)) {
    const std::filesystem::path left = path_.parent_path() / from.name;
    file_ = is_of_this(from.name) ? open_earlier(left, from, O_RDWR) : FileDescriptor();
    if (file_ && lock()) {
        temporary_ = left.string();
        has_point_ = true;
        written_ = from.bytes;
        if (::ftruncate(file_.get(), static_cast<off_t>(from.bytes)) != 0 || ::lseek(file_.get(), 0, SEEK_END) < 0)
            fail();
        return;
    }
    const FileDescriptor earlier = file_ ? std::move(file_) : open_earlier(path_, from, O_RDONLY);
    if (!earlier)
        throw std::runtime_error(
            fmt::format("cannot go on with {}: what has been written of it, {}, is gone or too short. {}",
                        path_.string(), from.name, kHowToBeginAgain));
    make();
    try {
        copy(earlier, from.bytes);
    } catch (...) {
        ::unlink(temporary_.c_str());
        throw;
    }
}

// Nothing when it is not what was written up to the point.
FileDescriptor OutputFile::open_earlier(const std::filesystem::path& path, const Point& from, int mode) const {
    FileDescriptor file(::open(path.c_str(), mode | O_CLOEXEC | O_NOFOLLOW));
    struct stat now {};
    if (!file || ::fstat(file.get(), &now) != 0 || static_cast<std::uint64_t>(now.st_size) < from.bytes ||
        now.st_ino != from.inode)
        return {};
    return file;
}

void OutputFile::copy(const FileDescriptor& earlier, std::uint64_t bytes) {
    std::string part(kBuffer, '\0');
    for (std::uint64_t done = 0; done < bytes;) {
        const ssize_t n = ::pread(earlier.get(), part.data(), std::min<std::uint64_t>(part.size(), bytes - done),
                                  static_cast<off_t>(done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail();
        if (n == 0)
            throw std::runtime_error(fmt::format("cannot write {}: what is copied became shorter", path_.string()));
        write({part.data(), static_cast<std::size_t>(n)});
        done += static_cast<std::uint64_t>(n);
    }
}

// Where the file system has no locks nobody can tell.
bool OutputFile::lock() const { return ::flock(file_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

// .NAME.PID-NUMBER.part, and not that of a file whose name only begins alike.
bool OutputFile::is_of_this(std::string_view temporary) const {
    const std::string begin = "." + path_.filename().string() + ".";
    if (!temporary.starts_with(begin) || !temporary.ends_with(kPart) || temporary.size() < begin.size() + kPart.size())
        return false;
    const std::string_view numbers = temporary.substr(begin.size(), temporary.size() - begin.size() - kPart.size());
    const auto dash = numbers.find('-');
    const auto is_number = [](std::string_view text) {
        return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    };
    return dash != std::string_view::npos && is_number(numbers.substr(0, dash)) && is_number(numbers.substr(dash + 1));
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
    struct stat now {};
    if (::fstat(file_.get(), &now) != 0) fail();
    has_point_ = true;
    return {std::filesystem::path(temporary_).filename().string(), written_, now.st_ino};
}

void OutputFile::keep() {
    flush();
    if (::fsync(file_.get()) != 0 && errno != EINVAL) fail();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    temporary_.clear();
}

void OutputFile::remove_what_others_left() const {
    std::error_code ignored;
    const auto folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    for (std::filesystem::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored)) {
        const std::string name = entry->path().filename().string();
        if (!is_of_this(name)) continue;
        const FileDescriptor file(::open(entry->path().c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
        if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    }
}

}  // namespace penstock
