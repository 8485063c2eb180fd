// Messages as bytes: Boost.Serialization, one frame for all messages to one destination.
//
// A frame is the wire version, then each message as the number of its role, its number within the role's inbox, and its
// fields. Hot messages are copied as they lie in memory: all ranks of a launch run the same program on the same kind of
// machine (Session checks it at start). A frame that does not decode throws WireError and changes nothing but what was
// decoded before the bad message.
//
// Items of streams are not copied: those of a message that has many bytes of them are a payload, which goes beside the
// frame, from where it lies to where it stays; those of a small message are read where the frame lies.
#pragma once

#include "protocol/messages.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

namespace penstock {

inline constexpr std::uint32_t kWireVersion = 8;
inline constexpr std::size_t kLeastPayload = 32 * 1024;
inline constexpr std::size_t kMostPayload =
    (std::size_t{4} << 30) + (1 << 20);  // the largest item, and more than a batch

class WireError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Appends messages to a buffer that is reused from frame to frame.
class FrameWriter {
public:
    FrameWriter();
    ~FrameWriter();
    FrameWriter(FrameWriter&&) noexcept;

    void add(const Message& message);
    bool empty() const;
    std::size_t size() const;
    // The finished frame; the writer is empty again, and takes `recycled` as its next buffer.
    std::vector<char> take(std::vector<char> recycled);
    // The payloads of the frame taken last, in order.
    std::vector<SharedBytes> take_payloads();

private:
    struct State;
    std::unique_ptr<State> state_;
};

// Decodes frames. Plans arrive in blocks and are put together here: every PlanBlock of one plan points to one Plan,
// until a ForgetPlan.
class FrameReader {
public:
    FrameReader();
    ~FrameReader();
    FrameReader(FrameReader&&) noexcept;

    // Small items share `owner` of the frame when it is given; else they are copied.
    void read(std::span<const char> frame, std::uint32_t from, std::uint32_t self, std::vector<Envelope>& out,
              const std::shared_ptr<const void>& owner = nullptr);
    // Where the payloads of the frame read last are to be put, in order: what was read has them then.
    std::vector<std::span<std::byte>> take_payloads();

private:
    struct State;
    std::unique_ptr<State> state_;
    std::map<PlanId, std::shared_ptr<Plan>> plans_;
};

}  // namespace penstock
