#include "exec/worker_process.hpp"

#include "exec/spin_wait.hpp"
#include "value/value_codec.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>
#include <utility>

namespace penstock {

namespace {

constexpr std::size_t kMaxDefinitions = 1024;  // then the worker process forgets all and starts again
constexpr std::size_t kMaxLabel = 8 * 1024;    // of an instance; longer ones are cut
constexpr std::size_t kMaxHeaders = 1024;      // of a forget, a define and a job record, bodies' structs included
static_assert(kMaxInRing + kMaxLabel + kMaxHeaders <= kMaxRecordBytes);
// A document is at least one byte, and records are multiples of their header's size.
constexpr std::size_t kLeastJob = sizeof(RecordHeader) + sizeof(JobBody) + sizeof(RecordHeader);
static_assert(kRingBytes / kLeastJob + WorkerProcess::kMaxAhead < kJobStates);

using Ends = std::pair<FileDescriptor, FileDescriptor>;

Ends checked(int result, const std::array<int, 2>& ends, const char* what) {
    if (result != 0) throw std::system_error(errno, std::generic_category(), what);
    return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

Ends document_sockets() {
    std::array<int, 2> ends{};
    const int result = ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data());
    return checked(result, ends, "socketpair");
}

Ends text_pipe() {
    std::array<int, 2> ends{};
    Ends pipe = checked(::pipe2(ends.data(), O_CLOEXEC), ends, "pipe");
    ::fcntl(pipe.first.get(), F_SETFL, O_NONBLOCK);  // of this end only: jobs wait until there is room
    return pipe;
}

std::byte* put(std::byte* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return to + bytes;
}

std::string read_string(std::span<const std::byte>& in, std::size_t bytes) {
    if (bytes > in.size()) throw ChannelDamage("a text beyond its record");
    std::string text(reinterpret_cast<const char*>(in.data()), bytes);
    in = in.subspan(bytes);
    return text;
}

}  // namespace

WorkerProcess::WorkerProcess(WorkerSource& source, int bell, const std::filesystem::path& scratch_root)
    : memory_(ChannelMemory::create()),
      jobs_(memory_.control().jobs, memory_.jobs()),
      results_(memory_.control().results, memory_.results()) {
    auto [socket, their_socket] = document_sockets();
    auto [text_reader, text_writer] = text_pipe();
    pid_ = source.fork_worker({memory_.memfd().get(), their_socket.get(), bell, text_reader.get(), text_writer.get()},
                              scratch_root);
    group_ = source.groups().take();
    group_.set(pid_);
    memory_.close_memfd();
    socket_ = std::move(socket);
    text_ = std::move(text_reader);
    pidfd_ = FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (pidfd_) return;
    const int error = errno;
    kill();
    reap();
    throw std::system_error(error, std::generic_category(), "pidfd_open");
}

WorkerProcess::~WorkerProcess() {
    if (pid_ == 0) return;
    kill();
    reap();
}

// ---------------------------------------------------------------------------------------------- jobs

bool WorkerProcess::has_room() const { return jobs_.has_room(2 * kMaxInRing + kMaxLabel + kMaxHeaders); }

void WorkerProcess::define(const std::shared_ptr<const TemplateInfo>& info, const Document& parameters) {
    const Document document{{"description", to_document(info->description)},
                            {"parameters", info->fixed_parameters ? parameters : Document{}}};
    encoded_.clear();
    Attachment attachment;
    if (encoded_size(document) > kMaxInRing)
        attachment = attach({&document});
    else
        encode(document, encoded_);
    DefineBody body;
    body.sequence = ++sequence_;
    body.document_bytes = attachment.memfd ? attachment.bytes : encoded_.size();
    body.id = static_cast<std::uint32_t>(definitions_.size());
    if (attachment.memfd) send(attachment, body.sequence);
    RecordHeader* record = jobs_.reserve(RecordKind::define, sizeof body + encoded_.size());
    record->attached = attachment.memfd ? 1 : 0;
    put(put(RingWriter::body(record), &body, sizeof body), encoded_.data(), encoded_.size());
    numbers_.emplace(info.get(), body.id);
    definitions_.push_back(info);
}

std::uint32_t WorkerProcess::number_of(const std::shared_ptr<const TemplateInfo>& info, const Document& parameters) {
    if (last_ == info.get()) return last_number_;
    if (!numbers_.contains(info.get())) {
        if (definitions_.size() == kMaxDefinitions) {
            jobs_.reserve(RecordKind::forget, 0);
            definitions_.clear();
            numbers_.clear();
        }
        define(info, parameters);
    }
    last_ = info.get();
    last_number_ = numbers_.at(info.get());
    return last_number_;
}

void WorkerProcess::send(const Attachment& attachment, std::uint64_t sequence) {
    try {
        send_attachment(socket_.get(), sequence, attachment);
    } catch (const std::system_error& error) {
        if (error.code().value() == EPIPE || error.code().value() == ECONNRESET) throw WorkerGone(error.what());
        throw;
    }
}

// Into encoded_, or into an attachment when large.
Attachment WorkerProcess::encode_job(const Materialized& job, bool own_parameters, JobBody& body) {
    encoded_.clear();
    const std::size_t bytes = encoded_size(job.given()) + (own_parameters ? encoded_size(job.parameters) : 0);
    if (bytes <= kMaxInRing) {
        encode(job.given(), encoded_);
        body.document_bytes = encoded_.size();
        if (own_parameters) encode(job.parameters, encoded_);
        body.parameters_bytes = encoded_.size() - body.document_bytes;
        body.parameters_at = own_parameters ? body.document_bytes : 0;
        return {};
    }
    std::vector<const Document*> documents{&job.given()};
    if (own_parameters) documents.push_back(&job.parameters);
    Attachment attachment = attach(documents);
    body.document_bytes = own_parameters ? attachment.starts[1] : attachment.bytes;
    body.parameters_at = own_parameters ? attachment.starts[1] : 0;
    body.parameters_bytes = attachment.bytes - body.document_bytes;
    return attachment;
}

StagedJob WorkerProcess::stage(const Ticket& ticket, const std::shared_ptr<const TemplateInfo>& info,
                               const Materialized& job) {
    JobBody body;
    body.definition = number_of(info, job.parameters);
    body.instance = ticket.instance;
    body.attempt = ticket.attempt;
    std::string label;
    if (ticket.job->for_each != nullptr) label = ticket.job->for_each->label(ticket.instance).substr(0, kMaxLabel);
    body.label_bytes = static_cast<std::uint32_t>(label.size());
    const Attachment attachment = encode_job(job, !info->fixed_parameters, body);
    body.sequence = ++sequence_;
    if (attachment.memfd) send(attachment, body.sequence);
    RecordHeader* record = jobs_.reserve(RecordKind::job, sizeof body + label.size() + encoded_.size());
    record->attached = attachment.memfd ? 1 : 0;
    std::byte* to = put(RingWriter::body(record), &body, sizeof body);
    to = put(to, label.data(), label.size());
    put(to, encoded_.data(), encoded_.size());
    std::atomic<JobState>& state = memory_.control().state(body.sequence);
    state.store(JobState::ready);
    return {&state, body.sequence, static_cast<bool>(attachment.memfd)};
}

void WorkerProcess::submit() {
    jobs_.publish();
    wake();
}

void WorkerProcess::wake() {
    ChannelControl& control = memory_.control();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (control.worker_asleep.load() == 0) return;
    control.worker_bell.fetch_add(1);
    ::syscall(SYS_futex, &control.worker_bell, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

bool revoke(std::atomic<JobState>& state) {
    auto expected = JobState::ready;
    return state.compare_exchange_strong(expected, JobState::revoked);
}

// ---------------------------------------------------------------------------------------------- results

std::optional<WorkerResult> WorkerProcess::take_result() {
    const RecordHeader* record = results_.front();
    if (record == nullptr) return std::nullopt;
    auto in = results_.body();
    const auto body = read_plain<ResultBody>(in);
    WorkerResult result;
    result.sequence = body.sequence;
    result.started = body.started;
    result.finished = body.finished;
    if (body.reason > static_cast<std::uint32_t>(EndReason::bad_output)) throw ChannelDamage("an unknown reason");
    result.reason = static_cast<EndReason>(body.reason);
    result.cpu_s = body.cpu_s;
    result.peak_memory_bytes = body.peak_memory_bytes;
    result.error = read_string(in, body.error_bytes);
    result.text = read_string(in, body.text_bytes);
    if (record->attached != 0) {
        const AttachedBytes attached = receive_attachment(socket_.get(), body.sequence, body.document_bytes);
        auto bytes = attached.bytes;
        result.outputs = decode_document(bytes, attached.owner);
    } else if (body.document_bytes > 0) {
        result.outputs = decode_document(in);
    }
    results_.pop();
    wake();  // it may wait for room
    return result;
}

WorkerProcess::Printed WorkerProcess::read_text(std::span<char> text) {
    ChannelControl& control = memory_.control();
    control.reading_text.store(1);  // the next job does not begin to print now
    Printed printed{control.current.load(), 0};
    const ssize_t n = ::read(text_.get(), text.data(), text.size());
    control.reading_text.store(0);
    if (n > 0) printed.bytes = static_cast<std::size_t>(n);
    return printed;
}

// ---------------------------------------------------------------------------------------------- the process

void WorkerProcess::set_lane_asleep(bool asleep) {
    memory_.control().lane_asleep.store(asleep ? 1 : 0);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // before the lane looks for results once more
}

std::int64_t WorkerProcess::current_started() const {
    const std::int64_t started = memory_.control().current_started.load(std::memory_order_relaxed);
    const std::int64_t now = steady_now();
    return started == 0 ? now : std::min(now, started);
}

void WorkerProcess::tell_to_stop() {
    memory_.control().stop.store(1);
    wake();
}

void WorkerProcess::kill() {
    // Its group exists once it has begun to run; the process itself from the start.
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
}

ProcessEnd WorkerProcess::reap() {
    ProcessEnd end;
    int status = 0;
    rusage usage{};
    siginfo_t ended{};
    // First only look: until it is waited for, its number is not given to another process, and the group is its own.
    while (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
    }
    ::kill(-pid_, SIGKILL);
    group_.clear();
    pid_t waited = -1;
    while ((waited = ::wait4(pid_, &status, 0, &usage)) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    if (waited < 0)
        end.unknown = true;
    else if (WIFSIGNALED(status))
        end.signal = WTERMSIG(status);
    else
        end.exit_code = WEXITSTATUS(status);
    end.peak_memory_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    return end;
}

}  // namespace penstock
