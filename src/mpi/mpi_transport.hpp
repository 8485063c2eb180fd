// The transport over MPI: one frame a destination and turn, sent without blocking, received with a matched probe.
//
// Bounds: at most kSendsInFlight frames to one destination are under way; what is posted meanwhile gathers in the next
// frame. A frame that cannot be decoded is counted, told to `complain`, and dropped.
#pragma once

#include "mpi/doorbells.hpp"
#include "mpi/wire.hpp"
#include "run/transport.hpp"

#include <boost/mpi/communicator.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace penstock {

class MpiTransport final : public Transport {
public:
    using Complain = std::function<void(std::uint32_t from, const std::string& problem)>;

    // `doorbells` must outlive this.
    MpiTransport(boost::mpi::communicator world, const Doorbells& doorbells, Complain complain);

    void post(Envelope envelope) override;
    void flush() override;
    bool receive(std::vector<Envelope>& in) override;
    bool sending() const override;
    bool connected() const override { return true; }
    bool wakes() const override { return doorbells_.all_reach(); }

private:
    static constexpr int kFrameTag = 1;
    static constexpr int kSendsInFlight = 8;
    static constexpr int kFramesAtOnce = 64;

    struct Destination {
        FrameWriter writer;
        int in_flight = 0;
    };
    struct Sending {
        std::vector<char> frame;
        std::uint32_t to = 0;
    };

    void complete_sends();

    boost::mpi::communicator world_;
    const Doorbells& doorbells_;
    Complain complain_;
    std::vector<Destination> destinations_;
    std::vector<std::uint32_t> posted_;      // destinations with something in their writer
    std::vector<MPI_Request> requests_;      // of sending_, by index
    std::vector<Sending> sending_;
    std::vector<int> completed_;
    std::vector<std::vector<char>> spare_;   // buffers to reuse
    std::vector<char> receive_buffer_;
    FrameReader reader_;
    std::uint64_t bad_frames_ = 0;
};

}  // namespace penstock
