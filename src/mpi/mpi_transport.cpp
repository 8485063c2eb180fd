#include "mpi/mpi_transport.hpp"

#include <algorithm>

namespace penstock {

namespace {
constexpr std::size_t kSpareBuffers = 64;
constexpr std::size_t kSpareBytes = 1 << 20;  // larger buffers are given back to the system
}  // namespace

MpiTransport::MpiTransport(boost::mpi::communicator world, const Doorbells& doorbells, Complain complain)
    : world_(std::move(world)), doorbells_(doorbells), complain_(std::move(complain)), destinations_(static_cast<std::size_t>(world_.size())) {}

void MpiTransport::post(Envelope envelope) {
    Destination& d = destinations_.at(envelope.to);
    if (d.writer.empty()) posted_.push_back(envelope.to);
    d.writer.add(envelope.message);
}

void MpiTransport::flush() {
    complete_sends();
    std::erase_if(posted_, [this](std::uint32_t to) {
        Destination& d = destinations_[to];
        if (d.in_flight >= kSendsInFlight) return false;
        std::vector<char> buffer;
        if (!spare_.empty()) {
            buffer = std::move(spare_.back());
            spare_.pop_back();
        }
        sending_.push_back({d.writer.take(std::move(buffer)), to});
        const std::vector<char>& frame = sending_.back().frame;
        if (frame.size() > INT32_MAX)
            throw WireError("a message of more than 2 GiB; a definition this large must be split into several pipelines");
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Isend(frame.data(), static_cast<int>(frame.size()), MPI_BYTE, static_cast<int>(to), kFrameTag, world_,
                  &request);
        doorbells_.ring(to);
        requests_.push_back(request);
        ++d.in_flight;
        return true;
    });
}

void MpiTransport::complete_sends() {
    if (requests_.empty()) return;
    completed_.resize(requests_.size());
    int n = 0;
    MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &n, completed_.data(), MPI_STATUSES_IGNORE);
    if (n == MPI_UNDEFINED || n == 0) return;
    std::sort(completed_.begin(), completed_.begin() + n, std::greater<>());
    for (int i = 0; i < n; ++i) {
        const auto at = static_cast<std::size_t>(completed_[static_cast<std::size_t>(i)]);
        --destinations_[sending_[at].to].in_flight;
        if (spare_.size() < kSpareBuffers && sending_[at].frame.capacity() <= kSpareBytes)
            spare_.push_back(std::move(sending_[at].frame));
        sending_[at] = std::move(sending_.back());
        sending_.pop_back();
        requests_[at] = requests_.back();
        requests_.pop_back();
    }
}

bool MpiTransport::receive(std::vector<Envelope>& in) {
    bool any = false;
    for (int i = 0; i < kFramesAtOnce; ++i) {
        int there = 0;
        MPI_Message message;
        MPI_Status status;
        MPI_Improbe(MPI_ANY_SOURCE, kFrameTag, world_, &there, &message, &status);
        if (there == 0) break;
        int bytes = 0;
        MPI_Get_count(&status, MPI_BYTE, &bytes);
        receive_buffer_.resize(static_cast<std::size_t>(bytes));
        MPI_Mrecv(receive_buffer_.data(), bytes, MPI_BYTE, &message, MPI_STATUS_IGNORE);
        any = true;
        const auto from = static_cast<std::uint32_t>(status.MPI_SOURCE);
        try {
            reader_.read(receive_buffer_, from, static_cast<std::uint32_t>(world_.rank()), in);
        } catch (const WireError& e) {
            ++bad_frames_;
            complain_(from, e.what());
        }
        if (receive_buffer_.capacity() > kSpareBytes) receive_buffer_ = {};
    }
    return any;
}

bool MpiTransport::sending() const { return !requests_.empty() || !posted_.empty(); }

}  // namespace penstock
