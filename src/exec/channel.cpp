#include "exec/channel.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

namespace penstock {

namespace {

constexpr std::size_t kControlBytes = 40 * 1024;
constexpr std::size_t kChannelBytes = kControlBytes + 2 * kRingBytes;
constexpr std::size_t kGrain = sizeof(RecordHeader);
static_assert(sizeof(ChannelControl) <= kControlBytes && kRingBytes % kGrain == 0);

void* map(const FileDescriptor& memfd) {
    void* base = ::mmap(nullptr, kChannelBytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd.get(), 0);
    if (base == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    return base;
}

}  // namespace

ChannelMemory ChannelMemory::create() {
    ChannelMemory memory;
    memory.memfd_ = FileDescriptor(::memfd_create("penstock-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!memory.memfd_) throw std::system_error(errno, std::generic_category(), "memfd_create");
    // A worker process that shortened it would kill this rank by SIGBUS: it cannot.
    if (::ftruncate(memory.memfd_.get(), kChannelBytes) != 0 ||
        ::fcntl(memory.memfd_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        throw std::system_error(errno, std::generic_category(), "ftruncate");
    memory.base_ = map(memory.memfd_);
    new (memory.base_) ChannelControl;
    return memory;
}

ChannelMemory ChannelMemory::open(FileDescriptor memfd) {
    ChannelMemory memory;
    memory.memfd_ = std::move(memfd);
    memory.base_ = map(memory.memfd_);
    return memory;
}

ChannelMemory::ChannelMemory(ChannelMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), memfd_(std::move(other.memfd_)) {}

ChannelMemory& ChannelMemory::operator=(ChannelMemory&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(memfd_, other.memfd_);
    return *this;
}

ChannelMemory::~ChannelMemory() {
    if (base_ != nullptr) ::munmap(base_, kChannelBytes);
}

std::byte* ChannelMemory::jobs() const { return static_cast<std::byte*>(base_) + kControlBytes; }
std::byte* ChannelMemory::results() const { return jobs() + kRingBytes; }

std::uint64_t RingWriter::used() const {
    const std::uint64_t used = end_ - cursors_->start.load(std::memory_order_acquire);
    if (used > kRingBytes) throw ChannelDamage("a reader ahead of its writer");
    return used;
}

RecordHeader* RingWriter::reserve(RecordKind kind, std::size_t body) {
    const std::size_t bytes = (sizeof(RecordHeader) + body + kGrain - 1) / kGrain * kGrain;
    if (bytes > kMaxRecordBytes) throw std::logic_error("a record too large for its ring");
    const std::size_t offset = end_ % kRingBytes;
    const std::size_t to_end = kRingBytes - offset;
    const std::size_t padding = bytes > to_end ? to_end : 0;
    if (used() + padding + bytes > kRingBytes) return nullptr;
    if (padding > 0) {
        auto* record = new (ring_ + offset) RecordHeader;
        record->bytes = static_cast<std::uint32_t>(padding);
        end_ += padding;
    }
    auto* record = new (ring_ + end_ % kRingBytes) RecordHeader;
    record->bytes = static_cast<std::uint32_t>(bytes);
    record->kind = kind;
    end_ += bytes;
    return record;
}

void RingWriter::publish() { cursors_->end.store(end_, std::memory_order_release); }

RecordHeader* RingReader::front() {
    for (;;) {
        const std::uint64_t available = cursors_->end.load(std::memory_order_acquire) - start_;
        if (available == 0) return nullptr;
        if (available > kRingBytes || available % kGrain != 0) throw ChannelDamage("a writer beyond its ring");
        const std::size_t offset = start_ % kRingBytes;
        auto* record = reinterpret_cast<RecordHeader*>(ring_ + offset);
        const std::size_t bytes = __atomic_load_n(&record->bytes, __ATOMIC_RELAXED);  // once: it is not ours
        if (bytes < kGrain || bytes % kGrain != 0 || bytes > available || bytes > kRingBytes - offset)
            throw ChannelDamage("a record of an impossible size");
        next_ = start_ + bytes;
        body_ = {ring_ + offset + kGrain, bytes - kGrain};
        if (record->kind != RecordKind::padding) return record;
        pop();
    }
}

void RingReader::pop() {
    start_ = next_;
    cursors_->start.store(start_, std::memory_order_release);
}

}  // namespace penstock
