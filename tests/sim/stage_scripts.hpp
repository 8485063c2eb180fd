// What the lanes of stages do in tests: tickets in, outcomes out, as a script says, with deaths of worker processes at
// random.
#pragma once

#include "core/broker.hpp"
#include "core/stage_counts.hpp"
#include "exec/stage_batch.hpp"
#include "exec/task.hpp"
#include "value/value_codec.hpp"

#include "sim/random.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
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
    std::set<std::int64_t> hang;                   // at its first try it never gets done with these
    std::uint32_t calm_after = 0xffffffff;         // tries of a ticket from which on it does neither
    // As generators do whose items make more than fits an answer.
    bool answers_in_parts = false;
};

inline Outcome failed_outcome(std::uint64_t ticket, EndReason reason, std::string text) {
    Outcome o;
    o.ticket = ticket;
    o.succeeded = false;
    o.details = std::make_unique<OutcomeDetails>();
    o.details->reason = reason;
    o.details->error = std::move(text);
    return o;
}

class StageScripts {
public:
    StageScripts(std::map<std::string, StageScript> scripts, Random random)
        : scripts_(std::move(scripts)), random_(random) {}

    static constexpr Nanoseconds kTicketTime = 100;  // that each ticket takes
    double dies_working = 0;                         // how likely a worker process ends over a ticket
    double dies_idle = 0;                            // and after it has answered
    std::uint64_t tickets = 0;
    std::uint64_t deaths = 0;
    std::uint64_t restored = 0;  // folds
    std::size_t most_replayed = 0;
    std::size_t items_made = 0;  // over the last ticket

protected:
    bool hangs(const Ticket& ticket, const StageRequest& request) const {
        const auto script = scripts_.find(std::string(stage_shown_for(ticket.job->name)));
        if (script == scripts_.end() || script->second.hang.empty() || ticket.attempt > 1) return false;
        if (request.what != StageRequest::Do::items || request.items.count() != request.replayed + 1) return false;
        const Value item = decoded(request.items).back();
        return item.is(Value::Type::int64) && script->second.hang.contains(item.int64());
    }
    Outcome worked(const Ticket& ticket) {
        ++tickets;
        items_made = 0;
        StageScript& script = scripts_[std::string(stage_shown_for(ticket.job->name))];  // NAME@part as NAME
        const StageRequest request = stage_request(Document(*ticket.batch));
        StageAnswer answer;
        const bool a_fold_went_on = script.finish && request.continues && lost_.contains(request.stream_job);
        if (request.restores) {
            restore(request);
        } else if (a_fold_went_on) {
            answer.error = "lost";
            answer.lost = answer.fatal = true;
            return answered(ticket, std::move(answer));
        }
        // The first part of what a source or a generator is asked for, or one that has begun, does not die: what has
        // left of it cannot be taken back. A finish() is tried three times only.
        const bool may_die = request.what == StageRequest::Do::items ||
                             (request.what == StageRequest::Do::go_on && serving_[request.stream_job].released == 0);
        const bool source = request.what == StageRequest::Do::start || source_at_.contains(request.stream_job);
        if (may_die && !source && random_.chance(dies_working)) return died(ticket, request.stream_job);
        switch (request.what) {
            case StageRequest::Do::start:
                source_at_[request.stream_job] = request.skip;
                make_some(script, request, answer);
                break;
            case StageRequest::Do::go_on:
                source ? make_some(script, request, answer) : work_on(script, ticket, request, answer);
                break;
            case StageRequest::Do::wake:
                break;
            case StageRequest::Do::finish:
                for (const Value& item : decoded(request.items)) see(request, item);
                if (request.part == FoldPart::partial)
                    results_.push_back(folded_[request.stream_job]);
                else if (script.finish)
                    add(script.finish(folded_[request.stream_job]));
                break;
            case StageRequest::Do::items:
                serving_[request.stream_job] = {decoded(request.items), request.replayed, 0, 0};
                work_on(script, ticket, request, answer);
                break;
        }
        if (dead_) {
            dead_ = false;
            results_.clear();
            return died(ticket, request.stream_job);
        }
        if (request.wants_state) answer.state = folded_[request.stream_job];
        // Of an item of which some results have left, the rest would be missing.
        const bool in_part = serving_.contains(request.stream_job) && serving_[request.stream_job].released != 0;
        if (!in_part && random_.chance(dies_idle)) lose(request.stream_job);
        items_made = results_.size();
        answer.items = encoded(std::exchange(results_, {}));
        return answered(ticket, std::move(answer));
    }

private:
    struct Serving {  // a request that may be answered in parts
        List items;
        std::size_t replayed = 0;    // of these, only seen by a fold
        std::size_t next = 0;        // of the others
        std::uint64_t released = 0;  // results of that one
    };

    void add(const List& more) { results_.insert(results_.end(), more.begin(), more.end()); }

    // A source: some of its part.
    void make_some(const StageScript& script, const StageRequest& request, StageAnswer& answer) {
        std::size_t& at = source_at_[request.stream_job];
        const std::size_t n = script.source.size(), k = request.workers, w = request.worker;
        const std::size_t begin = n * w / k, end = n * (w + 1) / k;
        for (std::uint32_t i = random_.between(0, 40); i != 0 && begin + at < end; --i) {
            const Value& item = script.source[begin + at];
            if (item.is(Value::Type::int64) && script.raise.contains(item.int64())) {
                answer.error = "cannot do it";
                return;
            }
            results_.push_back(item);
            ++at;
        }
        answer.more = begin + at < end;
    }

    void work_on(StageScript& script, const Ticket& ticket, const StageRequest& request, StageAnswer& answer) {
        Serving& s = serving_[request.stream_job];
        const bool calm = ticket.attempt >= script.calm_after;
        const auto replayed = static_cast<std::ptrdiff_t>(std::exchange(s.replayed, 0));
        for (std::ptrdiff_t i = 0; i < replayed; ++i) see(request, s.items[static_cast<std::size_t>(i)]);
        s.items.erase(s.items.begin(), s.items.begin() + replayed);
        for (; s.next < s.items.size(); ++s.next) {
            const Value& item = s.items[s.next];
            const bool number = item.is(Value::Type::int64);
            if (!calm && number && script.crash.contains(item.int64())) {
                dead_ = true;
                return;
            }
            if (!calm && number && script.raise.contains(item.int64())) {
                answer.error = "cannot do it";
                answer.released = s.released;
                break;
            }
            if (script.finish) {
                see(request, item);
                continue;
            }
            List made = script.on_item(item);
            made.erase(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(s.released));
            if (script.answers_in_parts && made.size() > 1 && random_.chance(0.2)) {
                made.resize(1);
                s.released += 1;
                answer.released = s.released;
                answer.more = true;
            } else {
                s.released = 0;
                // Of the last one now and then nothing more comes.
                answer.more = script.answers_in_parts &&
                              (s.next + 1 < s.items.size() ? random_.chance(0.2) : sim::mix(tickets) % 16 == 0);
            }
            add(made);
            if (!answer.more) continue;
            if (answer.released == 0) ++s.next;
            break;
        }
        answer.done = static_cast<std::uint32_t>(s.next);
    }

    // A fold sees an item, or what a part of it has seen.
    void see(const StageRequest& request, const Value& item) {
        List& all = folded_[request.stream_job];
        if (request.part != FoldPart::combines) return all.push_back(item);
        all.insert(all.end(), item.list().begin(), item.list().end());
    }

    void restore(const StageRequest& request) {
        ++restored;
        lost_.erase(request.stream_job);
        folded_[request.stream_job] = request.state ? request.state->list() : List{};
        most_replayed = std::max<std::size_t>(most_replayed, request.replayed);
    }

    void lose(std::uint64_t stream_job) {
        folded_.erase(stream_job);
        lost_.insert(stream_job);
    }

    Outcome died(const Ticket& ticket, std::uint64_t stream_job) {
        ++deaths;
        lose(stream_job);
        return failed_outcome(ticket.id, EndReason::signal, "it was ended by SIGSEGV");
    }

    static Outcome answered(const Ticket& ticket, StageAnswer answer) {
        Outcome o;
        o.ticket = ticket.id;
        o.finished = kTicketTime;
        o.outputs = std::make_unique<Document>(to_document(std::move(answer)));
        return o;
    }

    std::map<std::string, StageScript> scripts_;
    Random random_;
    List results_;
    bool dead_ = false;
    std::map<std::uint64_t, Serving> serving_;
    std::map<std::uint64_t, std::size_t> source_at_;
    std::map<std::uint64_t, List> folded_;
    std::set<std::uint64_t> lost_;  // whose worker process is gone with what it knew
};

}  // namespace penstock::test
