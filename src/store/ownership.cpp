#include "store/ownership.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

namespace penstock {

namespace fs = std::filesystem;

namespace {

constexpr auto kIncarnations = "incarnations";
constexpr auto kLock = "lock";

fs::path incarnation_file(const fs::path& directory, std::uint32_t incarnation) {
    return directory / kIncarnations / fmt::format("{:06}", incarnation);
}

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string boot_id() {
    try {
        const File file("/proc/sys/kernel/random/boot_id", O_RDONLY, "read");
        std::string id = file.read_at(0, 64);
        id.erase(std::find(id.begin(), id.end(), '\n'), id.end());
        return id;
    } catch (const StoreError&) {
        return "";
    }
}

// The file: one line of JSON that never changes, and one of fixed length that does.
std::string identity_line(const Owner& owner) {
    return nlohmann::json{{"incarnation", owner.incarnation},
                          {"host", owner.host},
                          {"boot", owner.boot},
                          {"pid", owner.pid},
                          {"locked", owner.locked}}
               .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
           "\n";
}
std::string state_line(std::uint64_t count, bool ended) {
    return fmt::format("{} {:020}\n", ended ? "ended  " : "renewed", count);
}

Owner parse_owner(std::uint32_t incarnation, const std::string& text) {
    Owner owner;
    owner.incarnation = incarnation;
    // Its owner may be writing it at this moment, so anything missing stays at its default: a live owner is then
    // recognised by its count.
    const auto line_end = text.find('\n');
    if (line_end == std::string::npos) return owner;
    const auto json = nlohmann::json::parse(text.substr(0, line_end), nullptr, false);
    if (!json.is_object()) return owner;
    try {
        owner.host = json.value("host", "");
        owner.boot = json.value("boot", "");
        if (const auto pid = json.find("pid"); pid != json.end() && pid->is_number_unsigned()) pid->get_to(owner.pid);
        owner.locked = json.value("locked", false);
    } catch (const nlohmann::json::exception&) {
        // Damaged: what it says of another kind stays at its default as well.
    }
    const std::string_view state = std::string_view(text).substr(line_end + 1);
    owner.ended = state.starts_with("ended");
    if (const auto space = state.find_last_of(' '); space != std::string_view::npos)
        std::from_chars(state.data() + space + 1, state.data() + state.size(), owner.count);
    return owner;
}

struct flock whole_file_lock() {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    return lock;
}

enum class LockResult { ours, theirs, unsupported };

// Locks of the open file rather than of the process: a second claim within one process is refused as well.
LockResult try_lock(const File& file) {
    auto lock = whole_file_lock();
    if (::fcntl(file.descriptor(), F_OFD_SETLK, &lock) == 0) return LockResult::ours;
    return errno == EAGAIN || errno == EACCES ? LockResult::theirs : LockResult::unsupported;
}

StoreError live_owner_error(const fs::path& directory, const std::optional<Owner>& owner) {
    return StoreError(
        fmt::format("{} belongs to a run that is going on ({}). Wait for its end or stop it, or choose "
                    "another results file with -o; --force does not take a run away from a live owner.",
                    directory.string(), owner ? owner->text() : "just started"));
}

// Looks at the count until it moves or patience ends.
bool seen_alive(const fs::path& directory, const Owner& first_seen, const OwnershipTiming& timing) {
    using Clock = std::chrono::steady_clock;
    const auto give_up = Clock::now() + std::chrono::nanoseconds(timing.patience);
    while (true) {
        const auto now_seen = newest_owner(directory);
        if (!now_seen || now_seen->ended) return false;
        if (now_seen->incarnation != first_seen.incarnation || now_seen->count != first_seen.count) return true;
        if (Clock::now() >= give_up) return false;
        std::this_thread::sleep_for(std::chrono::nanoseconds(timing.renew_every / 4));
    }
}

bool is_alive(const fs::path& directory, const Owner& owner, const Owner& us, const OwnershipTiming& timing) {
    if (owner.ended) return false;
    // We hold the lock that it held, on the same machine: it is gone.
    const bool same_machine = owner.host == us.host && owner.boot == us.boot && !us.boot.empty();
    if (owner.locked && us.locked && same_machine) return false;
    return seen_alive(directory, owner, timing);
}

class RenewedOwnership : public Ownership {
public:
    RenewedOwnership(File lock, const fs::path& path, std::uint32_t incarnation, std::uint64_t state_offset,
                     Nanoseconds renew_every)
        : lock_(std::move(lock)), path_(path), incarnation_(incarnation), state_offset_(state_offset) {
        thread_ = std::thread([this, renew_every] { renew_until_stopped(std::chrono::nanoseconds(renew_every)); });
    }

    ~RenewedOwnership() override {
        {
            const std::lock_guard guard(mutex_);
            stopping_ = true;
        }
        stop_.notify_one();
        thread_.join();
        write_state(true);
    }

    std::uint32_t incarnation() const override { return incarnation_; }

private:
    void renew_until_stopped(std::chrono::nanoseconds every) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are for the threads that wait for them
        std::unique_lock guard(mutex_);
        while (!stop_.wait_for(guard, every, [this] { return stopping_; })) {
            ++count_;
            guard.unlock();
            write_state(false);
            guard.lock();
        }
    }

    // Opened and closed each time, because that is when network file systems show it to others. A renewal that fails
    // is not an error: at worst another run takes over, and then this one's segments do not count.
    void write_state(bool ended) {
        const int file = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
        if (file < 0) return;
        const std::string line = state_line(count_, ended);
        [[maybe_unused]] const auto written =
            ::pwrite(file, line.data(), line.size(), static_cast<off_t>(state_offset_));
        ::close(file);
    }

    File lock_;
    fs::path path_;
    std::uint32_t incarnation_;
    std::uint64_t state_offset_;
    std::uint64_t count_ = 0;
    bool stopping_ = false;
    std::mutex mutex_;
    std::condition_variable stop_;
    std::thread thread_;
};

}  // namespace

std::string Owner::text() const {
    if (pid == 0) return "its owner has just started";
    return fmt::format("process {} on {}", pid, host);
}

std::unique_ptr<Ownership> Ownership::take(const fs::path& directory, const OwnershipTiming& timing,
                                           std::uint32_t after) {
    std::error_code made;
    fs::create_directory(directory / kIncarnations, made);
    if (made) throw file_error("make", directory / kIncarnations, made.value());

    File lock(directory / kLock, O_RDWR | O_CREAT, "write");
    const LockResult locked = try_lock(lock);
    const auto before = newest_owner(directory);
    if (locked == LockResult::theirs) throw live_owner_error(directory, before);

    Owner us;
    us.incarnation = std::max(before ? before->incarnation : 0, after) + 1;
    us.host = host_name();
    us.boot = boot_id();
    us.pid = static_cast<std::uint32_t>(::getpid());
    us.locked = locked == LockResult::ours;
    if (before && is_alive(directory, *before, us, timing)) throw live_owner_error(directory, before);

    const auto path = incarnation_file(directory, us.incarnation);
    const std::string identity = identity_line(us);
    {
        const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno == EEXIST) throw live_owner_error(directory, newest_owner(directory));
        if (descriptor < 0) throw file_error("write", path, errno);
        ::close(descriptor);
        File file(path, O_WRONLY, "write");
        file.append(identity + state_line(0, false));
        file.sync();
    }
    sync_directory(directory / kIncarnations);
    return std::make_unique<RenewedOwnership>(std::move(lock), path, us.incarnation, identity.size(),
                                              timing.renew_every);
}

std::optional<Owner> newest_owner(const fs::path& directory) {
    std::uint32_t newest = 0;
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(directory / kIncarnations, missing)) {
        const std::string name = entry.path().filename().string();
        std::uint32_t number = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
        if (error == std::errc() && end == name.data() + name.size()) newest = std::max(newest, number);
    }
    if (newest == 0) return std::nullopt;
    return parse_owner(newest, read_file(incarnation_file(directory, newest)));
}

bool lock_is_held(const fs::path& directory) {
    const int descriptor = ::open((directory / kLock).c_str(), O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return false;
    auto lock = whole_file_lock();
    const bool held = ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    ::close(descriptor);
    return held;
}

}  // namespace penstock
