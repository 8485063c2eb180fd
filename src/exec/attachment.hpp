// Documents too large for the ring: each in a memfd of its own, sent over a socket beside the ring.
//
// The sender writes the encoding straight from the arrays' buffers (one copy); the receiver seals the memfd, maps it
// and lets arrays share the mapping (no copy), so a 1 GiB array passes with one copy in all.
// Bounds: memory is what limits; an attachment that does not fit is a std::system_error.
#pragma once

#include "exec/spawn_descriptor.hpp"

#include <penstock/value.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace penstock {

inline constexpr std::size_t kMaxInRing = 64 * 1024;  // larger encodings are attached

// Documents one after another, each at a multiple of 64 bytes, so that their arrays are aligned.
struct Attachment {
    FileDescriptor memfd;
    std::uint64_t bytes = 0;
    std::vector<std::uint64_t> starts;  // of each document
};
Attachment attach(const std::vector<const Document*>& documents);

// One message over a connected SOCK_SEQPACKET socket; `sequence` says which record it belongs to.
void send_attachment(int socket, std::uint64_t sequence, const Attachment& attachment);

// The bytes of an attachment, for as long as an owner of them lives.
struct AttachedBytes {
    std::span<const std::byte> bytes;
    std::shared_ptr<const void> owner;  // what decode_document() is to share; null = better copied (small)
    std::shared_ptr<const void> mapping;
};

// Takes the message of record `sequence`, which was sent before the record was published; those of earlier records
// (revoked ones) are dropped. Throws ChannelDamage when it is not there or not what the record says, std::system_error
// when there is no memory or descriptor for it.
AttachedBytes receive_attachment(int socket, std::uint64_t sequence, std::uint64_t bytes);

// What this and the zygote are made of: bytes and descriptors in one message. Errors are std::system_error.
void send_message(int socket, std::span<const std::byte> payload, std::span<const int> descriptors);
struct Message {
    std::size_t bytes = 0;  // 0 = the other end is closed
    std::vector<FileDescriptor> descriptors;
};
Message receive_message(int socket, std::span<std::byte> payload, int flags = 0);  // flags: MSG_DONTWAIT

}  // namespace penstock
