// What a file system must keep for the store, tried out.
#include "cli/doctor.hpp"
#include "exec/spawn_descriptor.hpp"
#include "report/text.hpp"

#include <fcntl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace penstock {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using Result = Finding::Result;

constexpr auto kPatience = std::chrono::seconds(20);  // with one check: a file server may not answer
constexpr std::uint64_t kLeastFree = 256ull << 20;

// What a check found that does not hold.
class DoesNot : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

[[noreturn]] void failed(const std::string& call) { throw DoesNot(call + ": " + std::strerror(errno)); }

FileDescriptor opened(const fs::path& path, int flags) {
    FileDescriptor file(::open(path.c_str(), flags | O_CLOEXEC, 0666));
    if (!file) failed("open");
    return file;
}

void write_text(const fs::path& path, std::string_view text) {
    const FileDescriptor file = opened(path, O_WRONLY | O_CREAT | O_TRUNC);
    if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) failed("write");
}

std::string read_text(const fs::path& path) {
    const FileDescriptor file = opened(path, O_RDONLY);
    char bytes[64];
    const ssize_t n = ::read(file.get(), bytes, sizeof bytes);
    if (n < 0) failed("read");
    return {bytes, static_cast<std::size_t>(n)};
}

std::string took(Clock::time_point since) {
    return duration_text(std::chrono::duration<double>(Clock::now() - since).count());
}

// ---------------------------------------------------------------------------------------------- the checks
// Each returns what it found, for people, and throws DoesNot.

std::string kind_of_file_system(const fs::path& folder, const FolderCalls&) {
    struct statfs facts {};
    if (::statfs(folder.c_str(), &facts) != 0) failed("statfs");
    switch (static_cast<unsigned long>(facts.f_type)) {
        case 0x6969:
            return "NFS";
        case 0x0bd00bd0:
            return "Lustre";
        case 0x47504653:
            return "GPFS";
        case 0x19830326:
            return "BeeGFS";
        case 0xff534d42:
        case 0xfe534d42:
            return "SMB";
        case 0x01021994:
            return "tmpfs: in memory, and gone when the host is restarted";
        case 0xef53:
            return "ext";
        case 0x58465342:
            return "XFS";
        case 0x9123683e:
            return "Btrfs";
        case 0x794c7630:
            return "overlay";
        default:
            return "another one";
    }
}

std::string has_room(const fs::path& folder, const FolderCalls& calls) {
    struct statvfs facts {};
    if (calls.statvfs(folder.c_str(), &facts) != 0) failed("statvfs");
    const std::uint64_t free = std::uint64_t{facts.f_bavail} * facts.f_frsize;
    if (free < kLeastFree) throw DoesNot("only " + bytes_text(free) + " are free");
    if (facts.f_files != 0 && facts.f_favail < 1000)
        throw DoesNot("only " + counted(facts.f_favail, "more file") + " can be made");
    return bytes_text(free) + " free";
}

std::string renames_over(const fs::path& folder, const FolderCalls& calls) {
    write_text(folder / "old", "old");
    write_text(folder / "new", "new");
    if (calls.rename((folder / "new").c_str(), (folder / "old").c_str()) != 0) failed("rename");
    if (read_text(folder / "old") != "new") throw DoesNot("the old content is still there");
    if (fs::exists(folder / "new")) throw DoesNot("the file has two names afterwards");
    return "";
}

std::string makes_exclusively(const fs::path& folder, const FolderCalls& calls) {
    opened(folder / "exclusive", O_WRONLY | O_CREAT | O_EXCL);
    const FileDescriptor second(
        calls.open((folder / "exclusive").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (second) throw DoesNot("two could make it");
    if (errno != EEXIST) failed("open");
    return "";
}

std::string syncs(const fs::path& folder, const FolderCalls& calls) {
    write_text(folder / "synced", "some text");
    const FileDescriptor file = opened(folder / "synced", O_WRONLY);
    auto start = Clock::now();
    if (calls.fsync(file.get()) != 0) failed("fsync of a file");
    const std::string of_file = took(start);
    const FileDescriptor names = opened(folder, O_RDONLY | O_DIRECTORY);
    start = Clock::now();
    if (calls.fsync(names.get()) != 0) failed("fsync of the folder");
    return of_file + " a file, " + took(start) + " the folder";
}

struct flock whole_file() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

// As the owner of a run directory locks it.
std::string locks(const fs::path& folder, const FolderCalls& calls) {
    const fs::path path = folder / "locked";
    const FileDescriptor file = opened(path, O_RDWR | O_CREAT);
    auto lock = whole_file();
    if (calls.lock(file.get(), &lock) != 0) failed("fcntl");
    const pid_t child = ::fork();
    if (child < 0) failed("fork");
    if (child == 0) {
        const int again = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
        auto wanted = whole_file();
        ::_exit(again < 0 ? 2 : calls.lock(again, &wanted) == 0 ? 1 : 0);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 2) throw std::runtime_error("the other process could not look");
    if (WEXITSTATUS(status) == 1) throw DoesNot("another process got the same lock");
    return "";
}

std::string links(const fs::path& folder, const FolderCalls& calls) {
    write_text(folder / "one", "text");
    if (calls.link((folder / "one").c_str(), (folder / "two").c_str()) != 0) failed("link");
    if (read_text(folder / "two") != "text") throw DoesNot("the second name shows something else");
    return "";
}

std::string tells_changes(const fs::path& folder, const FolderCalls& calls) {
    const auto changed = [&] {
        struct stat facts {};
        if (calls.stat((folder / "changed").c_str(), &facts) != 0) failed("stat");
        return std::pair(facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec);
    };
    write_text(folder / "changed", "a");
    const auto first = changed();
    const auto start = Clock::now();
    while (Clock::now() - start < std::chrono::seconds(3)) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        write_text(folder / "changed", "b");
        if (changed() != first) return "within " + took(start);
    }
    throw DoesNot("a file that was changed has the same time 3 s later");
}

std::string keeps_hdf5(const fs::path& folder, const FolderCalls& calls) {
    const auto start = Clock::now();
    if (const std::string problem = calls.hdf5(folder); !problem.empty()) throw DoesNot(problem);
    return took(start);
}

struct Check {
    const char* what;
    std::string (*run)(const fs::path&, const FolderCalls&);
    bool needed;
    const char* advice;  // when it does not hold
};

constexpr Check kChecks[] = {
    {"what it is", kind_of_file_system, false, ""},
    {"there is room", has_room, true, "make room, or name another folder: results and segments go where -o says"},
    {"a rename replaces a file", renames_over, true, "segments and results could be lost: use another file system"},
    {"only one can make a file", makes_exclusively, true,
     "two runs could own one run directory: use another file system"},
    {"files and folders can be synced", syncs, true, "what is called durable would not be: use another file system"},
    {"locks are seen by other processes", locks, false,
     "taking over the run of a dead owner takes some seconds longer; nothing else is lost"},
    {"a file can have two names", links, false, "do not replace X.h5 while a run resumes from it"},
    {"a changed file has another time", tells_changes, false,
     "outputs `as: path` that were changed afterwards and kept their size are taken for unchanged"},
    {"HDF5 files can be written and read", keeps_hdf5, true, "results are HDF5 files: use another file system"},
};

// On a thread of its own, which is left behind when it does not come back.
Finding bounded(const Check& check, const fs::path& folder, const FolderCalls& calls) {
    struct Shared {
        std::mutex mutex;
        std::condition_variable done;
        std::optional<Finding> finding;
    };
    const auto shared = std::make_shared<Shared>();
    std::thread([shared, &check, folder, calls] {
        Finding f{"folder", check.what, Result::holds, "", "", check.needed};
        try {
            f.found = check.run(folder, calls);
        } catch (const DoesNot& problem) {
            f.result = Result::does_not;
            f.found = problem.what();
            f.advice = check.advice;
        } catch (const std::exception& problem) {
            f.result = Result::unknown;
            f.found = problem.what();
        }
        const std::lock_guard lock(shared->mutex);
        shared->finding = std::move(f);
        shared->done.notify_one();
    }).detach();
    std::unique_lock lock(shared->mutex);
    if (shared->done.wait_for(lock, kPatience, [&] { return shared->finding.has_value(); })) return *shared->finding;
    return {"folder",     check.what,  Result::does_not, "no answer within " + duration_text(20),
            check.advice, check.needed};
}

}  // namespace

Findings look_at_folder(const fs::path& folder, const FolderCalls& calls) {
    std::error_code error;
    std::string name = (folder / ".penstock-doctor-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        return {{"folder", "files can be made in it", Result::does_not, std::strerror(errno),
                 "name a folder that exists and may be written to: penstock doctor FOLDER", true}};
    Findings all{{"folder", "files can be made in it", Result::holds,
                  fs::absolute(folder, error).lexically_normal().string(), "", true}};
    for (const Check& check : kChecks) {
        all.push_back(bounded(check, name, calls));
        if (all.back().found.starts_with("no answer")) return all;  // all others would wait as long
    }
    fs::remove_all(name, error);
    return all;
}

}  // namespace penstock
