// Preloaded into a launch: a disk with something wrong, for files whose path contains $DISK_FAULT_IN.
//   DISK_FAULT        the errno that calls fail with: ENOSPC, EDQUOT, EIO, EROFS; SLOW: they succeed, after 3 s
//   DISK_FAULT_CALL   write (pwrite, write), sync (fdatasync, fsync) or open (for writing)
//   DISK_FAULT_AFTER  so many bytes are written before, or calls made, in each process
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace {

bool is(const char* name, const char* wanted) {
    const char* value = std::getenv(name);
    return value != nullptr && std::strcmp(value, wanted) == 0;
}

bool contains(const char* path) {
    const char* part = std::getenv("DISK_FAULT_IN");
    return part != nullptr && *part != '\0' && std::strstr(path, part) != nullptr;
}

bool concerns(int descriptor) {
    char link[64], path[4096];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = ::readlink(link, path, sizeof path - 1);
    if (length < 0) return false;
    path[length] = '\0';
    return contains(path);
}

int wrong() {
    if (is("DISK_FAULT", "EDQUOT")) return EDQUOT;
    if (is("DISK_FAULT", "EIO")) return EIO;
    if (is("DISK_FAULT", "EROFS")) return EROFS;
    return ENOSPC;
}

bool beyond(std::size_t more) {
    static std::atomic<std::size_t> used{0};
    const char* after = std::getenv("DISK_FAULT_AFTER");
    return (used += more) > (after == nullptr ? 0 : std::strtoull(after, nullptr, 10));
}

template <class Function>
Function real(Function, const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

int fail() {
    errno = wrong();
    return -1;
}

int sync_with(const char* name, int descriptor) {
    if (is("DISK_FAULT_CALL", "sync") && concerns(descriptor) && beyond(1)) {
        if (!is("DISK_FAULT", "SLOW")) return fail();
        ::sleep(3);
    }
    return real(&::fsync, name)(descriptor);
}

int open_with(const char* name, const char* path, int flags, mode_t mode) {
    if ((flags & O_ACCMODE) != O_RDONLY && is("DISK_FAULT_CALL", "open") && contains(path) && beyond(1)) return fail();
    return real(&::open, name)(path, flags, mode);
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t count) {
    static const auto next = real(&::write, "write");
    if (is("DISK_FAULT_CALL", "write") && concerns(descriptor) && beyond(count)) return fail();
    return next(descriptor, bytes, count);
}
ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
    static const auto next = real(&::pwrite, "pwrite");
    if (is("DISK_FAULT_CALL", "write") && concerns(descriptor) && beyond(count)) return fail();
    return next(descriptor, bytes, count, offset);
}
ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off64_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}
int fdatasync(int descriptor) { return sync_with("fdatasync", descriptor); }
int fsync(int descriptor) { return sync_with("fsync", descriptor); }
int open(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_with("open", path, flags, mode);
}
int open64(const char* path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_with("open64", path, flags, mode);
}

}  // extern "C"
