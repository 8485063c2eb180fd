#include "exec/command_files.hpp"

#include "exec/command_npy.hpp"
#include "exec/spawn_descriptor.hpp"
#include "value/value_json.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace penstock {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlockBytes = 1 << 20;  // of a copy
constexpr int kScratchNames = 10000;          // tried before giving up
constexpr std::size_t kStemBytes = 180;       // a file name has at most 255

std::string errno_text(int error) { return std::error_code(error, std::generic_category()).message(); }

[[noreturn]] void fail(EndReason reason, std::string_view doing, const fs::path& path, int error) {
    std::string remedy;
    if (error == ENOSPC || error == EDQUOT) remedy = " Free space there, or choose another place.";
    if (error == EACCES || error == EROFS) remedy = " Choose a place that this user may write to.";
    throw CommandError(reason, fmt::format("cannot {} {}: {}.{}", doing, path.string(), errno_text(error), remedy));
}

bool write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t wrote = ::write(descriptor, bytes.data(), bytes.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

std::int64_t nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

void make_directories(const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (error) fail(EndReason::exception, "make the directory", directory, error.value());
}

void sync_directory_of(const fs::path& file) {
    const FileDescriptor directory(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory) ::fsync(directory.get());
}

// The copy appears under its name complete and on disk.
void copy_across(const fs::path& from, const fs::path& to) {
    const FileDescriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source) fail(EndReason::bad_output, "read", from, errno);
    struct stat facts {};
    ::fstat(source.get(), &facts);
    static std::atomic<unsigned> copies = 0;  // two jobs of this process may write to the same name
    const fs::path partial = fmt::format("{}.partial.{}.{}", to.string(), ::getpid(), copies++);
    FileDescriptor target(::open(partial.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, facts.st_mode & 0777));
    if (!target) fail(EndReason::exception, "write", partial, errno);
    auto give_up = [&](std::string_view doing, const fs::path& path) {
        const int error = errno;
        ::unlink(partial.c_str());
        fail(EndReason::exception, doing, path, error);
    };
    const auto block = std::make_unique<char[]>(kBlockBytes);
    while (true) {
        const ssize_t got = ::read(source.get(), block.get(), kBlockBytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) give_up("read", from);
        if (got == 0) break;
        if (!write_all(target.get(), {block.get(), static_cast<std::size_t>(got)})) give_up("write", partial);
    }
    const timespec times[2] = {facts.st_atim, facts.st_mtim};
    ::futimens(target.get(), times);
    if (::fsync(target.get()) != 0) give_up("write", partial);
    target.close();
    if (::rename(partial.c_str(), to.c_str()) != 0) give_up("rename to", to);
    sync_directory_of(to);
    ::unlink(from.c_str());
}

}  // namespace

bool is_safe_relative_path(std::string_view name) {
    if (name.empty() || name.find('\0') != std::string_view::npos) return false;
    while (true) {
        const std::size_t slash = name.find('/');
        const std::string_view component = name.substr(0, slash);
        if (component.empty() || component == "." || component == "..") return false;
        if (slash == std::string_view::npos) return true;
        name.remove_prefix(slash + 1);
    }
}

FileBytes read_whole_file(const fs::path& path, std::size_t limit) {
    // Without O_NONBLOCK a named pipe would keep this thread for ever.
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!file && errno == ENOENT) {
        throw CommandError(
            EndReason::bad_output,
            fmt::format("the command did not make the file {}. Correct `file:`, or the command.", path.string()));
    }
    if (!file) fail(EndReason::bad_output, "read", path, errno);
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) fail(EndReason::bad_output, "read", path, errno);
    if (!S_ISREG(facts.st_mode)) {
        throw CommandError(EndReason::bad_output, fmt::format("{} is not a regular file.", path.string()));
    }
    const auto size = static_cast<std::size_t>(facts.st_size);
    if (size > limit) {
        throw CommandError(
            EndReason::bad_output,
            fmt::format("{} has {} bytes, but an output of this form has at most {}. Use `as: path` with "
                        "`to:` for large files.",
                        path.string(), size, limit));
    }
    std::shared_ptr<std::byte[]> data(new std::byte[size]);
    std::size_t have = 0;
    while (have < size) {
        const ssize_t got = ::read(file.get(), data.get() + have, size - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail(EndReason::bad_output, "read", path, errno);
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    return {std::move(data), have};
}

std::unique_ptr<InputBytes> input_bytes(const Value& value) {
    auto made = std::make_unique<InputBytes>();
    made->value = value;
    auto as_text = [](std::span<const std::byte> bytes) {
        return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    };
    switch (value.type()) {
        case Value::Type::array:
            made->text = npy_header(value.array());
            made->pieces = {made->text, as_text(made->value.array().bytes())};
            break;
        case Value::Type::string:
            made->pieces = {made->value.string()};
            break;
        case Value::Type::bytes:
            made->pieces = {as_text(made->value.bytes())};
            break;
        default:
            made->text = to_json(value, JsonForm::plain);
            made->pieces = {made->text};
    }
    return made;
}

void write_input_file(const fs::path& directory, const std::string& name, const Value& value) {
    const fs::path path = directory / name;
    if (path.parent_path() != directory) make_directories(path.parent_path());
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!file) fail(EndReason::exception, "write the input file", path, errno);
    const std::unique_ptr<InputBytes> content = input_bytes(value);
    for (const std::string_view piece : content->pieces) {
        if (!write_all(file.get(), piece)) fail(EndReason::exception, "write the input file", path, errno);
    }
}

fs::path make_scratch_directory(const fs::path& root, const std::string& stem) {
    const std::string short_stem = stem.substr(0, kStemBytes);
    for (int number = 0; number < kScratchNames; ++number) {
        const fs::path path = root / (number == 0 ? short_stem : fmt::format("{}~{}", short_stem, number));
        if (::mkdir(path.c_str(), 0777) == 0) return path;
        if (errno == ENOENT && number == 0) {
            make_directories(root);
            if (::mkdir(path.c_str(), 0777) == 0) return path;
        }
        if (errno != EEXIST) fail(EndReason::exception, "make the scratch directory", path, errno);
    }
    throw CommandError(
        EndReason::exception,
        fmt::format("{} is full of directories that failed attempts of {} left: remove those no longer needed.",
                    root.string(), stem));
}

FileFacts file_facts(const fs::path& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) {
        if (errno != ENOENT) fail(EndReason::bad_output, "look at", path, errno);
        throw CommandError(
            EndReason::bad_output,
            fmt::format("the command did not make the file {}. Correct `file:`, or the command.", path.string()));
    }
    if (!S_ISREG(facts.st_mode)) {
        throw CommandError(EndReason::bad_output, fmt::format("{} is not a regular file.", path.string()));
    }
    return {path, static_cast<std::uint64_t>(facts.st_size), nanoseconds(facts.st_mtim)};
}

void move_file(const fs::path& from, const fs::path& to) {
    std::error_code ignored;
    if (!fs::exists(to.parent_path(), ignored)) make_directories(to.parent_path());
    // The link would be renamed, not what it leads to.
    if (fs::is_symlink(from, ignored)) return copy_across(from, to);
    if (::rename(from.c_str(), to.c_str()) == 0) return;
    if (errno == EXDEV) return copy_across(from, to);
    const int error = errno;
    throw CommandError(EndReason::exception,
                       fmt::format("cannot rename {} to {}: {}. `to:` must be the name of a file in a "
                                   "directory this user may write to.",
                                   from.string(), to.string(), errno_text(error)));
}

}  // namespace penstock
