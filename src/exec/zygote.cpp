#include "exec/zygote.hpp"

#include "exec/attachment.hpp"
#include "exec/spawn.hpp"
#include "exec/worker_setup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <iostream>
#include <string_view>
#include <system_error>

namespace penstock {

namespace {

constexpr std::size_t kTableDescriptors = 1;            // of a message that brings the table of live groups
constexpr const char* kZygoteName = "penstock-zygote";  // argv[0] of a program started to be one

std::atomic<bool> main_serves_zygotes{false};

struct Reply {
    pid_t pid = -1;
    int error = 0;
};

// fork(), but the child is a sibling. The C library keeps the main thread's id where the kernel is told to write it
// (functions like pthread_setaffinity_np use it), so the child's own is written there as fork() would have.
pid_t fork_sibling() {
    int* thread_id = nullptr;
    unsigned long flags = CLONE_PARENT | SIGCHLD;
    if (::prctl(PR_GET_TID_ADDRESS, &thread_id) == 0) flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__x86_64__)
    return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, thread_id, nullptr));
#else  // aarch64, riscv, ppc64le: the last two the other way round
    return static_cast<pid_t>(::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, thread_id));
#endif
}

WorkerChannel channel_of(Message& message, std::string_view scratch_root) {
    auto& descriptors = message.descriptors;
    return {std::move(descriptors[0]), std::move(descriptors[1]), std::move(descriptors[2]),
            std::move(descriptors[3]), std::move(descriptors[4]), scratch_root};
}

// Readable when the rank has ended. The kernel would kill this process then (and with the thread that made it), but it
// has something to do first. Without pidfds it is killed.
FileDescriptor see_the_end_of(pid_t rank) {
    die_with(rank);
    FileDescriptor end(static_cast<int>(::syscall(SYS_pidfd_open, rank, 0)));
    if (end) ::prctl(PR_SET_PDEATHSIG, 0);
    if (::getppid() != rank) ::_exit(0);  // it died in between
    return end;
}

// One of them may be none.
void wait_for_readable(const FileDescriptor& socket, const FileDescriptor& rank_end) {
    std::array<pollfd, 2> watched{{{socket.get(), POLLIN, 0}, {rank_end.get(), POLLIN, 0}}};
    while (::poll(watched.data(), watched.size(), -1) < 0 && errno == EINTR) {
    }
}

struct ZygoteSide {
    FileDescriptor socket;
    const WorkerTypes& types;
    pid_t rank;
    FileDescriptor rank_end;
    WatchedGroups groups;
};

[[noreturn]] void be_worker(ZygoteSide& zygote, Message& message, std::string_view scratch_root) noexcept {
    try {
        zygote.socket.close();
        zygote.rank_end.close();
        serve_lane(channel_of(message, scratch_root), zygote.types, zygote.rank);
    } catch (const std::exception&) {
        ::_exit(1);
    }
}

// Until the rank has ended, or the other end of the socket is closed. Throws std::system_error.
void serve_requests(ZygoteSide& zygote) {
    std::array<char, PATH_MAX> scratch_root;
    for (;;) {
        wait_for_readable(zygote.socket, zygote.rank_end);
        Message message =
            receive_message(zygote.socket.get(), std::as_writable_bytes(std::span(scratch_root)), MSG_DONTWAIT);
        if (message.descriptors.size() == kTableDescriptors) {
            zygote.groups.open(message.descriptors[0]);
            continue;
        }
        if (message.descriptors.size() != kWorkerDescriptors) return;  // closed
        Reply reply;
        reply.pid = fork_sibling();
        if (reply.pid == 0) be_worker(zygote, message, {scratch_root.data(), message.bytes});
        reply.error = reply.pid < 0 ? errno : 0;
        send_message(zygote.socket.get(), std::as_bytes(std::span(&reply, 1)), {});
    }
}

// A child of `rank`, for as long as that lives.
[[noreturn]] void be_zygote(FileDescriptor socket, const WorkerTypes& types, pid_t rank) noexcept {
    ::setpgid(0, 0);
    reset_signals();
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1}) ::signal(number, SIG_IGN);
    close_all_but(socket.get());
    ::prctl(PR_SET_NAME, kZygoteName);
    ZygoteSide zygote{std::move(socket), types, rank, see_the_end_of(rank), {}};
    try {
        serve_requests(zygote);
    } catch (const std::exception&) {
        // The rank is gone or makes another zygote.
    }
    zygote.socket.close();
    if (!zygote.rank_end) ::_exit(0);
    wait_for_readable({}, zygote.rank_end);
    zygote.groups.kill_all();
    ::_exit(0);
}

std::pair<FileDescriptor, FileDescriptor> socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

std::unique_ptr<ZygoteProcess> fork_zygote(const WorkerTypes& types) {
    auto [ours, theirs] = socket_pair();
    const pid_t rank = ::getpid();
    std::cout.flush();
    std::fflush(nullptr);  // or each worker process would print it again
    const pid_t pid = ::fork();
    if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid == 0) {
        ours.close();
        be_zygote(std::move(theirs), types, rank);
    }
    return std::make_unique<ZygoteProcess>(std::move(ours), pid);
}

// The program anew: a process that has MPI, threads and locks in use cannot be forked safely.
std::unique_ptr<ZygoteProcess> execute_zygote() {
    auto [ours, theirs] = socket_pair();
    const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    std::string rank = fmt::format("{}", ::getpid());
    const std::array<char*, 3> arguments{const_cast<char*>(kZygoteName), rank.data(), nullptr};
    SpawnRequest request;
    request.path = "/proc/self/exe";
    request.arguments = arguments.data();
    request.environment = environ;
    request.standard_input = theirs.get();
    request.standard_output = null.get();
    request.standard_error = null.get();
    const Spawned spawned = spawn(request);
    if (!spawned) throw std::system_error(spawned.error, std::generic_category(), "starting /proc/self/exe");
    return std::make_unique<ZygoteProcess>(std::move(ours), spawned.pid);
}

}  // namespace

std::unique_ptr<Zygote> Zygote::fork_now(const WorkerTypes& types) { return fork_zygote(types); }

bool serve_if_zygote(int argument_count, char** arguments, const WorkerTypes& types) {
    main_serves_zygotes = true;
    if (argument_count != 2 || arguments[0] != std::string_view(kZygoteName)) return false;
    FileDescriptor socket(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    ::dup2(null.get(), STDIN_FILENO);
    be_zygote(std::move(socket), types, static_cast<pid_t>(std::strtol(arguments[1], nullptr, 10)));
}

// ---------------------------------------------------------------------------------------------- ZygoteProcess

ZygoteProcess::~ZygoteProcess() {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

pid_t ZygoteProcess::fork_worker(const std::array<int, kWorkerDescriptors>& descriptors,
                                 const std::filesystem::path& scratch_root) {
    Reply reply;
    ended_ = true;  // unless it answers
    send_message(socket_.get(), std::as_bytes(std::span(scratch_root.native())), descriptors);
    const Message message = receive_message(socket_.get(), std::as_writable_bytes(std::span(&reply, 1)));
    if (message.bytes != sizeof reply) throw std::system_error(EPIPE, std::generic_category(), "zygote");
    ended_ = false;
    if (reply.pid < 0) throw std::system_error(reply.error, std::generic_category(), "fork");
    return reply.pid;
}

void ZygoteProcess::watch(const LiveGroups& groups) noexcept {
    if (groups.memfd() < 0) return;
    const int memfd = groups.memfd();
    constexpr char kSomething = 0;
    try {
        send_message(socket_.get(), std::as_bytes(std::span(&kSomething, 1)), std::span(&memfd, kTableDescriptors));
    } catch (const std::system_error&) {
        // It is gone, which whoever needs a worker process next finds out.
    }
}

// ---------------------------------------------------------------------------------------------- WorkerSource

WorkerSource::WorkerSource(const WorkerTypes& types, std::unique_ptr<Zygote> zygote, std::shared_ptr<LiveGroups> groups)
    : types_(types), groups_(std::move(groups)), zygote_(static_cast<ZygoteProcess*>(zygote.release())) {
    if (zygote_ != nullptr) zygote_->watch(*groups_);
}

WorkerSource::~WorkerSource() { close(); }

pid_t WorkerSource::fork_worker(const std::array<int, kWorkerDescriptors>& descriptors,
                                const std::filesystem::path& scratch_root) {
    constexpr int kZygotesTried = 3;
    const std::scoped_lock lock(mutex_);
    for (int tried = 1;; ++tried) {
        if (zygote_ == nullptr) replace();
        try {
            return zygote_->fork_worker(descriptors, scratch_root);
        } catch (const std::system_error&) {
            if (!zygote_->ended() || tried == kZygotesTried) throw;
            zygote_.reset();
        }
    }
}

void WorkerSource::replace() {
    std::promise<std::unique_ptr<ZygoteProcess>> promise;
    auto made = promise.get_future();
    keepers_.emplace_back([this, promise = std::move(promise)]() mutable {
        try {
            promise.set_value(main_serves_zygotes ? execute_zygote() : fork_zygote(types_));
        } catch (...) {
            promise.set_exception(std::current_exception());
        }
        std::unique_lock lock(mutex_);
        closed_changed_.wait(lock, [this] { return closed_; });
    });
    zygote_ = made.get();
    zygote_->watch(*groups_);
}

void WorkerSource::close() {
    std::vector<std::thread> keepers;
    {
        const std::scoped_lock lock(mutex_);
        closed_ = true;
        zygote_.reset();
        keepers.swap(keepers_);
    }
    closed_changed_.notify_all();
    for (std::thread& keeper : keepers) keeper.join();
}

}  // namespace penstock
