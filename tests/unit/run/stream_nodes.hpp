// Streams over several brokers without ranks, lanes or clocks: stream nodes joined by messages that arrive at random,
// and lanes that do what the test says.
#pragma once

#include "run/stream_node.hpp"
#include "value/value_codec.hpp"

#include "sim/random.hpp"

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

using sim::Random;

inline StreamItems encoded(const List& values) {
    ItemsWriter items;
    for (const Value& v : values) {
        const std::size_t before = items.bytes.size();
        encode(v, items.bytes);
        items.sizes.push_back(static_cast<std::uint32_t>(items.bytes.size() - before));
    }
    return items.take();
}

inline List decoded(const StreamItems& items) {
    List values;
    std::size_t at = 0;
    for (const std::uint32_t size : items.sizes) {
        auto one = items.bytes.span().subspan(at, size);
        values.push_back(decode_value(one));
        at += size;
    }
    return values;
}

// What a stage's worker does. Called once a ticket, in the order of the lane.
struct StageScript {
    std::function<List(const Value& item)> on_item = [](const Value& item) { return List{item}; };
    std::function<List(const List& seen)> finish;  // of a fold: of all it has seen
    List source;                                   // of a source; each worker has its part
    std::set<std::int64_t> raise, crash;           // items at which it throws, or dies
    std::uint32_t calm_after = 0xffffffff;         // tries of a ticket from which on it does neither
};

class StreamNodes {
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
        : plan_(std::move(plan)),
          scripts_(std::move(scripts)),
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
    std::uint64_t ignored() const {
        std::uint64_t n = 0;
        for (const auto& node : nodes_) n += node->node.ignored();
        return n;
    }

    std::vector<std::optional<Ended>> ended;  // by job
    std::map<std::string, Stored> stored;     // by stage
    std::map<std::string, StageCounts> counts;  // by stage, as told to the router
    bool went_back = false;                     // of one worker
    static constexpr Nanoseconds kTicketTime = 100;  // that each ticket takes
    std::uint64_t tickets = 0;
    double dies_idle = 0;              // how likely a worker process ends after it has answered
    std::uint64_t restored = 0;        // folds
    std::size_t most_replayed = 0;
    bool stop_on_failure = true;  // as the router does
    bool disk_is_slow = false;    // the writer takes nothing

private:
    struct Node final : StreamHost {
        Node(StreamNodes& w, std::uint32_t rank) : world(w), out(rank), node(rank, *this, w.spill_folder_) {}

        void run(std::uint32_t lane, Ticket ticket) override {
            ++world.tickets;
            lanes[lane].push_back(std::move(ticket));
        }
        void cancel(std::uint32_t lane, std::uint64_t ticket, EndReason reason) override {
            auto& queue = lanes[lane];
            const auto at = std::find_if(queue.begin(), queue.end(), [&](const Ticket& t) { return t.id == ticket; });
            if (at == queue.end()) return;
            Outcome outcome = failed(ticket, reason, "cancelled");
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
                any = true;
                world.links_[{e.from, e.to}].push_back(std::move(e));
            }
            return any;
        }
        static Outcome failed(std::uint64_t ticket, EndReason reason, std::string text) {
            Outcome o;
            o.ticket = ticket;
            o.succeeded = false;
            o.details = std::make_unique<OutcomeDetails>();
            o.details->reason = reason;
            o.details->error = std::move(text);
            return o;
        }

        StreamNodes& world;
        Outbox out;
        std::map<std::uint32_t, std::deque<Ticket>> lanes;
        std::deque<Outcome> outcomes;
        StreamNode node;
    };

    Outcome worked(const Ticket& ticket) {
        StageScript& script = scripts_[ticket.job->name];
        StageRequest request = stage_request(Document(*ticket.batch));
        Outcome o;
        o.ticket = ticket.id;
        o.finished = kTicketTime;
        StageAnswer answer;
        List results;
        const auto add = [&](const List& more) { results.insert(results.end(), more.begin(), more.end()); };
        const bool calm = ticket.attempt >= script.calm_after;
        std::size_t replayed = 0;
        if (request.restores) {
            ++restored;
            lost_.erase(request.stream_job);
            folded_[request.stream_job] = request.state ? request.state->list() : List{};
            replayed = request.replayed;
            most_replayed = std::max(most_replayed, replayed);
        } else if (script.finish && request.continues && lost_.contains(request.stream_job)) {
            answer.error = "lost";
            answer.lost = answer.fatal = true;
            o.outputs = std::make_unique<Document>(to_document(std::move(answer)));
            return o;
        }
        if (request.what == StageRequest::Do::finish)
            for (const Value& item : decoded(request.items)) see(request, item);
        switch (request.what) {
            case StageRequest::Do::start:
            case StageRequest::Do::go_on: {
                std::size_t& at = source_at_[request.stream_job];
                const std::size_t n = script.source.size(), k = request.workers, w = request.worker;
                const std::size_t begin = n * w / k, end = n * (w + 1) / k;
                for (std::uint32_t i = random_.between(0, 40); i != 0 && begin + at < end; --i)
                    results.push_back(script.source[begin + at++]);
                answer.more = begin + at < end;
                break;
            }
            case StageRequest::Do::wake:
                break;
            case StageRequest::Do::finish:
                if (request.part == FoldPart::partial) results.push_back(folded_[request.stream_job]);
                else if (script.finish) add(script.finish(folded_[request.stream_job]));
                break;
            case StageRequest::Do::items:
                for (const Value& item : decoded(request.items)) {
                    if (replayed != 0) {
                        --replayed;
                        see(request, item);
                        continue;
                    }
                    const bool number = item.is(Value::Type::int64);
                    if (!calm && number && script.crash.contains(item.int64()))
                        return crashed(ticket, request.stream_job);
                    if (!calm && number && script.raise.contains(item.int64())) {
                        answer.error = "cannot do it";
                        break;
                    }
                    if (script.finish)
                        see(request, item);
                    else
                        add(script.on_item(item));
                    ++answer.done;
                }
                break;
        }
        if (request.wants_state) answer.state = folded_[request.stream_job];
        if (random_.chance(dies_idle)) lose(request.stream_job);
        answer.items = encoded(results);
        o.outputs = std::make_unique<Document>(to_document(std::move(answer)));
        return o;
    }

    // A fold sees an item, or what a part of it has seen.
    void see(const StageRequest& request, const Value& item) {
        List& all = folded_[request.stream_job];
        if (request.part != FoldPart::combines) return all.push_back(item);
        all.insert(all.end(), item.list().begin(), item.list().end());
    }
    void lose(std::uint64_t stream_job) {
        folded_.erase(stream_job);
        lost_.insert(stream_job);
    }
    Outcome crashed(const Ticket& ticket, std::uint64_t stream_job) {
        lose(stream_job);
        return Node::failed(ticket.id, EndReason::signal, "it was ended by SIGSEGV");
    }

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
    std::map<std::string, StageScript> scripts_;
    Random random_;
    const std::filesystem::path spill_folder_;
    std::shared_ptr<const PipelineContext> context_;
    std::vector<std::unique_ptr<Node>> nodes_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::deque<Envelope>> links_;
    std::map<std::uint32_t, StageCounts> told_;  // by job, the last
    std::map<std::uint64_t, std::size_t> source_at_;
    std::map<std::uint64_t, List> folded_;
    std::set<std::uint64_t> lost_;  // whose worker process is gone with what it knew
    std::size_t ready_ = 0;
    bool stopped_ = false;
    std::string held_;
};

}  // namespace penstock::test
