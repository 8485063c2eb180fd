#include "run/stage_job.hpp"

#include "core/item_error.hpp"
#include "run/clock.hpp"
#include "value/value_codec.hpp"

#include <algorithm>
#include <numeric>

namespace penstock {

StreamItems zipped(const StreamItems& items, std::uint32_t n) {
    ItemsWriter lists;
    std::span<const std::byte> rest = items.bytes.span();
    for (std::size_t i = 0; i + n <= items.count(); i += n) {
        List list;
        for (std::uint32_t k = 0; k < n; ++k) {
            auto one = rest.first(items.sizes[i + k]);
            rest = rest.subspan(one.size());
            list.push_back(decode_value(one, items.bytes.owner()));
        }
        const std::size_t before = lists.bytes.size();
        encode(Value(std::move(list)), lists.bytes);
        lists.sizes.push_back(static_cast<std::uint32_t>(lists.bytes.size() - before));
    }
    return lists.take();
}

StageJob::StageJob(JobStart start, std::uint32_t lane, std::shared_ptr<const StreamPosition> from, Clock clock)
    : start_(std::move(start)),
      lane_(lane),
      clock_(std::move(clock)),
      in_(*start_.pipeline->plan, start_.job),
      out_(*start_.pipeline->plan, start_.job),
      horizon_(leads_to_sample(plan().stages, start_.job) ? kShortHorizon : StreamOutput::kHorizon),
      from_(std::move(from)) {
    if (from_ == nullptr || stage().form != StageForm::fold) return;
    const auto known = from_->states.find(index().value);
    if (known == from_->states.end()) return;
    std::span<const std::byte> bytes = std::as_bytes(std::span(known->second));
    try {
        state_ = decode_value(bytes);
        restores_ = worked_ = true;
    } catch (const ValueError& error) {
        fail(EndReason::bad_output, std::string("its state of an earlier launch cannot be read: ") + error.what());
    }
}

JobIndex StageJob::index() const { return JobIndex(job().first_job.value + start_.instance); }

// ------------------------------------------------------------------------------------------ to the lane

// A fold sees items in their order, and a generator may go on with one piece while the next one waits; an item that may
// take only so long is alone, so that its time is known.
std::size_t StageJob::most_pieces() const {
    const StageForm form = stage().form;
    const bool one = form == StageForm::fold || form == StageForm::generator || job().timeout_s > 0;
    return one ? 1 : kPieces;
}

bool StageJob::add_piece(bool open) {
    if (pieces_.size() >= most_pieces()) return false;
    if (is_source()) {
        if (!open || std::exchange(began_, true)) return false;
        pieces_.push_back({});
        pieces_.back().what = StageRequest::Do::start;
        return true;
    }
    if (auto work = in_.pop()) {
        if (work->zipped > 1)
            work->batch.items = std::make_shared<const StreamItems>(zipped(*work->batch.items, work->zipped));
        // It sees all of them; what comes over one link has its numbers.
        if (job().count == 1 && in_.links() > 1) work->batch.first = counts_.items_in;
        counts_.items_in += work->batch.items->count();
        counts_.bytes_in += work->batch.items->bytes.size();
        pieces_.push_back({});
        pieces_.back().work = std::move(*work);
        const std::uint64_t mark = pieces_.back().work.batch.mark;
        pieces_.back().asks_state = mark != 0 && stage().form == StageForm::fold && states_.asks(mark, clock_());
        return true;
    }
    if (wake_at_ != kNever && pieces_.empty() && clock_() >= wake_at_ && !in_.ended()) {
        wake_at_ = kNever;
        pieces_.push_back({});
        pieces_.back().what = StageRequest::Do::wake;
        pieces_.back().wakes = true;
        return true;
    }
    // A worker that has seen items ends with its stage; a fold says what came of them, if of none.
    const bool asks = worked_ || stage().form == StageForm::fold;
    if (asks && in_.ended() && !in_.failed() && !std::exchange(began_, true)) {
        pieces_.push_back({});
        pieces_.back().what = StageRequest::Do::finish;
        return true;
    }
    return false;
}

StageJob::Piece* StageJob::piece_to_give(bool open) {
    if (failure_ || out_.full()) return nullptr;
    const auto waiting = [](const Piece& p) { return p.ticket == 0; };
    auto at = std::find_if(pieces_.begin(), pieces_.end(), waiting);
    if (at == pieces_.end() && add_piece(open)) at = std::find_if(pieces_.begin(), pieces_.end(), waiting);
    const auto given = static_cast<std::size_t>(at - pieces_.begin());
    if (at == pieces_.end() || given >= most_pieces()) return nullptr;
    if (at->what == StageRequest::Do::items) split_off(given, items_at_once());
    return &pieces_[given];
}

std::optional<Ticket> StageJob::next(bool open, std::uint64_t next_ticket) {
    Piece* p = piece_to_give(open);
    // A batch without items only says that it ends: the lane need not be asked.
    for (; p != nullptr && p->what == StageRequest::Do::items && p->work.batch.items->empty() && !p->asks_state;
         p = piece_to_give(open)) {
        p->ticket = next_ticket;
        p->for_lane = false;
        p->outcome.emplace();
        p->outcome->outputs = std::make_unique<Document>(to_document(StageAnswer{}));
        settle();
    }
    return p == nullptr ? std::nullopt : std::optional(ticket_for(*p, next_ticket));
}

Ticket StageJob::ticket_for(Piece& piece, std::uint64_t number) {
    piece.ticket = number;
    piece.given = clock_();
    StageRequest request;
    request.what = piece.what;
    // Not the job: when the stream starts again here, another object does, and not the one that has seen items before.
    request.stream_job = start_.ticket;
    request.worker = start_.instance;
    request.workers = job().count;
    request.continues = worked_;
    if (piece.what == StageRequest::Do::items) {
        request.items = *piece.work.batch.items;  // shared: it may have to be tried again
        request.skip = piece.released;
        worked_ = true;
    }
    if (piece.what == StageRequest::Do::start && from_ != nullptr) request.skip = from_->items;
    if (stage().form == StageForm::fold) ask_fold(request, piece.asks_state);
    piece.replayed = request.replayed;
    Ticket t;
    t.id = number;
    t.pipeline = start_.pipeline;
    t.job = &job();
    t.instance = start_.instance;
    t.attempt = piece.tries;
    t.batch = std::make_unique<Document>(to_document(std::move(request)));
    return t;
}

void StageJob::ask_fold(StageRequest& request, bool at_mark) {
    request.part = stage().part;
    if (!stage().snapshots || request.what == StageRequest::Do::go_on) return;
    const bool much = since_.count() + request.items.count() > kMostReplayed ||
                      since_.bytes.size() + request.items.bytes.size() > kMostReplayedBytes;
    const bool of_items = request.what == StageRequest::Do::items;
    request.wants_state =
        (of_items && (much || timed_ || !state_ || at_mark)) || request.what == StageRequest::Do::wake;
    if (!restores_) return;
    request.restores = true;
    request.state = state_;
    request.replayed = static_cast<std::uint32_t>(since_.count());
    const StreamItems since = since_.take();
    since_.append(since);
    ItemsWriter all;
    all.append(since);
    all.append(request.items);
    request.items = all.take();
}

// The first `done` of the items are in the state of the fold; the first `told` of them were before.
void StageJob::remember(const StreamItems& items, std::size_t told, std::size_t done, std::optional<Value> state) {
    if (items.empty() && !state) return;  // its worker was not asked
    restores_ = false;
    if (state) {
        state_ = std::move(state);
        since_ = {};
        return;
    }
    done = std::min(done, items.count());
    if (done <= told) return;
    const auto skipped =
        std::accumulate(items.sizes.begin(), items.sizes.begin() + static_cast<std::ptrdiff_t>(told), std::size_t{0});
    since_.append(items.part(told, done - told, skipped));
}

std::vector<std::uint64_t> StageJob::tickets() const {
    std::vector<std::uint64_t> tickets;
    for (const Piece& p : pieces_)
        if (p.ticket != 0 && !p.outcome) tickets.push_back(p.ticket);
    return tickets;
}

std::optional<std::uint64_t> StageJob::overdue(Nanoseconds now) const {
    if (job().timeout_s <= 0 || pieces_.empty()) return std::nullopt;
    const Piece& p = pieces_.front();
    const double allowed_s = job().timeout_s * static_cast<double>(1 + p.replayed);
    const bool late = p.ticket != 0 && !p.outcome && static_cast<double>(now - p.given) * 1e-9 > allowed_s;
    return late ? std::optional(p.ticket) : std::nullopt;
}

// ------------------------------------------------------------------------------------------ from the lane

bool StageJob::take(Outcome& outcome) {
    const auto at =
        std::find_if(pieces_.begin(), pieces_.end(), [&](const Piece& p) { return p.ticket == outcome.ticket; });
    if (at == pieces_.end() || at->outcome) return false;
    at->outcome = std::move(outcome);
    settle();
    return true;
}

void StageJob::settle() {
    while (!pieces_.empty() && pieces_.front().outcome && settle(pieces_.front())) pieces_.pop_front();
}

// False when the piece is not done with.
bool StageJob::settle(Piece& p) {
    const Outcome outcome = std::move(*p.outcome);
    p.outcome.reset();
    p.ticket = 0;
    counts_.busy += std::max<Nanoseconds>(0, outcome.finished - outcome.started);
    if (outcome.details != nullptr) {
        cpu_s_ += outcome.details->cpu_s;
        peak_memory_bytes_ = std::max(peak_memory_bytes_, outcome.details->peak_memory_bytes);
    }
    const bool cancelled = outcome.details != nullptr && outcome.details->reason == EndReason::cancelled;
    if (failure_ || (stopped_ && !outcome.succeeded && cancelled)) return true;
    const bool is_mark = p.work.batch.mark != 0;
    if (!outcome.succeeded && !is_mark) return crashed(p, outcome);
    if (!outcome.succeeded) {  // its state is not known here; that of the next mark may be
        if (restart_fold(p, outcome.details != nullptr ? outcome.details->reason : EndReason::exception)) return false;
        out_.add_mark(p.work.batch.mark, p.work.batch.number);
        return true;
    }
    const std::size_t asked = p.work.batch.items->count();
    StageAnswer answer;
    try {
        answer = stage_answer(*outcome.outputs);
    } catch (const std::exception& error) {
        fail(EndReason::bad_output, std::string("the answer of the stage's worker cannot be read: ") + error.what());
        return true;
    }
    if (answer.lost && stage().snapshots && !restores_) {
        restores_ = true;
        return false;
    }
    if (stage().form == StageForm::fold && p.for_lane) {
        if (answer.wake_after_s && *answer.wake_after_s >= 0 && *answer.wake_after_s < 1e9)
            wake_at_ = clock_() + static_cast<Nanoseconds>(*answer.wake_after_s * 1e9);
        else if (!answer.more)
            wake_at_ = kNever;
        timed_ |= answer.wake_after_s.has_value();
        const bool of_items = p.what == StageRequest::Do::items || !p.work.batch.items->empty();
        if (stage().snapshots && !answer.fatal && (of_items || p.wakes))
            remember(*p.work.batch.items, p.told, answer.done, std::move(answer.state));
    }
    if (is_mark) {
        if (p.asks_state) states_.took(p.given, outcome.finished - outcome.started);
        if (answer.error)
            fail(EndReason::exception, *answer.error);
        else
            pass_mark(p);
        return true;
    }
    const bool more = answer.more;
    if (asked != 0 && !more) {
        const Nanoseconds each = (outcome.finished - outcome.started) / static_cast<Nanoseconds>(asked);
        each_ns_ = each_ns_ < 0 ? each : (3 * each_ns_ + each) / 4;
    }
    answered(p, std::move(answer));
    return failure_ || (!more && p.work.batch.items->empty());
}

// All that came before it has left.
void StageJob::pass_mark(const Piece& p) {
    const std::uint64_t mark = p.work.batch.mark;
    out_.add_mark(mark, p.work.batch.number);
    if (!reports_marks(plan(), start_.job)) return;
    Reached reached{mark, {}};
    if (stage().form == StageForm::fold) {
        if (!p.asks_state || !state_ || encoded_size(*state_) > kMostState) return;
        std::vector<std::byte> bytes;
        encode(*state_, bytes);
        reached.state.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    reached_.push_back(std::move(reached));
}

void StageJob::answered(Piece& p, StageAnswer answer) {
    counts_.items_out += answer.items.count();
    counts_.bytes_out += answer.items.bytes.size();
    const std::size_t newly_done = answer.done - std::min<std::size_t>(answer.done, p.told);
    if (!p.work.batch.items->empty() && is_map() && newly_done > answer.items.count())
        counts_.dropped += newly_done - answer.items.count();
    p.told = answer.more ? answer.done : 0;
    const std::uint64_t number = p.work.batch.number;
    const std::size_t left =
        p.work.batch.items->count() - std::min<std::size_t>(answer.done, p.work.batch.items->count());
    const bool all = !answer.more && !answer.error && left == 0;
    p.released = answer.released;
    const bool of_a_batch = p.what == StageRequest::Do::items || !p.work.batch.items->empty();  // else of no items
    if (of_a_batch || !answer.items.empty())
        out_.add(std::make_shared<const StreamItems>(std::move(answer.items)), number, all && p.work.batch.last);
    if (answer.more) {
        p.what = StageRequest::Do::go_on;
        return;
    }
    if (p.wakes) {
        if (answer.error) fail(EndReason::exception, *answer.error);
        return;
    }
    if (p.what == StageRequest::Do::start || p.what == StageRequest::Do::finish ||
        (p.what == StageRequest::Do::go_on && p.work.batch.items->empty())) {
        ended_ = true;
        if (answer.error) fail(EndReason::exception, *answer.error);
        return;
    }
    if (answer.fatal) return fail(EndReason::exception, answer.error.value_or(""));
    drop_first(p, answer.done);
    p.what = StageRequest::Do::items;
    if (answer.error) return item_failed(p, *answer.error, EndReason::exception);
    drop_first(p, p.work.batch.items->count());
}

// The first n items of the piece are done with.
void StageJob::drop_first(Piece& p, std::size_t n) {
    const StreamItems& items = *p.work.batch.items;
    const bool all = n >= items.count();
    p.work.batch.first += std::min(n, items.count());
    if (all) {
        p.work.batch.items = std::make_shared<const StreamItems>();
        for (const auto& of : p.work.taken) done_.push_back(of);
        p.work.taken.clear();
        return;
    }
    if (n == 0) return;
    const auto offset =
        std::accumulate(items.sizes.begin(), items.sizes.begin() + static_cast<std::ptrdiff_t>(n), std::size_t{0});
    p.work.batch.items = std::make_shared<const StreamItems>(items.part(n, items.count() - n, offset));
}

bool StageJob::crashed(Piece& p, const Outcome& outcome) {
    const EndReason reason = outcome.details != nullptr ? outcome.details->reason : EndReason::exception;
    const std::string error = outcome.details != nullptr ? outcome.details->error : "it failed";
    const bool can_go_on = stage().form != StageForm::fold || (stage().snapshots && !p.wakes);
    // What it has told of has left; the rest is tried again.
    if (p.what == StageRequest::Do::go_on && can_go_on && !p.work.batch.items->empty()) {
        p.what = StageRequest::Do::items;
        drop_first(p, std::exchange(p.told, 0));
        if (p.work.batch.items->empty()) {
            out_.add(std::make_shared<const StreamItems>(), p.work.batch.number, p.work.batch.last);
            return true;
        }
    }
    if (stage().form == StageForm::fold && restart_fold(p, reason)) return false;
    if (p.what != StageRequest::Do::items || !can_go_on) {
        fail(reason, error);
        return true;
    }
    if (p.work.batch.items->count() > 1) {
        split(0);
        if (pieces_.front().released == 0) return false;  // else it is known which one it was
    }
    Piece& first = pieces_.front();
    item_failed(first, error, reason);
    return failure_ || first.work.batch.items->empty();
}

// The process of a fold that has snapshots ended: another one goes on. False when it should not, or when it is to be
// found which item is to blame.
bool StageJob::restart_fold(Piece& p, EndReason reason) {
    const bool again =
        p.what == StageRequest::Do::items || p.what == StageRequest::Do::finish || p.what == StageRequest::Do::wake;
    if (!stage().snapshots || !again || p.released != 0) return false;
    restores_ = true;
    const bool died = reason == EndReason::signal || reason == EndReason::exit_code;
    return died && p.work.batch.items->count() <= 1 && ++p.crashes <= kCrashesForgiven;
}

// What comes of items leaves when all of a piece are done: slow ones are given a few at a time, or what is behind them
// would have nothing to do for long. How slow they are is known from the first one on.
std::size_t StageJob::items_at_once() const {
    if (job().timeout_s > 0 || each_ns_ < 0) return 1;
    return static_cast<std::size_t>(std::max<Nanoseconds>(1, horizon_ / std::max<Nanoseconds>(1, each_ns_)));
}

// Leaves the first n items of the piece, and adds one of the others behind it.
void StageJob::split_off(std::size_t at, std::size_t n) {
    if (pieces_[at].work.batch.items->count() <= n) return;
    Piece rest;
    rest.work.taken = std::exchange(pieces_[at].work.taken, {});
    StreamInput::Batch& first = pieces_[at].work.batch;
    const StreamItemsPtr all = first.items;
    auto some = std::make_shared<const StreamItems>(all->part(0, n, 0));
    auto others = std::make_shared<const StreamItems>(all->part(n, all->count() - n, some->bytes.size()));
    rest.work.batch = first;
    rest.work.batch.first += n;
    rest.work.batch.items = std::move(others);
    first.items = std::move(some);
    first.last = false;
    pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(at + 1), std::move(rest));
}

// Instead of the piece, one for each of its items. What is to be given back goes with the last of them.
void StageJob::split(std::size_t at) {
    for (; pieces_[at].work.batch.items->count() > 1; ++at) split_off(at, 1);
}

// The first item of the piece. One of which some results have left cannot be left out, nor tried again but by a worker
// that makes the same ones again.
void StageJob::item_failed(Piece& p, const std::string& error, EndReason reason) {
    const bool may_retry = stage().on_error == OnError::retry && stage().repeats;
    switch (p.released != 0 && !may_retry ? OnError::fail : stage().on_error) {
        case OnError::retry:
            if (p.tries <= job().retries) {
                ++p.tries;
                ++counts_.retried;
                return;
            }
            [[fallthrough]];
        case OnError::fail:
            ++counts_.failed;
            fail(reason, item_error(p.work.batch.first, error));
            return;
        case OnError::skip:
            if (++counts_.skipped <= kSkippedShown)
                skipped_ += "item " + std::to_string(p.work.batch.first) + " was skipped: " + error + "\n";
            const bool ends = p.work.batch.items->count() == 1;
            drop_first(p, 1);
            p.tries = 1;
            if (ends) out_.add(std::make_shared<const StreamItems>(), p.work.batch.number, p.work.batch.last);
            return;
    }
}

void StageJob::passed_on(const StreamInput::Work& work) {
    done_.insert(done_.end(), work.taken.begin(), work.taken.end());
    for (const auto& of : work.taken) {
        counts_.items_in += of.items;
        counts_.bytes_in += of.bytes;
    }
}

void StageJob::pass_some_on(const StreamInput::Work& work) {
    passed_on(work);
    const StreamItems& all = *work.batch.items;
    const std::uint64_t room = stage().limit - std::min<std::uint64_t>(stage().limit, out_.in_branch());
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(room, all.count()));
    counts_.dropped += all.count() - n;
    counts_.items_out += n;
    if (n == 0) return;
    auto some = std::make_shared<const StreamItems>(all.part(0, n, 0));
    counts_.bytes_out += some->bytes.size();
    out_.add(std::move(some), 0, true);
}

std::vector<StreamInput::Work::Of> StageJob::take_done() {
    if (stage().branch.empty() || stage().role == Stage::Role::sample) return std::exchange(done_, {});
    for (const auto& of : std::exchange(done_, {})) held_.push_back({of, {}});
    std::vector<StreamInput::Work::Of> left;
    if (!out_.full())
        for (Held& h : held_)
            if (!h.mark) h.mark = out_.sent_into_branch();
    for (; !held_.empty() && held_.front().mark && out_.has_left_branch(*held_.front().mark); held_.pop_front())
        left.push_back(held_.front().of);
    return left;
}

void StageJob::note_state(bool open, bool stalled) {
    using State = StageMeter::State;
    if (!open) return;
    const bool working = std::any_of(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.ticket != 0; });
    meter_.set(working ? State::working : stalled || out_.full() ? State::blocked : State::starved, clock_);
}

std::string StageJob::skipped_text() const {
    if (counts_.skipped <= kSkippedShown) return skipped_;
    return skipped_ + std::to_string(counts_.skipped - kSkippedShown) + " more items were skipped\n";
}

void StageJob::fail(EndReason reason, std::string text) {
    if (failure_) return;
    failure_ = std::move(text);
    failure_reason_ = reason;
}

bool StageJob::finished() {
    if (!pieces_.empty()) return false;
    if (failure_) return true;
    if (is_source()) return ended_;
    // What lies beyond a gap will never be complete.
    if (in_.failed() && (in_.all_links_ended() || in_.ended())) return !in_.has_next();
    return in_.ended() && (ended_ || !(worked_ || stage().form == StageForm::fold));
}

}  // namespace penstock
