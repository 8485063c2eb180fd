// Streams over several brokers without ranks, lanes or clocks: stream nodes joined by messages that arrive at random,
// and lanes that do what the test says.
#pragma once

#include "run/stream_node.hpp"

#include "sim/stage_scripts.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace penstock::test {

class StreamNodes : public StageScripts {
public:
    struct Stored {
        List items;
        bool in_order = true;
    };
    struct Ended {
        bool succeeded = false;
        EndReason reason = EndReason::succeeded;
        std::string error;
        std::string log;
    };

    // Jobs are placed over `brokers` in turn.
    StreamNodes(std::shared_ptr<const Plan> plan, std::map<std::string, StageScript> scripts, std::uint32_t brokers,
                Random random, std::filesystem::path spill_folder = std::filesystem::temp_directory_path())
        : StageScripts(std::move(scripts), random.fork()),
          plan_(std::move(plan)),
          random_(random),
          spill_folder_(std::move(spill_folder)) {
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan_;
        context->info.id = PipelineId(1);
        context_ = context;
        for (std::uint32_t b = 0; b < brokers; ++b) nodes_.push_back(std::make_unique<Node>(*this, b + 1));
        msg::PlaceStream places{PipelineId(1), {}};
        for (std::uint32_t j = 0; j < plan_->job_count; ++j) places.ranks.push_back(j % brokers + 1);
        ended.resize(plan_->job_count);
        for (const auto& n : nodes_) n->node.on(places, 0, n->out);
        for (std::uint32_t j = 0; j < plan_->job_count; ++j) {
            const TemplateIndex t = plan_->template_of(JobIndex(j));
            nodes_[j % brokers]->node.start(j,
                                            {1000 + j, context_, t, j - plan_->templates[t.value].first_job.value, 1});
        }
    }

    // Until nothing happens any more.
    void run() {
        for (int idle = 0; idle < 30;) {  // a writer that is full lets nothing happen for some rounds
            bool any = false;
            for (int i = 0; i < 3; ++i)
                for (const auto& n : nodes_) any |= n->turn(random_);
            any |= deliver(false);
            if (!any)
                for (const auto& n : nodes_) any |= n->turn(random_, true);
            if (!any) any = deliver(true);
            idle = any ? 0 : idle + 1;
        }
    }
    void stop(bool failed, std::uint32_t cause = 0) {
        for (const auto& n : nodes_)
            n->node.on(msg::StopStream{PipelineId(1), failed, JobIndex(cause), "told to"}, 0, n->out);
    }
    // Lanes of this stage do nothing; "" = all work.
    void hold(std::string stage) { held_ = std::move(stage); }
    std::size_t held_lanes() const {
        std::size_t lanes = 0;
        for (const auto& n : nodes_)
            for (const auto& [lane, queue] : n->lanes) lanes += !queue.empty() && queue.front().job->name == held_;
        return lanes;
    }
    bool all_ended() const {
        return std::all_of(ended.begin(), ended.end(), [](const auto& e) { return e.has_value(); });
    }
    // "map3[0] map3[1]": jobs that have not ended.
    std::string waiting() const {
        std::string names;
        for (std::uint32_t j = 0; j < ended.size(); ++j) {
            const JobTemplate& t = plan_->templates[plan_->template_of(JobIndex(j)).value];
            if (!ended[j]) names += t.name + "[" + std::to_string(j - t.first_job.value) + "] ";
        }
        return names;
    }
    std::uint64_t ignored() const {
        std::uint64_t n = 0;
        for (const auto& node : nodes_) n += node->node.ignored();
        return n;
    }

    std::vector<std::optional<Ended>> ended;    // by job
    std::map<std::string, Stored> stored;       // by stage
    std::map<std::string, StageCounts> counts;  // by stage, as told to the router
    bool went_back = false;                     // of one worker
    bool stop_on_failure = true;                // as the router does
    bool disk_is_slow = false;                  // the writer takes nothing

private:
    struct Node final : StreamHost {
        Node(StreamNodes& w, std::uint32_t rank) : world(w), out(rank), node(rank, *this, w.spill_folder_) {}

        void run(std::uint32_t lane, Ticket ticket) override { lanes[lane].push_back(std::move(ticket)); }
        void cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) override {
            auto& queue = lanes[lane];
            const auto at = std::find_if(queue.begin(), queue.end(), [&](const Ticket& t) { return t.id == ticket; });
            if (at == queue.end()) return;
            Outcome outcome = failed_outcome(ticket, reason, "cancelled");
            queue.erase(at);
            outcomes.push_back(std::move(outcome));
        }
        void store(const std::shared_ptr<const PipelineContext>&, const JobTemplate& stage, std::uint64_t first,
                   StreamItems items) override {
            Stored& s = world.stored[stage.name];
            s.in_order = s.in_order && first == s.items.size();
            for (Value& v : decoded(items)) s.items.push_back(std::move(v));
        }
        bool may_store() const override { return !world.disk_is_slow && !world.random_.chance(0.2); }

        bool turn(Random& random, bool all = false) {
            bool any = false;
            for (auto& [lane, queue] : lanes)
                if (!queue.empty() && queue.front().job->name != world.held_ && (all || random.chance(0.6))) {
                    const Ticket ticket = std::move(queue.front());
                    queue.pop_front();
                    outcomes.push_back(world.worked(ticket));
                    any = true;
                }
            while (!outcomes.empty()) {
                node.take(outcomes.front());
                outcomes.pop_front();
            }
            std::vector<Outcome> over;
            any |= node.work(out, over);
            for (Outcome& o : over) world.note_end(o);
            for (Envelope& e : out.take()) {
                // What the router is told, and when, is a matter of the clock: nothing may depend on it.
                if (std::holds_alternative<RouterMessage>(e.message)) {
                    world.receive(e);
                    continue;
                }
                any = true;
                world.links_[{e.from, e.to}].push_back(std::move(e));
            }
            return any;
        }

        StreamNodes& world;
        Outbox out;
        std::map<std::uint32_t, std::deque<Ticket>> lanes;
        std::deque<Outcome> outcomes;
        StreamNode node;
    };

    void note_end(const Outcome& o) {
        const auto job = static_cast<std::uint32_t>(o.ticket - 1000);
        ended[job] = Ended{o.succeeded, o.details ? o.details->reason : EndReason::succeeded,
                           o.details ? o.details->error : "", o.details ? o.details->log : ""};
        if (!o.succeeded && stop_on_failure && !std::exchange(stopped_, true)) stop(true, job);
    }

    void note_counts(const msg::StageProgress& told) {
        StageCounts& last = told_[told.job.value];
        went_back = went_back || told.counts.items_in < last.items_in || told.counts.busy < last.busy ||
                    told.counts.alive < last.alive;
        last = told.counts;
        counts.clear();
        for (const auto& [job, c] : told_) counts[plan_->templates[plan_->template_of(JobIndex(job)).value].name] += c;
    }

    bool deliver(bool all) {
        bool any = false;
        for (auto& [link, queue] : links_)
            for (std::uint32_t n = all ? 1 : random_.below(5); n != 0 && !queue.empty(); --n) {
                const Envelope e = std::move(queue.front());
                queue.pop_front();
                any = true;
                receive(e);
            }
        return any;
    }

    void receive(const Envelope& e) {
        if (const auto* to_router = std::get_if<RouterMessage>(&e.message)) {
            if (const auto* progress = std::get_if<msg::StageProgress>(to_router)) note_counts(*progress);
            if (std::holds_alternative<msg::StreamReady>(*to_router) &&
                ++ready_ == std::min<std::size_t>(nodes_.size(), plan_->job_count))
                for (const auto& n : nodes_) n->node.on(msg::OpenStream{PipelineId(1)}, 0, n->out);
            return;
        }
        Node& n = *nodes_[e.to - 1];
        std::visit(
            [&]<class M>(const M& m) {
                if constexpr (requires { n.node.on(m, e.from, n.out); }) n.node.on(m, e.from, n.out);
            },
            std::get<BrokerMessage>(e.message));
    }

    std::shared_ptr<const Plan> plan_;
    Random random_;
    const std::filesystem::path spill_folder_;
    std::shared_ptr<const PipelineContext> context_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::deque<Envelope>> links_;
    std::map<std::uint32_t, StageCounts> told_;  // by job, the last
    std::size_t ready_ = 0;
    bool stopped_ = false;
    std::string held_;
};

}  // namespace penstock::test
