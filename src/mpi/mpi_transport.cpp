#include "mpi/mpi_transport.hpp"

#include "run/clock.hpp"

#include <algorithm>

#include <time.h>

namespace penstock {

namespace {
constexpr std::size_t kSpareBuffers = 64;
constexpr std::size_t kSpareBytes = 1 << 20;  // larger buffers are given back to the system
constexpr Nanoseconds kMostFarewell = 10'000'000'000;
}  // namespace

MpiTransport::MpiTransport(boost::mpi::communicator world, const Doorbells& doorbells, bool launcher_ends_all,
                           Nanoseconds longest_wait, Complain complain)
    : world_(std::move(world)),
      doorbells_(doorbells),
      launcher_ends_all_(launcher_ends_all),
      longest_wait_(longest_wait),
      complain_(std::move(complain)),
      destinations_(static_cast<std::size_t>(world_.size())),
      sources_(static_cast<std::size_t>(world_.size())) {}

// A message counts its bytes as an int, and MPI moves a part of it at a time anyway.
template <class Use>
void MpiTransport::for_each_piece(std::size_t bytes, const Use& use) {
    for (std::size_t offset = 0; offset < bytes; offset += kPieceBytes)
        use(offset, std::min(kPieceBytes, bytes - offset));
}

// ------------------------------------------------------------------------------------------ sending

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
        Sending frame{d.writer.take(std::move(buffer)), {}, to};
        if (frame.frame.size() > INT32_MAX)
            throw WireError(
                "a message of more than 2 GiB; a definition this large must be split into several pipelines");
        const auto bytes = std::as_bytes(std::span(frame.frame));
        send(bytes, to, kFrameTag, std::move(frame));
        ++d.in_flight;
        for (const SharedBytes& payload : d.writer.take_payloads()) {
            for_each_piece(payload.size(), [&](std::size_t offset, std::size_t count) {
                const SharedBytes piece = payload.part(offset, count);
                send(piece.span(), to, payload_tag(d.frames), {{}, piece, to});
            });
        }
        ++d.frames;
        doorbells_.ring(to);
        return true;
    });
}

void MpiTransport::send(std::span<const std::byte> bytes, std::uint32_t to, int tag, Sending sending) {
    sending_.push_back(std::move(sending));
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, static_cast<int>(to), tag, world_, &request);
    requests_.push_back(request);
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
        Sending& sent = sending_[at];
        if (!sent.frame.empty()) {
            --destinations_[sent.to].in_flight;
            if (spare_.size() < kSpareBuffers && sent.frame.capacity() <= kSpareBytes)
                spare_.push_back(std::move(sent.frame));
        }
        sending_[at] = std::move(sending_.back());
        sending_.pop_back();
        requests_[at] = requests_.back();
        requests_.pop_back();
    }
}

bool MpiTransport::underway() const { return sending() || receiving(); }

void MpiTransport::forget(std::uint32_t rank) {
    any_lost_ = true;
    sources_[rank].lost = true;
    destinations_[rank].writer.take({});
    destinations_[rank].writer.take_payloads();
    destinations_[rank].in_flight = 0;
    std::erase(posted_, rank);
    for (std::size_t i = sending_.size(); i-- != 0;) {
        if (sending_[i].to != rank) continue;
        abandoned_.push_back(std::move(sending_[i]));
        sending_[i] = std::move(sending_.back());
        sending_.pop_back();
        requests_[i] = requests_.back();
        requests_.pop_back();
    }
    std::erase_if(announced_, [rank](const Announced& a) { return a.piece.frame->from == rank; });
    for (std::size_t i = receiving_.size(); i-- != 0;) {
        if (receiving_[i].frame->from != rank) continue;
        receiving_[i] = receiving_.back();
        receiving_.pop_back();
        receives_[i] = receives_.back();
        receives_.pop_back();
    }
}

// What others sent while this rank was about to leave is dropped, but received: they could not leave otherwise. A rank
// that died takes nothing more and does not come to the barrier, so nobody waits for long, except where a launcher
// would end all if it died: there one is late, and whoever left before it, without MPI_Finalize, would take rank 0
// along while it collects results.
bool MpiTransport::finish() {
    const Nanoseconds until = steady_now() + kMostFarewell;
    std::vector<Envelope> dropped;
    while (sending() && ((launcher_ends_all_ && !any_lost_) || steady_now() < until)) {
        flush();
        receive(dropped);
        dropped.clear();
    }
    if (any_lost_) return false;
    MPI_Request farewell = MPI_REQUEST_NULL;
    MPI_Ibarrier(world_, &farewell);
    const Nanoseconds patience = steady_now() + kMostFarewell;
    int done = 0;
    const bool patient = launcher_ends_all_ && world_.rank() != 0;
    while (done == 0 && (patient || steady_now() < patience)) {
        MPI_Test(&farewell, &done, MPI_STATUS_IGNORE);
        receive(dropped);
        dropped.clear();
        const timespec nap{0, 20'000};
        nanosleep(&nap, nullptr);
    }
    return done != 0;
}

// ------------------------------------------------------------------------------------------ receiving

bool MpiTransport::receive(std::vector<Envelope>& in) {
    const std::size_t before = in.size();
    for (int i = 0; i < kFramesAtOnce; ++i) {
        int there = 0;
        MPI_Message message;
        MPI_Status status;
        MPI_Improbe(MPI_ANY_SOURCE, kFrameTag, world_, &there, &message, &status);
        if (there == 0) break;
        begin_to_receive(message, status, in);
    }
    if (receiving()) {
        take_announced();
        if (!receives_.empty()) complete_receives();
        for (Source& source : sources_) hand_over(source, in);
        look_for_missing();
    }
    return in.size() != before;
}

void MpiTransport::begin_to_receive(MPI_Message& message, const MPI_Status& status, std::vector<Envelope>& in) {
    int bytes = 0;
    MPI_Get_count(&status, MPI_BYTE, &bytes);
    auto frame = std::make_unique<Incoming>();
    frame->from = static_cast<std::uint32_t>(status.MPI_SOURCE);
    Source& source = sources_[frame->from];
    frame->number = source.frames++;
    BytesWriter room;
    std::byte* const to = room.extend(static_cast<std::size_t>(bytes));
    frame->frame = room.take();
    MPI_Request request = MPI_REQUEST_NULL;
    MPI_Imrecv(to, bytes, MPI_BYTE, &message, &request);
    int done = 0;
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    source.incoming.push_back(std::move(frame));
    if (done == 0) {
        receives_.push_back(request);
        receiving_.push_back({source.incoming.back().get(), static_cast<std::size_t>(bytes)});
        return;
    }
    source.incoming.back()->missing = 0;
    hand_over(source, in);
}

void MpiTransport::complete_receives() {
    completed_.resize(receives_.size());
    statuses_.resize(receives_.size());
    int n = 0;
    const int result =
        MPI_Testsome(static_cast<int>(receives_.size()), receives_.data(), &n, completed_.data(), statuses_.data());
    if (n == MPI_UNDEFINED || n == 0) return;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
        if (result != MPI_ERR_IN_STATUS) statuses_[i].MPI_ERROR = MPI_SUCCESS;  // MPI leaves it alone then
        check_size(receiving_[static_cast<std::size_t>(completed_[i])], statuses_[i]);
    }
    std::sort(completed_.begin(), completed_.begin() + n, std::greater<>());
    for (int i = 0; i < n; ++i) {
        const auto at = static_cast<std::size_t>(completed_[static_cast<std::size_t>(i)]);
        Incoming& frame = *receiving_[at].frame;
        --frame.missing;
        sources_[frame.from].waited = 0;
        receiving_[at] = receiving_.back();
        receiving_.pop_back();
        receives_[at] = receives_.back();
        receives_.pop_back();
    }
}

// Frames are read in their order, and before all of their payloads have come: so those can come where they belong.
void MpiTransport::hand_over(Source& source, std::vector<Envelope>& in) {
    for (const auto& frame : source.incoming) {
        if (!frame->read && frame->missing != 0) break;
        if (!frame->read) read(*frame);
    }
    while (!source.incoming.empty() && source.incoming.front()->missing == 0) {
        std::vector<Envelope>& messages = source.incoming.front()->messages;
        std::move(messages.begin(), messages.end(), std::back_inserter(in));
        source.incoming.pop_front();
    }
}

void MpiTransport::read(Incoming& frame) {
    frame.read = true;
    const std::span<const std::byte> bytes = frame.frame.span();
    try {
        reader_.read({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, frame.from,
                     static_cast<std::uint32_t>(world_.rank()), frame.messages, frame.frame.owner());
    } catch (const WireError& e) {
        ++bad_frames_;
        complain_(frame.from, e.what());
    }
    expect_payloads(frame);
    frame.frame = {};  // kept by the items in it
}

void MpiTransport::expect_payloads(Incoming& frame) {
    for (const std::span<std::byte> to : reader_.take_payloads())
        for_each_piece(to.size(), [&](std::size_t offset, std::size_t count) {
            ++frame.missing;
            announced_.push_back({{&frame, count}, to.data() + offset});
        });
}

// Its size is looked at first: MPI may write all of a message that is longer than its buffer.
void MpiTransport::take_announced() {
    const Incoming* not_there = nullptr;  // nor is what comes after it
    for (auto at = announced_.begin(); at != announced_.end();) {
        const Receiving& piece = at->piece;
        int there = 0;
        MPI_Message message;
        MPI_Status status;
        status.MPI_ERROR = MPI_SUCCESS;
        if (piece.frame != not_there)
            MPI_Improbe(static_cast<int>(piece.frame->from), payload_tag(piece.frame->number), world_, &there, &message,
                        &status);
        if (there == 0) {
            not_there = piece.frame;
            ++at;
            continue;
        }
        status.MPI_ERROR = MPI_SUCCESS;
        check_size(piece, status);
        MPI_Request request = MPI_REQUEST_NULL;
        MPI_Imrecv(at->to, static_cast<int>(piece.bytes), MPI_BYTE, &message, &request);
        receives_.push_back(request);
        receiving_.push_back(piece);
        at = announced_.erase(at);
    }
}

void MpiTransport::check_size(const Receiving& what, const MPI_Status& status) {
    int bytes = 0;
    MPI_Get_count(&status, MPI_BYTE, &bytes);
    const bool too_many = status.MPI_ERROR != MPI_SUCCESS || static_cast<std::size_t>(bytes) > what.bytes;
    if (!too_many && static_cast<std::size_t>(bytes) == what.bytes) return;
    throw WireError("rank " + std::to_string(what.frame->from) + " announced " + std::to_string(what.bytes) +
                    " bytes of items and sent " + (too_many ? "more" : std::to_string(bytes)) +
                    ": what it says cannot be relied on. Go on with --resume");
}

// A frame whose payload never comes holds up all that its sender says after it.
void MpiTransport::look_for_missing() {
    const Nanoseconds now = steady_now();
    const Nanoseconds passed = !receiving() || last_look_ == 0 ? 0 : std::min(now - last_look_, kMostATurn);
    last_look_ = receiving() ? now : 0;
    for (std::uint32_t rank = 0; rank < sources_.size(); ++rank) {
        Source& source = sources_[rank];
        const bool waits = !source.incoming.empty() && !source.lost;
        source.waited = waits ? source.waited + passed : 0;
        if (source.waited > longest_wait_)
            throw WireError("rank " + std::to_string(rank) + " announced items and did not send them for " +
                            std::to_string(longest_wait_ / 1'000'000'000) +
                            " s, although it lives: what it says cannot be relied on. Go on with --resume");
    }
}

}  // namespace penstock
