// The external runner: one loop over all running commands, a few threads beside it for files and parsing.
#include "exec/attempt_watch.hpp"
#include "exec/command_cpus.hpp"
#include "exec/command_job.hpp"
#include "exec/command_threads.hpp"
#include "exec/external_runner.hpp"
#include "exec/process_tree.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

namespace penstock {
namespace {

constexpr Nanoseconds kCancelGrace = 2'000'000'000;  // from SIGTERM to SIGKILL
constexpr Nanoseconds kStopGrace = 1'000'000'000;    // the same at the end of the run
// How long a command's output is read on after it has ended while some process it left behind holds it open.
constexpr Nanoseconds kLeftBehindGrace = 2'000'000'000;
constexpr Nanoseconds kNever = INT64_MAX;

constexpr std::size_t kReadBytes = 1 << 20;
constexpr std::size_t kEventsAtOnce = 64;
constexpr std::size_t kHelpers = 4;
constexpr std::size_t kTemplatesKept = 256;  // beyond it those of ended pipelines are dropped

Nanoseconds now() { return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1); }

enum class Channel : std::uint8_t { process, output, error, input };

struct Running {
    std::uint64_t number = 0;  // key of running_
    std::unique_ptr<CommandJob> job;
    CpuGrant cpus;
    bool started = false;
    bool exited = false;
    bool done = false;  // concluded, or about to be
    Nanoseconds deadline = kNever;
    Nanoseconds time_up = kNever;  // its timeout
    Nanoseconds look_at_memory = kNever;
    Nanoseconds due() const { return std::min({deadline, time_up, look_at_memory}); }
};

// What an epoll event carries: numbers, because it may come late. A program that is just being loaded shares the
// descriptors of its siblings for a moment, and as long as it does closing ours does not end their registration.
constexpr std::uint64_t kWake = 0;
std::uint64_t event_tag(std::uint64_t number, Channel channel) {
    return number << 2 | static_cast<std::uint64_t>(channel);
}

struct Start {
    std::uint32_t lane;
    Ticket ticket;
};
struct Cancel {
    std::uint64_t ticket;
    EndReason reason;
};
struct Prepared {
    Running* running;
};
struct Concluded {
    Running* running;
    Outcome outcome;
};
struct Stop {};
using Message = std::variant<Start, Cancel, Prepared, Concluded, Stop>;

FileDescriptor checked(int descriptor, const char* what) {
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), what);
    return FileDescriptor(descriptor);
}

std::filesystem::path whole_path(const std::filesystem::path& path) {
    return path.empty() ? std::filesystem::current_path() : std::filesystem::absolute(path);
}

class CommandRunner final : public ExternalRunner {
public:
    CommandRunner(const LaneOptions& options, ExternalDone done, std::function<void()> later)
        : site_{Environment::of_this_process(), whole_path(options.launch_directory), whole_path(options.scratch_root)},
          log_bytes_(options.log_bytes),
          cpus_(options.cpus),
          groups_(options.groups),
          done_(std::move(done)),
          later_(std::move(later)),
          log_file_(options.log_directory),
          epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
          wake_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
          no_input_(checked(::open("/dev/null", O_RDONLY | O_CLOEXEC), "/dev/null")),
          buffer_(kReadBytes) {
        epoll_event event{EPOLLIN, {}};
        event.data.u64 = kWake;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
        thread_ = std::thread([this] { loop(); });
    }

    ~CommandRunner() override { stop(); }

    void start(std::uint32_t lane, Ticket ticket) override { post(Start{lane, std::move(ticket)}); }
    void cancel(std::uint32_t, std::uint64_t ticket, EndReason reason) override { post(Cancel{ticket, reason}); }
    void stop() override {
        const std::lock_guard lock(stop_mutex_);
        if (!thread_.joinable()) return;
        post(Stop{});
        thread_.join();
    }

private:
    // ------------------------------------------------------------------------------------------ messages to the loop

    void post(Message message) {
        bool first = false;
        {
            const std::lock_guard lock(inbox_mutex_);
            first = inbox_.empty();
            inbox_.push_back(std::move(message));
        }
        // The loop looks into the inbox before it waits.
        if (first && std::this_thread::get_id() != thread_id_.load(std::memory_order_relaxed)) wake();
    }

    void wake() {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t wrote = ::write(wake_.get(), &one, sizeof one);
    }

    bool take_messages() {
        {
            const std::lock_guard lock(inbox_mutex_);
            taken_.swap(inbox_);
        }
        for (Message& message : taken_) std::visit([this](auto& m) { on(m); }, message);
        const bool any = !taken_.empty();
        taken_.clear();
        return any;
    }

    void on(Start& message) {
        auto shared = std::shared_ptr<const CommandTemplate>();
        std::optional<CommandError> wrong;
        try {
            shared = template_of(message.ticket);
        } catch (const CommandError& error) {
            wrong = error;
        }
        Running& running = *running_.emplace(++last_number_, std::make_unique<Running>()).first->second;
        running.number = last_number_;
        running.job =
            std::make_unique<CommandJob>(message.lane, std::move(message.ticket), shared, log_file_, log_bytes_);
        if (wrong) running.job->fail(wrong->reason, wrong->what());
        if (stopping_) running.job->cancel(EndReason::cancelled);
        if (wrong || stopping_) return conclude(running);
        if (!running.job->heavy_to_prepare()) {
            running.job->prepare();
            return launch(running);
        }
        helpers_.run([this, &running] {
            running.job->prepare();
            post(Prepared{&running});
        });
    }

    void on(Prepared& message) { launch(*message.running); }

    void on(Concluded& message) { deliver(*message.running, std::move(message.outcome)); }

    void on(Cancel& message) {
        for (auto& [number, running] : running_) {
            if (running->job->ticket().id == message.ticket) end_early(*running, message.reason, kCancelGrace);
        }
    }

    void on(Stop&) {
        stopping_ = true;
        for (auto& [number, running] : running_) end_early(*running, EndReason::cancelled, kStopGrace);
    }

    // ------------------------------------------------------------------------------------------ a job's way

    void launch(Running& running) {
        CommandJob& job = *running.job;
        if (!job.failed() && !job.cancelled()) {
            running.cpus = cpus_.grant(job.ticket().job->resources.cpus);
            job.start({no_input_.get(), groups_.get()}, running.cpus.mask());
        }
        if (job.failed() || job.cancelled()) return conclude(running);
        running.started = true;
        const JobTemplate& what = *job.ticket().job;
        if (what.timeout_s > 0) running.time_up = job.started() + static_cast<Nanoseconds>(what.timeout_s * 1e9);
        if (what.resources.memory_bytes > 0) running.look_at_memory = now() + AttemptWatch::kMemoryInterval;
        CommandProcess& process = job.process();
        watch(running, Channel::process, process.process_descriptor(), EPOLLIN);
        watch(running, Channel::output, process.output_descriptor(), EPOLLIN);
        watch(running, Channel::error, process.error_descriptor(), EPOLLIN);
        if (process.input_descriptor() >= 0) watch(running, Channel::input, process.input_descriptor(), EPOLLOUT);
    }

    void watch(Running& running, Channel channel, int descriptor, std::uint32_t events) {
        epoll_event event{events, {}};
        event.data.u64 = event_tag(running.number, channel);
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
    }

    void on_event(std::uint64_t tag) {
        if (tag == kWake) {
            std::uint64_t times = 0;
            [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &times, sizeof times);
            return;
        }
        const auto found = running_.find(tag >> 2);
        if (found == running_.end() || found->second->done) return;  // it ended meanwhile
        Running& running = *found->second;
        CommandProcess& process = running.job->process();
        switch (static_cast<Channel>(tag & 3)) {
            case Channel::output:
                if (process.output_descriptor() >= 0) process.read_output(buffer_);
                break;
            case Channel::error:
                if (process.error_descriptor() >= 0) process.read_error(buffer_);
                break;
            case Channel::input:
                if (process.input_descriptor() >= 0) process.write_input();
                return;
            case Channel::process:
                return on_exit(running);
        }
        if (running.exited && process.output_descriptor() < 0 && process.error_descriptor() < 0) ended(running, false);
    }

    void on_exit(Running& running) {
        if (running.exited) return;
        running.exited = true;
        CommandProcess& process = running.job->process();
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, process.process_descriptor(), nullptr);
        if (process.drain(buffer_)) return ended(running, false);
        running.deadline = std::min(running.deadline, now() + kLeftBehindGrace);
    }

    void ended(Running& running, bool left_running) {
        running.job->ended(left_running);
        conclude(running);
    }

    void end_early(Running& running, EndReason reason, Nanoseconds grace) {
        if (running.done) return;
        running.job->cancel(reason);
        if (!running.started) return;  // launch() sees it
        running.job->process().signal(SIGTERM);
        running.job->process().signal(SIGCONT);  // a stopped process does not see SIGTERM
        running.deadline = std::min(running.deadline, now() + grace);
    }

    void on_deadline(Running& running) {
        running.deadline = kNever;
        if (running.exited) return ended(running, true);
        kill_tree(running.job->process().process());
        running.job->process().signal(SIGKILL);  // its end is an event
    }

    void on_time_up(Running& running) {
        running.time_up = kNever;
        if (running.exited) return;
        // Found before any of them is told: one in a session of its own belongs to nobody once its parent has ended.
        const std::vector<pid_t> tree = process_tree(running.job->process().process());
        end_early(running, EndReason::timeout, kCancelGrace);
        for (const pid_t process : tree) ::kill(process, SIGTERM);
    }

    void look_at_memory(Running& running, Nanoseconds time) {
        running.look_at_memory = kNever;
        if (running.exited) return;
        const std::uint64_t limit = running.job->ticket().job->resources.memory_bytes;
        const pid_t process = running.job->process().process();
        const std::uint64_t used = resident_bytes(process_tree(process), limit);
        running.job->used(used);
        if (used <= limit) {
            const bool close = used > limit / 2;
            running.look_at_memory =
                time + (close ? AttemptWatch::kCloseMemoryInterval : AttemptWatch::kMemoryInterval);
            return;
        }
        running.job->cancel(EndReason::memory, memory_text(used, limit));
        running.time_up = kNever;
        kill_tree(process);
        running.job->process().signal(SIGKILL);
    }

    void conclude(Running& running) {
        running.done = true;
        running.deadline = running.time_up = running.look_at_memory = kNever;
        running.cpus.release();  // before anybody hears of it and starts the next
        if (!running.job->heavy_to_conclude()) return deliver(running, running.job->conclude());
        helpers_.run([this, &running] { post(Concluded{&running, running.job->conclude()}); });
    }

    void deliver(Running& running, Outcome outcome) {
        const auto ended = running_.extract(running.number);  // lives until the end of this function
        done_(std::move(outcome));
        if (later_ && later_at_ == kNever) later_at_ = now() + kLater;
    }

    // ------------------------------------------------------------------------------------------ the loop

    void loop() {
        thread_id_.store(std::this_thread::get_id(), std::memory_order_relaxed);
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, nullptr);  // also SIGPIPE of a command that closes its input
        std::array<epoll_event, kEventsAtOnce> events;
        while (true) {
            while (take_messages()) {
            }
            if (stopping_ && running_.empty()) return;
            const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, milliseconds_to_wait());
            for (int i = 0; i < count; ++i) on_event(events[static_cast<std::size_t>(i)].data.u64);
            check_deadlines();
        }
    }

    Nanoseconds next_deadline() const {
        Nanoseconds next = later_at_;
        for (const auto& [number, running] : running_) next = std::min(next, running->due());
        return next;
    }

    int milliseconds_to_wait() const {
        const Nanoseconds next = next_deadline();
        if (next == kNever) return -1;
        return static_cast<int>(std::max<Nanoseconds>(0, (next - now()) / 1'000'000 + 1));
    }

    void check_deadlines() {
        if (next_deadline() == kNever) return;
        const Nanoseconds time = now();
        if (later_at_ <= time) {
            later_at_ = kNever;
            later_();
        }
        std::vector<Running*> due;
        for (const auto& [number, running] : running_) {
            if (running->due() <= time) due.push_back(running.get());
        }
        for (Running* running : due) {
            if (running->look_at_memory <= time) look_at_memory(*running, time);
            if (running->time_up <= time) on_time_up(*running);
            if (running->deadline <= time) on_deadline(*running);  // last: it may be gone then
        }
    }

    // ------------------------------------------------------------------------------------------ templates

    struct Compiled {
        std::weak_ptr<const Plan> plan;  // whose address may be another plan's once this one is gone
        std::shared_ptr<const CommandTemplate> shared;
    };

    std::shared_ptr<const CommandTemplate> template_of(const Ticket& ticket) {
        const std::shared_ptr<const Plan>& plan = ticket.pipeline->plan;
        Compiled& entry = compiled_[ticket.job];
        const bool same = entry.shared && !entry.plan.owner_before(plan) && !plan.owner_before(entry.plan);
        if (same) return entry.shared;
        entry = {plan, std::make_shared<const CommandTemplate>(*ticket.job, *plan, site_)};
        const std::shared_ptr<const CommandTemplate> shared = entry.shared;
        if (compiled_.size() >= templates_limit_) {
            std::erase_if(compiled_, [](const auto& item) { return item.second.plan.expired(); });
            templates_limit_ = std::max(kTemplatesKept, 2 * compiled_.size());
        }
        return shared;
    }

    const CommandSite site_;
    const std::uint64_t log_bytes_;
    CommandCpus cpus_;
    const std::shared_ptr<LiveGroups> groups_;
    const ExternalDone done_;
    const std::function<void()> later_;
    JobLog log_file_;

    const FileDescriptor epoll_;
    const FileDescriptor wake_;
    const FileDescriptor no_input_;
    std::vector<char> buffer_;

    std::mutex inbox_mutex_;
    std::vector<Message> inbox_;
    std::vector<Message> taken_;

    // The loop's own.
    bool stopping_ = false;
    std::unordered_map<std::uint64_t, std::unique_ptr<Running>> running_;  // by a number that is never used again
    std::uint64_t last_number_ = 0;
    Nanoseconds later_at_ = kNever;
    std::unordered_map<const JobTemplate*, Compiled> compiled_;
    std::size_t templates_limit_ = kTemplatesKept;

    CommandThreads helpers_{kHelpers};  // ends before what its tasks use
    std::mutex stop_mutex_;
    std::atomic<std::thread::id> thread_id_{};
    std::thread thread_;
};

}  // namespace

std::unique_ptr<ExternalRunner> make_external_runner(const LaneOptions& options, ExternalDone done,
                                                     std::function<void()> later) {
    return std::make_unique<CommandRunner>(options, std::move(done), std::move(later));
}

}  // namespace penstock
