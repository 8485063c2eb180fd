#include "exec/worker_main.hpp"

#include "exec/attachment.hpp"
#include "exec/attempt.hpp"
#include "exec/channel.hpp"
#include "exec/resource_meter.hpp"
#include "exec/spin_wait.hpp"
#include "exec/worker_setup.hpp"
#include "value/value_codec.hpp"

#include <linux/futex.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stdio_ext.h>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <iostream>
#include <vector>

namespace penstock {

namespace {

constexpr std::size_t kMaxText = 64 * 1024;  // what a pipe holds
static_assert(sizeof(RecordHeader) + sizeof(ResultBody) + kMaxErrorBytes + kMaxText + kMaxInRing <= kMaxRecordBytes);

class LaneServer {
public:
    LaneServer(WorkerChannel channel, const WorkerTypes& types)
        : channel_(std::move(channel)),
          memory_(ChannelMemory::open(std::move(channel_.memory))),
          control_(memory_.control()),
          jobs_(control_.jobs, memory_.jobs()),
          results_(control_.results, memory_.results()),
          objects_(types),
          text_(kMaxText) {
        memory_.close_memfd();
        place_.scratch_root = channel_.scratch_root;
        place_.print = [this](std::string_view text) { print(text); };
        place_.cancelled = &control_.stop;
        place_.progress = &control_.progress;
    }

    void serve() {
        while (RecordHeader* record = next_record()) {
            switch (record->kind) {
                case RecordKind::define:
                    define(*record);
                    break;
                case RecordKind::forget:
                    definitions_.clear();
                    jobs_.pop();
                    break;
                default:
                    job(*record);
            }
        }
    }

private:
    struct Definition {
        JobDescription description;
        Document parameters;
    };

    // Null = told to stop.
    RecordHeader* next_record() {
        const auto something = [&] { return !jobs_.empty() || control_.stop.load(std::memory_order_relaxed) != 0; };
        if (jobs_.empty()) wait(something);
        return control_.stop.load() != 0 ? nullptr : jobs_.front();
    }

    // `ready` only looks: it may be asked again after it has said yes.
    template <class Ready>
    void wait(const Ready& ready) {
        if (spin_.spin(ready)) return;
        while (!ready()) {
            const std::uint32_t bell = control_.worker_bell.load();
            control_.worker_asleep.store(1);
            std::atomic_thread_fence(std::memory_order_seq_cst);
            wake_lane();  // it may wait for room that became free without a result: revoked jobs
            if (!ready()) ::syscall(SYS_futex, &control_.worker_bell, FUTEX_WAIT, bell, nullptr, nullptr, 0);
            control_.worker_asleep.store(0);
        }
        spin_.slept();
    }

    void define(const RecordHeader& record) {
        auto body = jobs_.body();
        const auto define = read_plain<DefineBody>(body);
        std::shared_ptr<const void> owner;
        if (record.attached != 0) {
            AttachedBytes attached = receive_attachment(channel_.socket.get(), define.sequence, define.document_bytes);
            body = attached.bytes;
            owner = std::move(attached.mapping);
        }
        const Document document = decode_document(body, owner);
        Definition definition{job_description_from(at(document, "description").map()), {}};
        definition.parameters = at(document, "parameters").map();
        definitions_.resize(std::max<std::size_t>(definitions_.size(), define.id + 1));
        definitions_[define.id] = std::move(definition);
        jobs_.pop();
    }

    void job(const RecordHeader& record) {
        auto body = jobs_.body();
        const auto job = read_plain<JobBody>(body);
        auto expected = JobState::ready;
        if (!control_.state(job.sequence).compare_exchange_strong(expected, JobState::claimed))
            return jobs_.pop();                                        // revoked
        control_.current_started.store(0, std::memory_order_relaxed);  // not that of the job before
        control_.current.store(job.sequence);
        // What the lane reads of the text now was printed before this job: let it finish.
        while (control_.reading_text.load() != 0) ::sched_yield();

        const std::string label(reinterpret_cast<const char*>(body.data()), job.label_bytes);
        const Definition& definition = definitions_.at(job.definition);
        Document document;
        Document parameters;
        const bool own_parameters = read_documents(record, job, body.subspan(job.label_bytes), document, parameters);
        jobs_.pop();
        run(job,
            {&definition.description, own_parameters ? &parameters : &definition.parameters, label, nullptr,
             job.instance, job.attempt},
            std::move(document));
    }

    // True when the job has parameters of its own.
    bool read_documents(const RecordHeader& record, const JobBody& job, std::span<const std::byte> bytes,
                        Document& document, Document& parameters) {
        std::shared_ptr<const void> owner;
        std::shared_ptr<const void> mapping;
        if (record.attached != 0) {
            const std::uint64_t all =
                job.parameters_at > 0 ? job.parameters_at + job.parameters_bytes : job.document_bytes;
            AttachedBytes attached = receive_attachment(channel_.socket.get(), job.sequence, all);
            bytes = attached.bytes;
            mapping = std::move(attached.mapping);
            // Items of a stage are gone when their ticket is: however small, they need no copy.
            owner = definitions_.at(job.definition).description.stage ? mapping : std::move(attached.owner);
        }
        auto part = bytes.first(job.document_bytes);
        document = decode_document(part, owner);
        if (job.parameters_at == 0) return false;
        part = bytes.subspan(job.parameters_at, job.parameters_bytes);
        parameters = decode_document(part, owner);
        return true;
    }

    void run(const JobBody& job, const JobInstance& instance, Document document) {
        ResultBody result;
        result.sequence = job.sequence;
        result.started = steady_now();
        control_.current_started.store(result.started, std::memory_order_relaxed);
        control_.progress.store(0, std::memory_order_relaxed);
        const bool is_stage = instance.description->stage;
        if (is_stage) meter_.begin_ticket();
        AttemptResult attempt = is_stage ? objects_.run_stage(place_, instance, std::move(document))
                                         : objects_.run(place_, instance, document);
        result.finished = steady_now();
        meter_.ended(result.finished - result.started, result.cpu_s, result.peak_memory_bytes);
        result.cpu_s += attempt.thread.before;
        send(result, attempt, take_text());
    }

    void send(ResultBody& result, AttemptResult& attempt, std::string_view text) {
        encoded_.clear();
        Attachment attachment;
        if (!attempt.outputs.empty()) encode_outputs(attempt, attachment);
        result.reason = static_cast<std::uint32_t>(attempt.reason);
        result.error_bytes = static_cast<std::uint32_t>(attempt.error.size());
        result.text_bytes = static_cast<std::uint32_t>(text.size());
        result.document_bytes = attachment.memfd ? attachment.bytes : encoded_.size();
        if (attachment.memfd) send_attachment(channel_.socket.get(), result.sequence, attachment);

        const std::size_t bytes = sizeof result + attempt.error.size() + text.size() + encoded_.size();
        RecordHeader* record = results_.reserve(RecordKind::result, bytes);
        while (record == nullptr) {
            wait([&] { return results_.has_room(sizeof *record + bytes); });
            record = results_.reserve(RecordKind::result, bytes);
        }
        record->attached = attachment.memfd ? 1 : 0;
        std::byte* to = RingWriter::body(record);
        const auto put = [&](const void* from, std::size_t n) {
            if (n > 0) __builtin_memcpy(to, from, n);
            to += n;
        };
        put(&result, sizeof result);
        put(attempt.error.data(), attempt.error.size());
        put(text.data(), text.size());
        put(encoded_.data(), encoded_.size());
        results_.publish();
        wake_lane();
    }

    // Into encoded_, or into the attachment when large. Outputs that cannot be sent fail the job.
    void encode_outputs(AttemptResult& attempt, Attachment& attachment) {
        try {
            if (encoded_size(attempt.outputs) > kMaxInRing)
                attachment = attach({&attempt.outputs});
            else
                encode(attempt.outputs, encoded_);
        } catch (const std::exception& error) {
            encoded_.clear();
            attachment = {};
            attempt = {EndReason::bad_output, bounded_error(error.what()), {}, {}};
        }
    }

    void wake_lane() {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        if (control_.lane_asleep.load() == 0 || control_.lane_asleep.exchange(0) == 0) return;
        const std::uint64_t one = 1;
        // A job that closed our descriptors leaves a process nobody can hear: it is replaced.
        if (::write(channel_.bell.get(), &one, sizeof one) < 0 && errno != EAGAIN) ::_exit(kDeafExit);
    }

    // What the job printed and the lane has not read yet.
    std::string_view take_text() {
        std::cout.flush();
        std::clog.flush();
        if (::__fpending(stdout) > 0) std::fflush(stdout);
        int waiting = 0;
        std::size_t taken = 0;
        while (taken < text_.size() && ::ioctl(channel_.text_reader.get(), FIONREAD, &waiting) == 0 && waiting > 0) {
            const ssize_t n = ::read(channel_.text_reader.get(), text_.data() + taken, text_.size() - taken);
            if (n <= 0) break;
            taken += static_cast<std::size_t>(n);
        }
        return {text_.data(), taken};
    }

    // Context::log(): among what the job prints, in order.
    void print(std::string_view text) {
        std::cout.flush();
        std::fflush(stdout);
        while (!text.empty()) {
            const ssize_t n = ::write(channel_.text_writer.get(), text.data(), text.size());
            if (n < 0 && errno != EINTR) return;
            if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
        }
    }

    WorkerChannel channel_;
    ChannelMemory memory_;
    ChannelControl& control_;
    RingReader jobs_;
    RingWriter results_;
    SpinWait spin_;
    JobPlace place_;
    WorkerObjects objects_;
    ResourceMeter meter_{ResourceMeter::Of::process};
    std::vector<Definition> definitions_;
    std::vector<std::byte> encoded_;
    std::vector<char> text_;
};

}  // namespace

void serve_lane(WorkerChannel channel, const WorkerTypes& types, pid_t rank) {
    set_up_worker_process(rank, channel.text_writer.get());
    {
        LaneServer server(std::move(channel), types);
        server.serve();
    }  // the Worker objects go: what they hold is flushed
    std::fflush(nullptr);
    ::_exit(0);  // not exit(): the rank's own exit handlers are not ours to run
}

}  // namespace penstock
