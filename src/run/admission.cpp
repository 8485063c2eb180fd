#include "run/admission.hpp"

#include <type_traits>
#include <utility>

namespace penstock {

namespace {

enum class Sender { router, pipeliner, broker, anybody, broker_or_driver };

// Who sends what: docs/protocol.md.
template <class M>
constexpr bool is_one_of() {
    return false;
}
template <class M, class First, class... Rest>
constexpr bool is_one_of() {
    return std::is_same_v<M, First> || is_one_of<M, Rest...>();
}

template <class M>
constexpr Sender sender_of(const RouterMessage&) {
    if constexpr (is_one_of<M, msg::Alive>()) return Sender::anybody;
    if constexpr (is_one_of<M, msg::Ready, msg::Skipped, msg::Restarted>()) return Sender::pipeliner;
    return Sender::broker;
}
template <class M>
constexpr Sender sender_of(const PipelinerMessage&) {
    return is_one_of<M, msg::Ended, msg::Locate>() ? Sender::broker : Sender::router;
}
template <class M>
constexpr Sender sender_of(const BrokerMessage&) {
    if constexpr (is_one_of<M, msg::Alive>()) return Sender::anybody;
    if constexpr (is_one_of<M, msg::Located, msg::Release>()) return Sender::pipeliner;
    if constexpr (is_one_of<M, msg::Fetch, msg::Fetched, msg::FetchedChunk, msg::ChunkTaken>()) return Sender::broker;
    if constexpr (is_one_of<M, msg::StreamItems, msg::StreamEnd, msg::StreamTaken>()) return Sender::broker_or_driver;
    return Sender::router;
}

bool is(const LaunchLayout& layout, std::uint32_t rank, Sender who) {
    switch (who) {
        case Sender::router:
            return rank == 0;
        case Sender::pipeliner:
            return rank == 0 || layout.is_pipeliner(rank);
        case Sender::broker:
            return layout.broker(rank) != nullptr;
        case Sender::broker_or_driver:
            return rank == kDriverRank || layout.broker(rank) != nullptr;
        case Sender::anybody:
            break;
    }
    return true;
}

// What every rank listens to, whatever its roles.
template <class M>
constexpr bool is_of_pump() {
    return is_one_of<M, msg::Alive, msg::RankLost, msg::Leave>();
}

// Rank 0 is a spare pipeliner, and takes what the driver function feeds and reads of streams.
template <class Inbox>
bool takes(const LaunchLayout& layout, std::uint32_t rank) {
    if constexpr (std::is_same_v<Inbox, RouterMessage>) return rank == 0;
    if constexpr (std::is_same_v<Inbox, PipelinerMessage>) return rank == 0 || layout.is_pipeliner(rank);
    return rank == kDriverRank || layout.broker(rank) != nullptr;
}

const char* name_of(Sender who) {
    switch (who) {
        case Sender::router:
            return "the router";
        case Sender::pipeliner:
            return "a pipeliner";
        case Sender::broker:
            return "a broker";
        default:
            return "a broker or rank 0";
    }
}

}  // namespace

Admission::Admission(const LaunchLayout& layout, std::uint32_t rank, Complain complain)
    : layout_(layout), rank_(rank), complain_(std::move(complain)) {}

bool Admission::admits(const Envelope& e) {
    const auto [wanted, here] = std::visit(
        [&]<class Inbox>(const Inbox& inbox) {
            return std::visit(
                [&]<class M>(const M&) {
                    return std::pair(sender_of<M>(inbox), is_of_pump<M>() || takes<Inbox>(layout_, rank_));
                },
                inbox);
        },
        e.message);
    if (here && is(layout_, e.from, wanted)) return true;
    refuse(e.from, here ? std::string("only ") + name_of(wanted) + " sends " + describe(e.message)
                        : "this rank has no role that takes " + describe(e.message));
    return false;
}

void Admission::refuse(std::uint32_t from, const std::string& problem) {
    ++refused_;
    const std::uint64_t count = ++by_sender_[from];
    if (count > kMostTold) return;
    complain_(from, count < kMostTold ? problem : problem + " (further ones of that rank are dropped without a word)");
}

}  // namespace penstock
