// The transport over MPI: one frame a destination and turn, sent without blocking, received with a matched probe.
// Payloads of a frame (mpi/wire.hpp) are messages of their own, large ones several, received where they are to stay.
//
// Order: messages of one rank are handed over in the order in which it sent them; a frame waits for its payloads, and
// with it what that rank sent after it, but nothing of any other rank.
// Bounds: at most kSendsInFlight frames to one destination are under way; what is posted meanwhile gathers in the next
// frame. A frame that cannot be decoded is counted, told to `complain`, and dropped. A payload that has another size
// than its frame says, or does not come for `longest_wait` (in which this rank looks, and the sender is not known to be
// lost), is a WireError of receive(): what that rank says cannot be relied on any more.
#pragma once

#include "mpi/doorbells.hpp"
#include "mpi/wire.hpp"
#include "run/transport.hpp"

#include <boost/mpi/communicator.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace penstock {

class MpiTransport final : public Transport {
public:
    using Complain = std::function<void(std::uint32_t from, const std::string& problem)>;

    // `doorbells` must outlive this. `launcher_ends_all`: when a rank dies, or leaves without MPI_Finalize.
    MpiTransport(boost::mpi::communicator world, const Doorbells& doorbells, bool launcher_ends_all,
                 Nanoseconds longest_wait, Complain complain);

    void post(Envelope envelope) override;
    void flush() override;
    bool receive(std::vector<Envelope>& in) override;
    bool underway() const override;
    bool finish() override;
    void forget(std::uint32_t rank) override;
    bool connected() const override { return true; }
    bool wakes() const override { return doorbells_.all_reach(); }

private:
    static constexpr int kFrameTag = 1;
    // Of payloads: of each frame its own, so that those of a frame that was dropped are not taken for another's.
    static constexpr int kFirstPayloadTag = 64;
    static constexpr std::uint64_t kPayloadTags = 16384;
    static constexpr std::size_t kPieceBytes = 64 << 20;  // of a payload, in one message
    static constexpr int kSendsInFlight = 8;
    static constexpr int kFramesAtOnce = 64;
    static constexpr Nanoseconds kMostATurn = 1'000'000'000;  // between two looks this much counts as waiting

    static int payload_tag(std::uint64_t frame) { return kFirstPayloadTag + static_cast<int>(frame % kPayloadTags); }

    struct Destination {
        FrameWriter writer;
        int in_flight = 0;
        std::uint64_t frames = 0;
    };
    struct Sending {
        std::vector<char> frame;
        SharedBytes payload;  // when it is one
        std::uint32_t to = 0;
    };
    struct Incoming {  // a frame
        std::uint32_t from = 0;
        std::uint64_t number = 0;
        SharedBytes frame;
        std::vector<Envelope> messages;
        std::size_t missing = 1;  // the frame, then its payloads
        bool read = false;
    };
    struct Source {
        std::deque<std::unique_ptr<Incoming>> incoming;  // in order
        std::uint64_t frames = 0;
        Nanoseconds waited = 0;  // since something of it came last
        bool lost = false;
    };
    struct Receiving {
        Incoming* frame = nullptr;
        std::size_t bytes = 0;
    };
    struct Announced {
        Receiving piece;
        std::byte* to = nullptr;
    };

    template <class Use>
    static void for_each_piece(std::size_t bytes, const Use& use);  // use(offset, count)
    bool sending() const { return !requests_.empty() || !posted_.empty(); }
    void send(std::span<const std::byte> bytes, std::uint32_t to, int tag, Sending sending);
    void complete_sends();
    void begin_to_receive(MPI_Message& message, const MPI_Status& status, std::vector<Envelope>& in);
    void take_announced();
    bool receiving() const { return !receives_.empty() || !announced_.empty(); }
    void complete_receives();
    void read(Incoming& frame);
    void expect_payloads(Incoming& frame);
    void check_size(const Receiving& what, const MPI_Status& status);
    void look_for_missing();
    void hand_over(Source& source, std::vector<Envelope>& in);

    boost::mpi::communicator world_;
    const Doorbells& doorbells_;
    const bool launcher_ends_all_;
    const Nanoseconds longest_wait_;
    Complain complain_;
    std::vector<Destination> destinations_;
    std::vector<std::uint32_t> posted_;  // destinations with something in their writer
    std::vector<MPI_Request> requests_;  // of sending_, by index
    std::vector<Sending> sending_;
    std::vector<int> completed_;
    std::vector<std::vector<char>> spare_;  // buffers to reuse
    std::vector<Source> sources_;
    std::vector<MPI_Request> receives_;  // of receiving_, by index
    std::vector<Receiving> receiving_;
    std::deque<Announced> announced_;  // not there yet; of a frame in order
    std::vector<MPI_Status> statuses_;
    Nanoseconds last_look_ = 0;  // while something is to be received
    // With lost ranks: MPI may use these buffers for ever, and is never asked about them again.
    std::vector<Sending> abandoned_;
    bool any_lost_ = false;
    FrameReader reader_;
    std::uint64_t bad_frames_ = 0;
};

}  // namespace penstock
