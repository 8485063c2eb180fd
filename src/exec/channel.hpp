// The shared memory between a lane and its worker process: a ring of bytes each way, and the words with which the two
// sides wake one another.
//
// The lane writes jobs and reads results; the worker process reads jobs and writes results. Records lie in the ring one
// after another and in one piece; a record is claimed by the worker process before it runs it, and the lane may revoke
// it until then, so that each job is either run or given back, never both.
//
// Trust: a worker process runs user code, which may write anywhere. The lane keeps its own cursors and checks every
// number it reads here; what cannot be is reported as ChannelDamage and costs that worker process.
// Bounds: kRingBytes each way, kMaxRecordBytes a record; the memory is touched as the rings turn.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>

namespace penstock {

inline constexpr std::size_t kRingBytes = 512 * 1024;
inline constexpr std::size_t kMaxRecordBytes = 160 * 1024;

class ChannelDamage : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

enum class RecordKind : std::uint16_t {
    padding,  // up to the end of the ring
    define,   // a job template, known by a number from now on
    forget,   // all templates
    job,
    result,
};

// Of a job. Kept apart from the ring, whose bytes are written anew once the job has been read.
enum class JobState : std::uint32_t { ready, claimed, revoked };
// More than there can be jobs in the ring and results of them on their way: no two of these share a state.
inline constexpr std::size_t kJobStates = 8192;

struct RecordHeader {
    std::uint32_t bytes = 0;  // of the record, this header included; a multiple of 16
    RecordKind kind = RecordKind::padding;
    std::uint16_t attached = 0;  // 1 = its document is in a memfd of its own, sent over the socket
    std::uint64_t unused = 0;
};
static_assert(sizeof(RecordHeader) == 16);

// One writer, one reader. Positions count all bytes that ever went through.
struct RingCursors {
    alignas(64) std::atomic<std::uint64_t> end{0};    // the writer's
    alignas(64) std::atomic<std::uint64_t> start{0};  // the reader's
};

// The first bytes of the shared memory.
struct ChannelControl {
    RingCursors jobs;
    RingCursors results;

    alignas(64) std::atomic<std::uint32_t> worker_bell{0};  // futex: changes when the worker process should look
    std::atomic<std::uint32_t> worker_asleep{0};
    alignas(64) std::atomic<std::uint32_t> lane_asleep{0};  // the lane waits for its eventfd
    std::atomic<std::uint32_t> stop{0};                     // the worker process should end
    std::atomic<std::uint32_t> reading_text{0};             // the lane reads what the job printed
    alignas(64) std::atomic<std::uint64_t> current{0};      // sequence number of the claimed job
    std::atomic<std::int64_t> current_started{0};           // and when it began; 0 = just now
    std::atomic<double> progress{0};

    alignas(64) std::array<std::atomic<JobState>, kJobStates> states{};
    std::atomic<JobState>& state(std::uint64_t sequence) { return states[sequence % kJobStates]; }
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<double>::is_always_lock_free &&
                  std::atomic<JobState>::is_always_lock_free,
              "shared between processes");

// The mapping of both rings. Made by the lane, opened by the worker process.
class ChannelMemory {
public:
    ChannelMemory() = default;
    static ChannelMemory create();  // throws std::system_error
    static ChannelMemory open(FileDescriptor memfd);
    ChannelMemory(ChannelMemory&& other) noexcept;
    ChannelMemory& operator=(ChannelMemory&& other) noexcept;
    ~ChannelMemory();

    ChannelControl& control() const { return *static_cast<ChannelControl*>(base_); }
    std::byte* jobs() const;
    std::byte* results() const;
    const FileDescriptor& memfd() const { return memfd_; }
    void close_memfd() { memfd_.close(); }

private:
    void* base_ = nullptr;
    FileDescriptor memfd_;
};

class RingWriter {
public:
    RingWriter() = default;
    RingWriter(RingCursors& cursors, std::byte* ring) : cursors_(&cursors), ring_(ring) {}

    // Whether records of `bytes` in all (headers included) fit now, wherever the ring's end is. Throws ChannelDamage.
    bool has_room(std::size_t bytes) const { return used() + bytes + kMaxRecordBytes <= kRingBytes; }
    // Room for a record with `body` bytes behind its header, or nothing while the reader has not freed enough.
    // The record is seen by the reader after publish(). Throws ChannelDamage.
    RecordHeader* reserve(RecordKind kind, std::size_t body);
    void publish();

    static std::byte* body(RecordHeader* record) { return reinterpret_cast<std::byte*>(record) + sizeof *record; }

private:
    std::uint64_t used() const;

    RingCursors* cursors_ = nullptr;
    std::byte* ring_ = nullptr;
    std::uint64_t end_ = 0;
};

class RingReader {
public:
    RingReader() = default;
    RingReader(RingCursors& cursors, std::byte* ring) : cursors_(&cursors), ring_(ring) {}

    bool empty() const { return cursors_->end.load(std::memory_order_acquire) == start_; }
    // The next record, or null when there is none. Valid until pop(). Throws ChannelDamage.
    RecordHeader* front();
    std::span<const std::byte> body() const { return body_; }
    // The space of the front record may be written again.
    void pop();

private:
    RingCursors* cursors_ = nullptr;
    std::byte* ring_ = nullptr;
    std::uint64_t start_ = 0;
    std::uint64_t next_ = 0;  // where the record after the front one begins
    std::span<const std::byte> body_;
};

// What is at the front of a record's body: plain structs, copied in and out.
template <class T>
T read_plain(std::span<const std::byte>& in) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (in.size() < sizeof(T)) throw ChannelDamage("a record that is too short");
    T value;
    __builtin_memcpy(&value, in.data(), sizeof value);
    in = in.subspan(sizeof value);
    return value;
}

struct DefineBody {
    std::uint64_t sequence = 0;        // of its attachment; counts with those of jobs
    std::uint64_t document_bytes = 0;  // in the ring or in the memfd
    std::uint32_t id = 0;              // numbered from 0 without gaps
};

struct JobBody {
    std::uint64_t sequence = 0;  // counts what this worker process was given, from 1
    std::uint32_t definition = 0;
    std::uint32_t instance = 0;
    std::uint32_t attempt = 1;
    std::uint32_t label_bytes = 0;     // the instance's label follows at once, then the document, then parameters
    std::uint64_t document_bytes = 0;  // in the ring or in the memfd
    std::uint64_t parameters_at = 0;   // where parameters begin, counted from the document; 0 = as defined
    std::uint64_t parameters_bytes = 0;
};

struct ResultBody {
    std::uint64_t sequence = 0;
    std::int64_t started = 0;
    std::int64_t finished = 0;
    std::uint64_t peak_memory_bytes = 0;  // 0 = not measured, and then cpu_s is none either, but for tickets of stages
    double cpu_s = 0;
    std::uint64_t document_bytes = 0;  // 0 = no outputs
    std::uint32_t error_bytes = 0;     // error and text follow, then the document unless it is attached
    std::uint32_t text_bytes = 0;
    std::uint32_t reason = 0;  // EndReason
};

}  // namespace penstock
