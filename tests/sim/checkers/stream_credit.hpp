// What is on a link of a stream is bounded: its window of items, and so many bytes or one item. All of it is given
// back, once, when it has been worked off.
#pragma once

#include "core/stream_output.hpp"
#include "sim/cluster.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

namespace penstock::sim {

class StreamCredit final : public Checker {
public:
    std::string name() const override { return "stream credit"; }
    bool sees_streams() const override { return true; }

    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        if (message == nullptr) return;
        if (const auto* m = std::get_if<msg::PlaceStream>(message)) {
            if (epochs_[m->pipeline] != m->epoch) forget(m->pipeline);
            epochs_[m->pipeline] = m->epoch;
        }
        if (const auto* m = std::get_if<msg::StreamItems>(message)) send(*m);
        if (const auto* m = std::get_if<msg::StreamTaken>(message); m != nullptr && is_of_now(*m)) {
            Link& l = links_[{m->pipeline, m->from, m->to}];
            l.back_items += m->items;
            l.back_bytes += m->bytes;
            if (l.back_items > l.items || l.back_bytes > l.bytes)
                fail("more is given back than was sent: " + describe(e));
        }
    }
    void received(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        const auto* m = message == nullptr ? nullptr : std::get_if<msg::StreamTaken>(message);
        if (m == nullptr || !is_of_now(*m)) return;
        Link& l = links_[{m->pipeline, m->from, m->to}];
        l.known_items += m->items;
        l.known_bytes += m->bytes;
    }
    void is_over(PipelineId id) override {
        if (!world().is_stream(id)) return;
        const PipelineTruth& p = world().truth(id);
        if (!std::all_of(p.state.begin(), p.state.end(), [](JobState s) { return s == JobState::succeeded; })) return;
        // Where nobody wants any more of it, producers have ended, and need no credit.
        if (world().may_be_closed(id)) return;
        // What comes for a merge that needs no more of it may still be on its way.
        const auto& stages = p.plan->stages;
        const auto may_end_first = [](const Stage& s) { return s.merge == Merge::zip || s.merge == Merge::latest; };
        if (std::any_of(stages.begin(), stages.end(), may_end_first)) return;
        for (auto at = links_.lower_bound({id, JobIndex(0), JobIndex(0)});
             at != links_.end() && std::get<0>(at->first) == id; ++at)
            if (at->second.back_items != at->second.items || at->second.back_bytes != at->second.bytes)
                fail("of what " + text({id, std::get<1>(at->first).value}) + " sent, some was never given back");
    }

private:
    struct Link {
        std::uint64_t items = 0, bytes = 0;              // sent
        std::uint64_t back_items = 0, back_bytes = 0;    // given back
        std::uint64_t known_items = 0, known_bytes = 0;  // as whoever sends knows
    };
    template <class M>
    bool is_of_now(const M& m) {
        return epochs_[m.pipeline] == m.epoch;
    }
    void send(const msg::StreamItems& m) {
        if (!is_of_now(m) || m.items->empty()) return;
        Link& l = links_[{m.pipeline, m.from, m.to}];
        const bool first = l.items == l.known_items;
        l.items += m.items->count();
        l.bytes += m.items->bytes.size();
        const std::string link = text({m.pipeline, m.from.value}) + " to " + text({m.pipeline, m.to.value});
        if (l.items - l.known_items > window(*world().truth(m.pipeline).plan, m))
            fail(std::to_string(l.items - l.known_items) + " items are on the link from " + link);
        if (l.bytes - l.known_bytes > StreamOutput::kLinkBytes && !(first && m.items->count() == 1))
            fail(std::to_string(l.bytes - l.known_bytes) + " bytes are on the link from " + link);
    }
    static std::uint64_t window(const Plan& plan, const msg::StreamItems& m) {
        const std::uint32_t from = plan.template_of(m.from).value, to = plan.template_of(m.to).value;
        const std::uint64_t queue = plan.stages[from].queue == 0 ? kDefaultQueue : plan.stages[from].queue;
        const std::uint64_t links = std::uint64_t{plan.templates[from].count} * plan.templates[to].count;
        return std::max<std::uint64_t>(1, queue / links);
    }
    void forget(PipelineId id) {
        std::erase_if(links_, [id](const auto& entry) { return std::get<0>(entry.first) == id; });
    }

    std::map<PipelineId, std::uint32_t> epochs_;  // of now
    std::map<std::tuple<PipelineId, JobIndex, JobIndex>, Link> links_;
};

}  // namespace penstock::sim
