// A stage whose results find no room behind it is given nothing more to do: beside what its lane had by then, nothing
// that it has made waits to be sent.
#pragma once

#include "sim/cluster.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

namespace penstock::sim {

class StreamRoom final : public Checker {
public:
    std::string name() const override { return "stream room"; }
    bool sees_streams() const override { return true; }

    void sent(const Envelope& e) override {
        const auto* message = std::get_if<BrokerMessage>(&e.message);
        if (message == nullptr) return;
        if (const auto* m = std::get_if<msg::PlaceStream>(message)) {
            Stream& s = streams_[m->pipeline];
            if (s.epoch != m->epoch || s.ranks.empty()) s = {m->epoch, m->ranks, {}};
        }
        const auto* m = std::get_if<msg::StreamItems>(message);
        if (m == nullptr || m->items->empty() || m->from == kDriver || m->to == kDriver) return;
        Stream& s = streams_[m->pipeline];
        if (m->epoch != s.epoch) return;
        const TemplateIndex consumer = world().truth(m->pipeline).plan->template_of(m->to);
        s.jobs[m->from].sent[consumer] += m->items->count();
    }
    void answered(PipelineId id, JobIndex index, std::uint64_t items, std::uint32_t broker) override {
        Stream& s = streams_[id];
        if (items == 0 || s.ranks[index.value] != broker) return;
        Job& job = s.jobs[index];
        job.made += items;
        job.largest = std::max(job.largest, items);
        const std::uint64_t waits = job.made - sent_by(id, index, job);
        if (waits > kAnswers * job.largest)
            fail(std::to_string(waits) + " items of " + text({id, index.value}) + " have not left, of at most " +
                 std::to_string(job.largest) + " in an answer of its lane, and it was given more to do");
    }

private:
    // Of two tickets that a lane has at once, and of one behind them: it was answered while the items of another, over
    // which a process had died, were still to be tried one by one.
    static constexpr std::size_t kAnswers = 3;
    struct Job {
        std::uint64_t made = 0, largest = 0;          // items in all answers and in one
        std::map<TemplateIndex, std::uint64_t> sent;  // to each of the stages that take its items
    };
    struct Stream {
        std::uint32_t epoch = 0;
        std::vector<std::uint32_t> ranks;
        std::map<JobIndex, Job> jobs;
    };

    std::uint64_t sent_by(PipelineId id, JobIndex index, const Job& job) const {
        const Plan& plan = *world().truth(id).plan;
        const TemplateIndex of = plan.template_of(index);
        std::uint64_t least = job.made;
        for (std::uint32_t s = 0; s < plan.stages.size(); ++s) {
            const auto& from = plan.stages[s].from;
            if (std::find(from.begin(), from.end(), of) == from.end()) continue;
            const auto sent = job.sent.find(TemplateIndex(s));
            least = std::min(least, sent == job.sent.end() ? 0 : sent->second);
        }
        return least;
    }

    std::map<PipelineId, Stream> streams_;
};

}  // namespace penstock::sim
