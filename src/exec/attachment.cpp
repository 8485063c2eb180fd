#include "exec/attachment.hpp"

#include "exec/channel.hpp"
#include "value/value_codec.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace penstock {

namespace {

constexpr std::uint64_t kAlignment = 64;
// Sharing costs a mapping, of which a process may have some ten thousands.
constexpr std::uint64_t kLeastShared = 1024 * 1024;
constexpr std::size_t kMaxDescriptors = 8;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void write_all(int file, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(file, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail("passing a large document in memory");
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
}

struct Announcement {
    std::uint64_t sequence = 0;
    std::uint64_t bytes = 0;
};

// The sender has no mapping of it, so nothing it does later can change or shorten what we map.
void seal(int memfd, std::uint64_t bytes) {
    struct stat status {};
    if (::fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0 || ::fstat(memfd, &status) != 0 ||
        static_cast<std::uint64_t>(status.st_size) != bytes)
        throw ChannelDamage("a large document that is not the size it should be");
}

AttachedBytes map(const FileDescriptor& memfd, std::uint64_t bytes) {
    // Private, since Linux before 6.7 refuses shared mappings of a sealed memfd; nobody writes, so nothing is copied.
    void* base = ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, memfd.get(), 0);
    if (base == MAP_FAILED) fail("mapping a large document");
    std::shared_ptr<const void> mapping(base, [bytes](const void* p) { ::munmap(const_cast<void*>(p), bytes); });
    return {{static_cast<const std::byte*>(base), bytes}, bytes >= kLeastShared ? mapping : nullptr, mapping};
}

}  // namespace

Attachment attach(const std::vector<const Document*>& documents) {
    Attachment attachment;
    attachment.memfd = FileDescriptor(::memfd_create("penstock-document", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!attachment.memfd) fail("memfd_create");
    for (const Document* document : documents) {
        static constexpr std::array<std::byte, kAlignment> kZeros{};
        const std::uint64_t padding = (kAlignment - attachment.bytes % kAlignment) % kAlignment;
        write_all(attachment.memfd.get(), std::span(kZeros).first(padding));
        attachment.bytes += padding;
        attachment.starts.push_back(attachment.bytes);
        encode(*document, [&](std::span<const std::byte> piece) {
            write_all(attachment.memfd.get(), piece);
            attachment.bytes += piece.size();
        });
    }
    return attachment;
}

void send_attachment(int socket, std::uint64_t sequence, const Attachment& attachment) {
    const Announcement announcement{sequence, attachment.bytes};
    const int descriptor = attachment.memfd.get();
    send_message(socket, std::as_bytes(std::span(&announcement, 1)), std::span(&descriptor, 1));
}

AttachedBytes receive_attachment(int socket, std::uint64_t sequence, std::uint64_t bytes) {
    for (;;) {
        Announcement announcement;
        Message message = receive_message(socket, std::as_writable_bytes(std::span(&announcement, 1)), MSG_DONTWAIT);
        if (message.bytes != sizeof announcement || message.descriptors.size() != 1)
            throw ChannelDamage("a message that announces no document");
        if (announcement.sequence < sequence) continue;
        if (announcement.sequence > sequence || announcement.bytes != bytes || bytes == 0)
            throw ChannelDamage("a large document nobody expects");
        seal(message.descriptors[0].get(), bytes);
        return map(message.descriptors[0], bytes);
    }
}

void send_message(int socket, std::span<const std::byte> payload, std::span<const int> descriptors) {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
    iovec part{const_cast<std::byte*>(payload.data()), payload.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!descriptors.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
    }
    while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
        // Too many descriptors of this user are on their way: they are being received.
        if (errno == ETOOMANYREFS)
            ::sched_yield();
        else if (errno != EINTR)
            fail("sending to another process of this launch");
    }
}

Message receive_message(int socket, std::span<std::byte> payload, int flags) {
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
    iovec part{payload.data(), payload.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t n = 0;
    while ((n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags)) < 0)
        if (errno != EINTR) fail("receiving from another process of this launch");
    Message received;
    received.bytes = static_cast<std::size_t>(n);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int descriptor = -1;
            std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
            received.descriptors.emplace_back(descriptor);
        }
    }
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
        errno = EMFILE;
        fail("receiving a file descriptor");
    }
    return received;
}

}  // namespace penstock
