// Streams over several brokers without ranks, lanes or clocks: stream nodes joined by messages that arrive at random,
// and lanes that do what the test says.
#pragma once

#include "run/stream_node.hpp"

#include "sim/stage_scripts.hpp"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
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

    // What can be done wrong when a broker is lost, to see that tests see it.
    enum class Fault {
        none,
        deaf_to_epochs,  // items of before the loss are taken for some of now
        same_object,     // a lane goes on with the object that has seen items before
        hasty_position,  // a position counts as soon as one job has reported it
        lost_state,      // what a fold has reported is not given to it again
    };
    struct Loss {
        std::uint64_t round = 0;
        std::uint32_t broker = 0;
    };

    // Jobs are placed over `brokers` in turn. `from`: where it goes on; null = at its beginning.
    StreamNodes(std::shared_ptr<const Plan> plan, std::map<std::string, StageScript> scripts, std::uint32_t brokers,
                Random random, std::filesystem::path spill_folder = std::filesystem::temp_directory_path(),
                const std::shared_ptr<const StreamPosition>& from = nullptr)
        : StageScripts(std::move(scripts), random.fork()),
          reached(from),
          plan_(std::move(plan)),
          random_(random),
          spill_folder_(std::move(spill_folder)) {
        auto context = std::make_shared<PipelineContext>();
        context->plan = plan_;
        context->info.id = PipelineId(1);
        context_ = context;
        for (std::uint32_t b = 0; b < brokers; ++b) nodes_.push_back(std::make_unique<Node>(*this, b + 1));
        place();
    }

    // Until nothing happens any more, or for so many rounds.
    void run(std::uint64_t rounds = std::numeric_limits<std::uint64_t>::max()) {
        for (int idle = 0; idle < 30 && rounds != 0;
             ++rounds_, --rounds) {  // a full writer lets nothing happen for some
            bool any = lose_some();
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
            if (!n->lost) n->node.on(msg::StopStream{PipelineId(1), failed, JobIndex(cause), "told to"}, 0, n->out);
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
    std::vector<Loss> losses;                   // by round; not of all brokers
    std::uint32_t restarts = 0;
    Fault fault = Fault::none;
    std::shared_ptr<const StreamPosition> reached;  // the last position that all have reported
    std::uint64_t positions = 0;                    // so many were

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
        void store(const std::shared_ptr<const PipelineContext>&, const JobTemplate& stage, std::uint32_t,
                   std::uint64_t first, StreamItems items) override {
            ++calls;
            Stored& s = world.stored[stage.name];
            s.in_order = s.in_order && first == s.items.size();
            for (Value& v : decoded(items)) s.items.push_back(std::move(v));
        }
        bool may_store() const override { return !world.disk_is_slow && !world.random_.chance(0.2); }

        std::uint64_t stored() const override { return calls; }
        std::uint64_t durable() const override {
            if (world.random_.chance(0.3)) synced = calls;
            return synced;
        }

        bool turn(Random& random, bool all = false) {
            bool any = false;
            if (lost) return any;
            for (auto& [lane, queue] : lanes)
                if (!queue.empty() && queue.front().job->name != world.held_ && (all || random.chance(0.6))) {
                    Ticket ticket = std::move(queue.front());
                    queue.pop_front();
                    if (world.fault == Fault::same_object) forget_start(ticket);
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

        static void forget_start(Ticket& ticket) {
            Document& batch = *ticket.batch;
            batch.insert_or_assign("stream-job", Value(batch.at("stream-job").int64() % kTicketsOfAStart));
        }

        StreamNodes& world;
        Outbox out;
        bool lost = false;
        std::uint64_t calls = 0;
        mutable std::uint64_t synced = 0;
        std::map<std::uint32_t, std::deque<Ticket>> lanes;
        std::deque<Outcome> outcomes;
        StreamNode node;
    };

    static constexpr std::uint64_t kTicketsOfAStart = 1'000'000, kFirstTicket = 1000;

    // As the router does it: on brokers that live, with items of a new epoch.
    void place() {
        std::vector<std::uint32_t> brokers;
        for (std::uint32_t b = 0; b < nodes_.size(); ++b)
            if (!nodes_[b]->lost) brokers.push_back(b + 1);
        places_ = {PipelineId(1), {}, restarts, !why_it_begins_again(*plan_), reached};
        positions_ = std::make_unique<StreamPositions>(*plan_);
        for (std::uint32_t j = 0; j < plan_->job_count; ++j) places_.ranks.push_back(brokers[j % brokers.size()]);
        ready_of_ = std::min<std::size_t>(brokers.size(), plan_->job_count);
        ready_ = 0;
        ended.assign(plan_->job_count, std::nullopt);
        keep_reached();  // what else an earlier attempt has stored is void
        told_.clear();
        stopped_ = false;
        for (const std::uint32_t b : brokers) nodes_[b - 1]->node.on(places_, 0, nodes_[b - 1]->out);
        for (std::uint32_t j = 0; j < plan_->job_count; ++j) {
            const TemplateIndex t = plan_->template_of(JobIndex(j));
            const std::uint64_t ticket = restarts * kTicketsOfAStart + kFirstTicket + j;
            nodes_[places_.ranks[j] - 1]->node.start(
                j, {ticket, context_, t, j - plan_->templates[t.value].first_job.value, restarts + 1});
        }
    }

    void keep_reached() {
        std::map<std::string, Stored> kept;
        for (std::uint32_t j = 0; reached != nullptr && j < plan_->job_count; ++j) {
            const auto of = reached->stored.find(j);
            if (of == reached->stored.end()) continue;
            const Stage& results = plan_->stages[plan_->template_of(JobIndex(j)).value];
            const std::string& stage = plan_->templates[results.from.front().value].name;
            Stored& s = kept[stage] = stored[stage];
            s.items.resize(std::min<std::size_t>(s.items.size(), of->second.items));
        }
        stored = std::move(kept);
    }

    // Brokers whose time has come; and the stream starts again when what lived of it has ended everywhere.
    bool lose_some() {
        bool any = false;
        while (!losses.empty() && losses.front().round <= rounds_) {
            const Loss loss = losses.front();
            losses.erase(losses.begin());
            Node& gone = *nodes_[loss.broker - 1];
            if (gone.lost || all_ended()) continue;
            any = gone.lost = true;
            for (const auto& n : nodes_)
                if (!n->lost) n->node.abandon(PipelineId(1), n->out);
            abandoned_ = true;
        }
        if (!abandoned_) return any;
        for (std::uint32_t j = 0; j < ended.size(); ++j)
            if (!ended[j] && !nodes_[places_.ranks[j] - 1]->lost) return true;
        for (const auto& n : nodes_)
            if (!n->lost) n->node.forget(PipelineId(1));
        abandoned_ = false;
        ++restarts;
        place();
        return true;
    }

    void note_end(const Outcome& o) {
        const auto job = static_cast<std::uint32_t>(o.ticket % kTicketsOfAStart - kFirstTicket);
        ended[job] = Ended{o.succeeded, o.details ? o.details->reason : EndReason::succeeded,
                           o.details ? o.details->error : "", o.details ? o.details->log : ""};
        if (!o.succeeded && stop_on_failure && !abandoned_ && !std::exchange(stopped_, true)) stop(true, job);
    }

    void note_counts(const msg::StageProgress& told) {
        StageCounts& last = told_[told.job.value];
        went_back = went_back || told.counts.items_in < last.items_in || told.counts.busy < last.busy ||
                    told.counts.alive < last.alive;
        last = told.counts;
        counts.clear();
        for (const auto& [job, c] : told_) counts[plan_->templates[plan_->template_of(JobIndex(job)).value].name] += c;
    }

    void note_mark(const msg::StreamReached& m) {
        const auto kept = m.stores ? std::optional(StreamPosition::Stored{m.items, 1}) : std::nullopt;
        if (m.epoch != restarts) return;
        auto now = positions_->report(m.job, m.mark, kept, m.state);
        if (now == nullptr && fault == Fault::hasty_position) {
            auto hasty = std::make_shared<StreamPosition>(reached == nullptr ? StreamPosition() : *reached);
            hasty->items = std::max(hasty->items, m.mark);
            if (kept) hasty->stored[m.job.value] = *kept;
            now = std::move(hasty);
        }
        if (now == nullptr) return;
        if (fault == Fault::lost_state) {
            auto poorer = std::make_shared<StreamPosition>(*now);
            poorer->states.clear();
            now = std::move(poorer);
        }
        reached = now;
        ++positions;
    }

    bool deliver(bool all) {
        bool any = false;
        for (auto& [link, queue] : links_)
            for (std::uint32_t n = all ? 1 : random_.below(5); n != 0 && !queue.empty(); --n) {
                Envelope e = std::move(queue.front());
                queue.pop_front();
                any = true;
                if (fault == Fault::deaf_to_epochs) renew_epoch(e);
                if (!nodes_[e.to - 1]->lost) receive(e);
            }
        return any;
    }

    void renew_epoch(Envelope& e) const {
        std::visit(
            [this]<class M>(M& m) {
                if constexpr (requires { m.epoch; }) m.epoch = restarts;
            },
            std::get<BrokerMessage>(e.message));
    }

    void receive(const Envelope& e) {
        if (const auto* to_router = std::get_if<RouterMessage>(&e.message)) {
            if (const auto* progress = std::get_if<msg::StageProgress>(to_router)) note_counts(*progress);
            if (const auto* mark = std::get_if<msg::StreamReached>(to_router)) note_mark(*mark);
            if (std::holds_alternative<msg::StreamReady>(*to_router) && ++ready_ == ready_of_)
                for (const auto& n : nodes_)
                    if (!n->lost) n->node.on(msg::OpenStream{PipelineId(1)}, 0, n->out);
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
    msg::PlaceStream places_;
    std::unique_ptr<StreamPositions> positions_;
    std::size_t ready_ = 0, ready_of_ = 0;
    std::uint64_t rounds_ = 0;
    bool abandoned_ = false;
    bool stopped_ = false;
    std::string held_;
};

}  // namespace penstock::test
