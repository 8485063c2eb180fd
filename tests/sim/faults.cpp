#include "sim/faults.hpp"

#include <algorithm>

namespace penstock::sim {

namespace {

template <class M, class Inbox>
const M* as(const Envelope& e) {
    const auto* inbox = std::get_if<Inbox>(&e.message);
    return inbox == nullptr ? nullptr : std::get_if<M>(inbox);
}

// Drops the first message of one kind.
template <class M, class Inbox>
void drop(std::vector<Envelope>& frame, bool& done) {
    const auto at =
        std::find_if(frame.begin(), frame.end(), [](const Envelope& e) { return as<M, Inbox>(e) != nullptr; });
    if (done || at == frame.end()) return;
    frame.erase(at);
    done = true;
}

// Delivers one message of one kind twice.
template <class M, class Inbox>
void repeat(std::vector<Envelope>& frame, Random& random, bool& done) {
    for (std::size_t i = 0; i < frame.size() && !done; ++i) {
        if (as<M, Inbox>(frame[i]) == nullptr || !random.chance(0.2)) continue;
        frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(i), Envelope(frame[i]));
        done = true;
    }
}

}  // namespace

void spoil(Fault fault, std::vector<Envelope>& frame, Random& random, bool& done) {
    switch (fault) {
        case Fault::drop_ended:
            return drop<msg::Ended, RouterMessage>(frame, done);
        case Fault::drop_ready:
            return drop<msg::Ready, RouterMessage>(frame, done);
        case Fault::double_ended:
            return repeat<msg::Ended, RouterMessage>(frame, random, done);
        case Fault::double_ready:
            return repeat<msg::Ready, RouterMessage>(frame, random, done);
        case Fault::drop_attempt:
            return drop<msg::AttemptFailed, RouterMessage>(frame, done);
        case Fault::drop_returned:
            return drop<msg::Returned, RouterMessage>(frame, done);
        case Fault::drop_fetched:
            return drop<msg::Fetched, BrokerMessage>(frame, done);
        case Fault::double_attempt:
            return repeat<msg::AttemptFailed, RouterMessage>(frame, random, done);
        case Fault::hidden_failure:
            for (Envelope& e : frame)
                if (auto* inbox = std::get_if<PipelinerMessage>(&e.message))
                    if (auto* m = std::get_if<msg::Ended>(inbox)) m->succeeded = true;
            return;
        case Fault::no_release:
            std::erase_if(frame, [](const Envelope& e) { return as<msg::Release, BrokerMessage>(e) != nullptr; });
            return;
        case Fault::no_forget_plan:
            std::erase_if(frame, [](const Envelope& e) {
                return as<msg::ForgetPlan, BrokerMessage>(e) != nullptr ||
                       as<msg::ForgetPlan, PipelinerMessage>(e) != nullptr;
            });
            return;
        case Fault::no_taken:
            std::erase_if(frame, [](const Envelope& e) { return as<msg::StreamTaken, BrokerMessage>(e) != nullptr; });
            return;
        case Fault::early_open:
            for (std::size_t i = 0; i < frame.size(); ++i)
                if (const auto* placed = as<msg::PlaceStream, BrokerMessage>(frame[i])) {
                    const msg::OpenStream opened{placed->pipeline};
                    frame.push_back({frame[i].from, frame[i].to, BrokerMessage(opened)});
                }
            return;
        case Fault::deaf_broker:
            return drop<msg::Stop, BrokerMessage>(frame, done);
        case Fault::deaf_to_end:
            for (Envelope& e : frame)
                if (auto* inbox = std::get_if<BrokerMessage>(&e.message))
                    if (auto* m = std::get_if<msg::Recall>(inbox)) m->end_running = false;
            return;
        default:
            return;  // faults of other parts
    }
}

void make_items_current(Envelope& e, std::map<PipelineId, std::uint32_t>& epochs) {
    auto* const m = std::get_if<BrokerMessage>(&e.message);
    if (m == nullptr) return;
    if (const auto* placed = std::get_if<msg::PlaceStream>(m)) epochs[placed->pipeline] = placed->epoch;
    if (auto* const items = std::get_if<msg::StreamItems>(m)) items->epoch = epochs[items->pipeline];
    if (auto* const end = std::get_if<msg::StreamEnd>(m)) end->epoch = epochs[end->pipeline];
    if (auto* const taken = std::get_if<msg::StreamTaken>(m)) taken->epoch = epochs[taken->pipeline];
}

void make_current(Envelope& e, std::map<PipelineId, std::uint32_t>& epochs) {
    auto* const m = std::get_if<PipelinerMessage>(&e.message);
    if (m == nullptr) return;
    if (const auto* restart = std::get_if<msg::Restart>(m)) epochs[restart->pipeline] = restart->epoch;
    if (auto* const ended = std::get_if<msg::Ended>(m)) ended->epoch = epochs[ended->jobs.pipeline];
}

}  // namespace penstock::sim
