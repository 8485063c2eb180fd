// A stream is placed as a whole, in one turn and at ranks that live, once in each epoch, and after a loss not before
// its pipeliner has started it again; it is opened once all of its brokers have all of their jobs, and no item comes
// before the job it is for. When a job of it fails by itself each of its brokers is told once which one; and so when
// nobody wants more of it, were it before it has its place. One whose stages hold nothing waits for nobody.
#pragma once

#include "sim/cluster.hpp"
#include "sim/random_streams.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace penstock::sim {

class StreamsPlaced final : public Checker {
public:
    std::string name() const override { return "streams placed"; }
    bool sees_streams() const override { return true; }

    void rank_lost(std::uint32_t rank) override { lost_.insert(rank); }
    void starts(const JobRef& job, std::uint32_t broker) override {
        if (world().is_stream(job.pipeline)) ++started_[{job.pipeline, broker}];
    }
    void received(const Envelope& e) override {
        if (const auto* to_router = std::get_if<RouterMessage>(&e.message)) {
            if (const auto* m = std::get_if<msg::Ready>(to_router); m != nullptr && world().is_stream(m->jobs.pipeline))
                streams_[m->jobs.pipeline].ready += m->jobs.count;
            if (const auto* m = std::get_if<msg::Restarted>(to_router); m != nullptr && world().is_stream(m->pipeline))
                streams_[m->pipeline].restarted = m->epoch;
            if (const auto* m = std::get_if<msg::StreamReady>(to_router)) streams_[m->pipeline].unready.erase(e.from);
            if (std::holds_alternative<msg::StoreFailed>(*to_router)) drains_ = true;
        }
        const auto* to_broker = std::get_if<BrokerMessage>(&e.message);
        if (to_broker == nullptr) return;
        if (const auto* m = std::get_if<msg::PlaceStream>(to_broker)) started_.erase({m->pipeline, e.to});
        if (const auto* m = std::get_if<msg::StreamItems>(to_broker)) {
            const Stream& s = streams_[m->pipeline];
            if (s.epoch == m->epoch && !s.opened) fail("an item comes before the stream is open: " + describe(e));
        }
    }
    void sent(const Envelope& e) override {
        if (const auto* to_router = std::get_if<RouterMessage>(&e.message)) {
            const auto* m = std::get_if<msg::StreamReady>(to_router);
            if (m != nullptr && started_[{m->pipeline, e.from}] < jobs_at(m->pipeline, e.from))
                fail("a broker says that it is ready, with " + std::to_string(started_[{m->pipeline, e.from}]) +
                     " of its jobs");
        }
        const auto* to_broker = std::get_if<BrokerMessage>(&e.message);
        if (to_broker == nullptr) return;
        if (const auto* m = std::get_if<msg::PlaceStream>(to_broker)) place(*m, e.to);
        if (const auto* m = std::get_if<msg::Assign>(to_broker); m != nullptr && world().is_stream(m->jobs.pipeline))
            assign(*m, e.to);
        if (const auto* m = std::get_if<msg::OpenStream>(to_broker)) open(m->pipeline, e.to);
        if (const auto* m = std::get_if<msg::StopStream>(to_broker)) {
            if (m->failed) look_at_cause(*m);
            Stream& s = streams_[m->pipeline];
            // What goes on behind a failure may be stopped once more, because the run ends.
            if (!s.stopped.insert(e.to).second && (m->failed || !s.failed || !s.ended.insert(e.to).second))
                fail("a broker is told to stop a stream twice");
        }
        if (const auto* m = std::get_if<msg::Withdraw>(to_broker))
            if (world().is_stream(m->pipeline)) {
                Stream& s = streams_[m->pipeline];
                const bool closed = s.closed;
                s = Stream();
                s.epoch = m->epoch;
                s.closed = closed;
            }
        if (const auto* m = std::get_if<msg::Recall>(to_broker)) drains_ = drains_ || m->count == kEverything;
    }
    void told_ran(const msg::Ended& ended, std::uint32_t) override {
        drains_ = drains_ || (!ended.succeeded && world().scenario().fail_fast);
        if (world().is_stream(ended.jobs.pipeline) && !ended.succeeded) streams_[ended.jobs.pipeline].failed = true;
    }
    void closed(PipelineId id) override { streams_[id].closed = true; }
    void is_over(PipelineId id) override {
        if (world().is_stream(id)) streams_[id].over = true;
    }
    void handed_out() override {
        for (auto& [id, s] : streams_) {
            const PipelineTruth& p = world().truth(id);
            if (!s.assigned.empty() && s.assigned.size() != p.state.size())
                fail(p.plan->name + " is placed in part: " + std::to_string(s.assigned.size()) + " of " +
                     std::to_string(p.state.size()) + " jobs");
            if (s.over || !(s.failed || s.closed)) continue;
            for (const std::uint32_t rank : s.ranks)
                if (!s.stopped.contains(rank) && !lost_.contains(rank))
                    fail(p.plan->name + (s.failed ? " has failed" : " is closed") + ", and not all brokers are told");
        }
        look_for_what_waits();
    }

private:
    struct Stream {
        std::uint64_t ready = 0;                 // of its jobs
        std::uint32_t epoch = 0, restarted = 0;  // as it is placed, and as its pipeliner knows
        std::vector<std::uint32_t> ranks;        // of each job
        std::set<std::uint32_t> told, unready, open, stopped, ended;
        std::set<std::uint32_t> assigned;  // jobs
        bool opened = false, failed = false, closed = false, over = false;
    };
    void place(const msg::PlaceStream& m, std::uint32_t to) {
        Stream& s = streams_[m.pipeline];
        const std::string& name = world().truth(m.pipeline).plan->name;
        if (!s.told.insert(to).second) fail("a broker is told twice where " + name + " is");
        if (s.told.size() > 1 && m.ranks != s.ranks) fail("brokers are told different places of " + name);
        for (const std::uint32_t rank : m.ranks)
            if (lost_.contains(rank)) fail(name + " is placed at a rank that is lost");
        if (m.epoch != s.restarted) fail(name + " is placed before its pipeliner has started it again");
        s.ranks = m.ranks;
        s.epoch = m.epoch;
        s.unready.insert(to);
    }
    void assign(const msg::Assign& m, std::uint32_t to) {
        Stream& s = streams_[m.jobs.pipeline];
        for (std::uint32_t i = 0; i < m.jobs.count; ++i) {
            const std::uint32_t job = m.jobs.first.value + i;
            if (!s.assigned.insert(job).second) fail(text({m.jobs.pipeline, job}) + " is given out twice");
            if (job >= s.ranks.size() || s.ranks[job] != to) fail(text({m.jobs.pipeline, job}) + " goes elsewhere");
        }
    }
    void open(PipelineId id, std::uint32_t to) {
        Stream& s = streams_[id];
        if (!s.unready.empty()) fail("a stream is opened before all of its brokers are ready");
        if (!s.open.insert(to).second) fail("a stream is opened twice");
        s.opened = true;
    }
    // What else fails does so because of that one, and it decides what goes on behind it.
    void look_at_cause(const msg::StopStream& m) const {
        const Plan& plan = *world().truth(m.pipeline).plan;
        const std::string& fails_in = world().scenario().streams.at(plan.name)->fails_in;
        const std::string cause(stage_shown_for(plan.templates[plan.template_of(m.cause).value].name));
        if (!fails_in.empty() && cause != fails_in)
            fail(plan.name + " is stopped because of " + cause + ", and " + fails_in + " fails");
    }
    std::uint64_t jobs_at(PipelineId id, std::uint32_t broker) {
        const auto& ranks = streams_[id].ranks;
        return static_cast<std::uint64_t>(std::count(ranks.begin(), ranks.end(), broker));
    }
    // One that is behind another waits for that one's turn.
    void look_for_what_waits() const {
        const Scenario& s = world().scenario();
        if (drains_ || s.may_end_early() || !s.deaths.empty()) return;
        const PipelineTruth* waits = nullptr;
        for (const auto& [id, stream] : streams_) {
            const PipelineTruth& p = world().truth(id);
            if (stream.ready != p.state.size() || !stream.assigned.empty()) continue;
            waits = &p;
            const auto& all = p.plan->templates;
            if (std::any_of(all.begin(), all.end(), [](const auto& t) { return t.resources.cpus != 0; })) return;
        }
        if (waits != nullptr) fail(waits->plan->name + " is not placed, though it needs nothing");
    }

    static constexpr std::uint32_t kEverything = 0xffffffff;
    std::map<PipelineId, Stream> streams_;
    std::map<std::pair<PipelineId, std::uint32_t>, std::uint64_t> started_;  // jobs at a broker
    std::set<std::uint32_t> lost_;
    bool drains_ = false;
};

}  // namespace penstock::sim
